"""What all tests share: the same on every machine, however slow it is and however they were started."""

from __future__ import annotations

import signal

from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

# Started in the background of a shell, a process ignores Ctrl-C, and so would all processes that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
