"""What all tests share: property tests that are the same on every machine, however slow it is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
