"""PyBullet, imported without the build time that it prints into every process's standard error."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def silenced(descriptor: int) -> Iterator[None]:
    """Send what C code writes to ``descriptor`` nowhere; where there is no such descriptor, do nothing."""
    try:
        saved = os.dup(descriptor)
    except OSError:  # closed, as in a process without a console
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device, not a path)
            os.dup2(nowhere.fileno(), descriptor)
        yield
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)


with silenced(2):
    import pybullet

__all__ = ["pybullet", "silenced"]
