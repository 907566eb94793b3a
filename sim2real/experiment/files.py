"""Files that are whole or not there: written beside, synced, and renamed into place."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim2real.errors import RunFolderError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write a file or a folder to; at the end it takes the place of ``path``.

    A reader, or the next process after a kill, finds the old content or the new, never a part of it.

    Raises:
        RunFolderError: If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        if path.is_dir():
            remove(path)
        temporary.replace(path)
        _sync(path.parent, recursive=False)
    except RunFolderError:
        raise
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            remove(temporary)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; wait for it while another process has it. A process that dies lets go.

    Raises:
        RunFolderError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)  # a record lock: forked workers do not inherit it
            yield
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, or none."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: object) -> None:
    """Write a whole JSON file, or none; NaN is refused, as it is not JSON."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run folder.

    Raises:
        RunFolderError: If it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{str(path)!r} cannot be read: {error}.") from error


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for leftover in sorted(folder.rglob(".*.tmp")):
        remove(leftover)


def _sync(path: Path, *, recursive: bool = True) -> None:
    for inner in path.rglob("*") if recursive and path.is_dir() else ():
        _sync(inner, recursive=False)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
