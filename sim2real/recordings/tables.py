"""Tables of recorded rows in NumPy archives: read without executing anything, written whole or not at all."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import RecordingError

Columns = Mapping[str, int | None]
"""Column name to its width; None for a column of plain numbers."""


def read_table(path: Path, columns: Columns) -> dict[str, NDArray[Any]]:
    """Return the columns of an ``.npz`` archive, all with the same number of rows.

    Raises:
        RecordingError: If the archive is cut off or damaged, a column is missing or of the wrong kind, or the columns
            differ in length; names the file and, where there is one, the row.
    """
    table = _read(path, columns)
    for name, width in columns.items():
        array, wanted = table[name], "(n,)" if width is None else f"(n, {width})"
        shape = () if width is None else (width,)
        if array.ndim == 0 or array.shape[1:] != shape or array.dtype.kind not in "iuf":
            raise RecordingError(
                f"{path}: {name!r} must hold numbers of shape {wanted}, but holds {array.dtype} of shape {array.shape}."
            )
    lengths = {name: len(array) for name, array in table.items()}
    shortest = min(lengths, key=lambda name: lengths[name])
    if len(set(lengths.values())) > 1:
        raise RecordingError(
            f"{path}, row {lengths[shortest]}: {shortest!r} ends here, but others go on: "
            + ", ".join(f"{name} has {length} rows" for name, length in lengths.items())
        )
    if lengths[shortest] == 0:
        raise RecordingError(f"{path}: there must be at least one row, but there is none.")
    return table


def _read(path: Path, columns: Columns) -> dict[str, NDArray[Any]]:
    name = "the archive"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds one bare array")
            missing = [column for column in columns if column not in archive.files]
            if missing:
                raise RecordingError(
                    f"{path}: {', '.join(map(repr, missing))} must be in the archive, but it has only: "
                    f"{', '.join(archive.files) or 'nothing'}."
                )
            table = {}
            for name in columns:
                table[name] = archive[name]
            return table
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        what = name if name == "the archive" else f"column {name!r}"
        raise RecordingError(
            f"{path}: {what} cannot be read from row 0 on: {error}. The file of {path.stat().st_size} bytes is cut off "
            f"or damaged; delete it and bring it again with `sim2real data fetch`."
        ) from error


def write_table(path: Path, table: Mapping[str, NDArray[Any]]) -> None:
    """Write an ``.npz`` archive whole: beside its place first, then renamed into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        np.savez_compressed(file, **table)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
