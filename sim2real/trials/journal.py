"""A log that survives a crash at any byte: JSON lines, appended and synced, each whole or not there.

A line is ``{"check": "…", "event": {…}}``. The check is the SHA-256 of the check
of the line before and of the event, so that a line that is torn, changed, moved
or missing shows. What a crash left of the last line is cut off when the log is
opened again; a whole line that does not follow from the one before is an error,
since no crash does that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from sim2real.errors import RunFolderError

_SEED = "sim2real trials"


class Journal:
    """An open journal; one process at a time has it.

    Args:
        path: The file; made if it is not there.

    Raises:
        RunFolderError: If it cannot be written, another process has it open, or it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("a+b", buffering=0)
        except OSError as error:
            raise RunFolderError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not lockf, which any reader's close lets go
        except OSError:
            self._file.close()
            raise RunFolderError(f"{str(path)!r} is being written by another process. Stop that one first.") from None
        try:
            events, self._check, whole = parse(_whole(self._file), str(path))
        except RunFolderError:
            self._file.close()
            raise
        self._events = list(events)
        self._file.truncate(whole)
        _sync_folder(path.parent)

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """Every event so far."""
        return tuple(self._events)

    def append(self, event: Mapping[str, Any]) -> None:
        """Write an event; when this returns it is on the disk.

        Raises:
            RunFolderError: If it cannot be written, such as on a full disk; what got there of it is taken back.
        """
        line, check = written(event, self._check)
        whole = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(whole)
            raise RunFolderError(f"{str(self.path)!r} cannot be written: {error.strerror or error}.") from error
        self._check = check
        self._events.append(json.loads(line)["event"])

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def written(event: Mapping[str, Any], check_before: str) -> tuple[bytes, str]:
    """Return the line of an event behind a line with ``check_before``, and its own check."""
    body = json.dumps(event, allow_nan=False, ensure_ascii=False)
    check = _check(check_before, body)
    return f'{{"check": "{check}", "event": {body}}}\n'.encode(), check


def read_events(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the events of a journal that may be open elsewhere.

    Raises:
        RunFolderError: If it cannot be read, or is damaged.
    """
    try:
        return parse(path.read_bytes(), str(path))[0]
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error


def parse(content: bytes, source: str = "log") -> tuple[tuple[dict[str, Any], ...], str, int]:
    """Return the events of a journal, the check of the last, and how many bytes are whole.

    Raises:
        RunFolderError: If a line that was written whole does not follow from the one before.
    """
    events: list[dict[str, Any]] = []
    check, whole = _SEED, 0
    lines = content.split(b"\n")[:-1]  # what no newline ends is torn
    for number, line in enumerate(lines, start=1):
        found = _event(line, check)
        if found is None:
            if any(_is_line(suspect) for suspect in lines[number - 1 :]):
                raise RunFolderError(
                    f"{source}: line {number} does not follow from the line before, although it or a later one was "
                    "written whole: no crash does that. Restore the file from a copy, or cut it off before line "
                    f"{number} to go on from there."
                )
            break
        event, check = found
        events.append(event)
        whole += len(line) + 1
    return tuple(events), check, whole


def _check(before: str, body: str) -> str:
    return hashlib.sha256(f"{before}\n{body}".encode()).hexdigest()[:16]


def _event(line: bytes, check_before: str) -> tuple[dict[str, Any], str] | None:
    """Return the event of a whole line behind one with ``check_before``, and the line's own check."""
    try:
        text = line.decode()
        found = json.loads(text)
        check, event = found["check"], found["event"]
        body = text[len(f'{{"check": "{check}", "event": ') : -1]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(event, dict) or _check(check_before, body) != check:
        return None
    return (event, check) if text == f'{{"check": "{check}", "event": {body}}}' else None


def _is_line(line: bytes) -> bool:
    try:
        return set(json.loads(line)) == {"check", "event"}
    except (ValueError, TypeError):
        return False


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    return b"".join(iter(lambda: file.read(1 << 20), b""))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
