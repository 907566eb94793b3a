"""Recorded rows in comma-separated text, also compressed, read strictly: a fault is named by file and line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2real.errors import RecordingError
from sim2real_envs.parameters import Array

FIRST = 2
"""Line of the file in which the first row stands; line 1 names the columns."""


def read_columns(path: Path, columns: Sequence[str], *, may_end_empty: Sequence[str] = ()) -> dict[str, Array]:
    """Return numeric columns (n,) of a file ``.csv`` or ``.csv.gz``; others in it are not looked at.

    Args:
        path: The file.
        columns: Names that its first line must have.
        may_end_empty: Those among them that may lack the last row, as an action after the last sample does: NaN there.

    Raises:
        RecordingError: If the file is cut off or damaged, lacks a column, or has a cell that is not a finite number;
            names file, line and column.
    """
    header, rows = _table(path, columns)
    table = {}
    for name in columns:
        cells = [row[header.index(name)] for row in rows]
        open_end = name in may_end_empty and cells[-1] == ""
        values = _numbers(path, name, cells[:-1] if open_end else cells)
        table[name] = np.append(values, np.nan) if open_end else values
    return table


def read_texts(path: Path, column: str) -> list[str]:
    """Return a column (n,) of a file ``.csv`` or ``.csv.gz`` as it stands there.

    Raises:
        RecordingError: If the file is cut off or damaged, or lacks the column.
    """
    header, rows = _table(path, [column])
    return [row[header.index(column)] for row in rows]


def _table(path: Path, columns: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return the first line of a file, which must name ``columns``, and the rows below it, all as long."""
    header, *rows = _lines(path)
    missing = [name for name in columns if name not in header]
    if missing:
        raise RecordingError(
            f"{path}, row 1: {', '.join(map(repr, missing))} must be among the columns, but there are only: "
            f"{', '.join(header) or 'none'}."
        )
    if not rows:
        raise RecordingError(
            f"{path}: there must be at least one row below the names of the columns, but there is none."
        )
    for number, row in enumerate(rows, start=FIRST):
        if len(row) != len(header):
            raise RecordingError(
                f"{path}, row {number}: must have {len(header)} cells like the first line, but has {len(row)}. Is the "
                f"file cut off?"
            )
    return header, rows


def _lines(path: Path) -> list[list[str]]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")
        lines = list(csv.reader(text.splitlines(), strict=True))
    except FileNotFoundError:
        raise
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(
            f"{path}: cannot be read: {error}. The file is cut off or damaged; delete it and bring it again with "
            f"`sim2real data fetch`."
        ) from error
    return lines or [[]]


def _numbers(path: Path, name: str, cells: Sequence[str]) -> Array:
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        values = np.array([_number(cell) for cell in cells])
    bad = ~np.isfinite(values)
    if bad.any():
        index = int(np.argmax(bad))
        raise RecordingError(
            f"{path}, row {FIRST + index}: {name!r} must be a finite number, but is {cells[index]!r}. "
            f"Correct that cell, or bring the file again with `sim2real data fetch`."
        )
    return values


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
