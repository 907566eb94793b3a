"""Converters from published files to the data folder: the only other place that may load torch, inside a function.

One module a publication. It has ``convert``, which writes the data set's files; and where checksums of the published
recordings are known (``sim2real/recordings/<name>.sums``), ``checksums``, which computes those of what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

Progress = Callable[[int, int], None]
"""Called with (done, total) recordings, or files, whichever takes the time."""


class Converter(Protocol):
    """What a module of this package offers."""

    def convert(self, published: Path, destination: Path, progress: Progress) -> int:
        """Write the files of a data set, and return how many recordings they have.

        Args:
            published: The folder of the repository that has the recordings; may be missing or empty.
            destination: An empty folder; the data set's files are written directly into it.
            progress: Called as it goes.

        Returns:
            The number of recordings; 0 where there are none, and then nothing need be written.

        Raises:
            RecordingError: If a file cannot be read as published; names the file and the row.
        """


def converter(name: str) -> Converter:
    """Return the module of this package called ``name``."""
    return cast(Converter, import_module(f"{__name__}.{name}"))


def checksums(name: str, destination: Path) -> Mapping[str, str]:
    """Return the checksum of every converted recording by the name of its published file; empty without any known."""
    compute = getattr(import_module(f"{__name__}.{name}"), "checksums", None)
    return {} if compute is None else cast(Callable[[Path], Mapping[str, str]], compute)(destination)
