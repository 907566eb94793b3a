"""From the rollouts of the rotary pendulum as published, one pickle each, to one compressed table each.

A file holds a ``StepSequence`` of SimuRLacra: ``states`` (t + 1, 4) of angles and velocities, ``actions`` (t, 1) V as
commanded and ``actions_applied`` (t, 1) V as sent, one row every 4 ms. Where there are no states, the angles are those
of the sines and cosines in ``observations``; where there is nothing applied, the commands within the drive's 4 V.

Nothing that a pickle brings is executed: only NumPy's arrays are made, everything else becomes an inert record.
"""

from __future__ import annotations

import csv
import gzip
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import RecordingError
from sim2real.recordings.convert import Progress
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.furuta import RATE

HEADER = ("t", "theta", "alpha", "volt_cmd", "volt_applied")
"""Columns that are written: s, rad, rad, V, V."""
MOST_VOLTS = 4.0
"""What the drive passes on at most [V]."""

_ARRAYS = {"_reconstruct", "_frombuffer", "scalar", "ndarray", "dtype"}


class _Inert:
    """Stands for whatever a pickle names: takes every argument, keeps a state of plain fields, does nothing."""

    def __new__(cls, *_: object, **__: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        self.fields: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.fields = dict(state) if isinstance(state, dict) else {}

    def __setitem__(self, key: object, value: object) -> None:
        """Take an item of a mapping."""

    def append(self, value: object) -> None:
        """Take an item of a list."""

    def extend(self, values: object) -> None:
        """Take items of a list."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in _ARRAYS:
            return super().find_class(module, name)
        return _encoded if (module, name) == ("_codecs", "encode") else _Inert


def _encoded(text: str, encoding: str) -> bytes:
    """Return the bytes of an array as protocols before 3 write them: as text, one character a byte."""
    return text.encode(encoding if encoding in ("latin1", "latin-1") else "ascii")


def convert(published: Path, destination: Path, progress: Progress) -> int:
    """Write a table for every rollout in ``published``: see ``sim2real.recordings.convert.Converter``."""
    paths = sorted(published.glob("*/rollout_real_*.pkl"))
    for done, path in enumerate(paths, start=1):
        name = f"{path.parent.name.replace('+', 'p')}__{path.stem.removeprefix('rollout_real_')}.csv.gz"
        (destination / name).write_bytes(convert_file(path))
        progress(done, len(paths))
    return len(paths)


def convert_file(path: Path) -> bytes:
    """Return one rollout as compressed comma-separated text with the columns ``HEADER``.

    Raises:
        RecordingError: If the file cannot be read as such a pickle, or a row is not finite; names file and row.
    """
    fields = _fields(path)
    angles = _angles(path, fields)
    commanded = _column(path, fields, "actions")
    applied = (
        _column(path, fields, "actions_applied")
        if "actions_applied" in fields
        else commanded.clip(-MOST_VOLTS, MOST_VOLTS)
    )
    if not len(angles) == len(commanded) + 1 == len(applied) + 1:
        raise RecordingError(
            f"{path}: there must be one state more than actions, but there are {len(angles)} states, {len(commanded)} "
            f"actions and {len(applied)} applied."
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row, (theta, alpha) in enumerate(angles.tolist()):
        volts = [f"{each[row]:.9g}" if row < len(each) else "" for each in (commanded, applied)]
        writer.writerow([f"{row / RATE:.6g}", f"{theta:.9g}", f"{alpha:.9g}", *volts])
    return gzip.compress(text.getvalue().encode("ascii"), mtime=0)


def _fields(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            read = _Unpickler(file).load()
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise RecordingError(
            f"{path}: cannot be read from row 0 on as a pickle: {error}. The file is cut off, damaged, or not one of "
            f"the published rollouts."
        ) from error
    if not isinstance(read, _Inert) or "actions" not in read.fields:
        found = ", ".join(read.fields) if isinstance(read, _Inert) else type(read).__name__
        raise RecordingError(f"{path}: a rollout must have 'actions', but has: {found or 'nothing'}.")
    return read.fields


def _angles(path: Path, fields: Mapping[str, Any]) -> Array:
    """Return arm and pole, (t + 1, 2) [rad]."""
    if "states" in fields:
        return _rows(path, fields, "states", 2)[:, :2]
    sines = _rows(path, fields, "observations", 4)
    turned: Array = np.unwrap(np.arctan2(sines[:, [0, 2]], sines[:, [1, 3]]), axis=0)
    return turned


def _column(path: Path, fields: Mapping[str, Any], name: str) -> Array:
    return _rows(path, fields, name, 1)[:, 0]


def _rows(path: Path, fields: Mapping[str, Any], name: str, width: int) -> Array:
    values = fields.get(name)
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.shape[1] < width or values.dtype.kind != "f":
        found = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise RecordingError(f"{path}: {name!r} must hold numbers of shape (t, {width} or more), but holds {found}.")
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise RecordingError(f"{path}, row {int(np.argmax(bad))}: {name!r} must be finite, but there is NaN or inf.")
    rows: Array = values.astype(np.float64)
    return rows
