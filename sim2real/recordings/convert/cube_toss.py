"""From the cube tosses as published, one torch file each, to one table in SI units.

A file holds a double tensor (1, t, 19): position (3), quaternion w x y z (4), velocity (3), angular velocity in the
cube's frame (3) and six zeros, one row each 1/148 s, lengths in half edges of 0.0524 m. ``N.pt`` is toss N.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import RecordingError
from sim2real.recordings.convert import Progress
from sim2real.recordings.cube_toss import COLUMNS, FILE
from sim2real.recordings.tables import read_table, write_table
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.cube_toss import EDGE, RATE

HALF_EDGE = EDGE / 2.0  # m
PERIOD = 1.0 / RATE  # s
_WIDTH = 19

Table = dict[str, NDArray[Any]]


def toss_number(path: Path) -> int:
    """Return the number of the toss in a file.

    Raises:
        RecordingError: If the file is not called by a number.
    """
    if not (path.suffix == ".pt" and path.stem.isdecimal()):
        raise RecordingError(f"{path}: a toss must be called by its number, such as 17.pt.")
    return int(path.stem)


def convert_file(path: Path) -> Table:
    """Return one toss as a table: ``toss``, ``t``, ``pos``, ``quat_wxyz``, ``vel``, ``angvel``.

    Raises:
        RecordingError: If the file cannot be read as such a tensor; names the file and, where there is one, the row.
    """
    rows = _read(path)  # (t, 19)
    bad = ~np.isfinite(rows).all(axis=1)
    if bad.any():
        raise RecordingError(f"{path}, row {int(np.argmax(bad))}: all values must be finite, but there is NaN or inf.")
    return {
        "toss": np.full(len(rows), toss_number(path), dtype=np.int16),
        "t": np.arange(len(rows)) * PERIOD,
        "pos": rows[:, 0:3] * HALF_EDGE,
        "quat_wxyz": rows[:, 3:7].copy(),
        "vel": rows[:, 7:10] * HALF_EDGE,
        "angvel": rows[:, 10:13].copy(),
    }


def _read(path: Path) -> Array:
    import torch

    try:
        tensor = torch.load(path, weights_only=True, map_location="cpu")  # executes nothing that the file brings
    except (RuntimeError, EOFError, ValueError, OSError, KeyError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise RecordingError(
            f"{path}: cannot be read from row 0 on as a torch tensor: {reason}. The file is cut off, damaged, or not "
            f"one of the published tosses."
        ) from error
    if not isinstance(tensor, torch.Tensor) or tensor.ndim != 3 or tensor.shape[0] != 1 or tensor.shape[2] != _WIDTH:
        shape = tuple(tensor.shape) if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise RecordingError(f"{path}: a toss must be a tensor of shape (1, t, {_WIDTH}), but got {shape}.")
    rows: Array = tensor[0].to(torch.float64).numpy()
    return rows


def join(tables: Iterable[Table]) -> Table:
    """Return one table with the rows of all, in the order given."""
    listed = list(tables)
    return {name: np.concatenate([table[name] for table in listed]) for name in listed[0]}


def convert_files(paths: Iterable[Path], progress: Callable[[int], None] | None = None) -> Table:
    """Return all tosses in one table, by ascending number; ``progress`` is called with the count so far.

    Raises:
        RecordingError: If a file cannot be read; names it.
    """
    tables = []
    for done, path in enumerate(sorted(paths, key=toss_number), start=1):
        tables.append(convert_file(path))
        if progress is not None:
            progress(done)
    return join(tables)


def convert(published: Path, destination: Path, progress: Progress) -> int:
    """Write the table of all tosses in ``published``: see ``sim2real.recordings.convert.Converter``."""
    paths = list(published.glob("*.pt"))
    if paths:
        table = convert_files(paths, lambda done: progress(done, len(paths)))
        write_table(destination / Path(FILE).name, table)
    return len(paths)


def checksums(destination: Path) -> dict[str, str]:
    """Return the checksum of every toss in the table that ``convert`` wrote, by the name of its published file."""
    table = read_table(destination / Path(FILE).name, COLUMNS)
    numbers = table["toss"]
    return {
        f"{number}.pt": checksum({name: column[numbers == number] for name, column in table.items()})
        for number in dict.fromkeys(numbers.tolist())
    }


def checksum(table: Table) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a toss's values, little-endian float64, row by row."""
    columns = [table["t"][:, None], table["pos"], table["quat_wxyz"], table["vel"], table["angvel"]]
    values = np.ascontiguousarray(np.concatenate(columns, axis=1), dtype="<f8")  # (t, 14)
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]
