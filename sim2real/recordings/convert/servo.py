"""From the logs of the servo as published, one JSON file each, to one compressed table and its settings each.

A file holds the settings (``mass`` kg, ``length`` m, ``kp``, ``vin`` V, ``motor``, ``trajectory``) and ``entries``, one
a sample: ``position`` and ``goal_position`` rad, ``speed`` rad/s, ``load`` in thousandths of full duty as an unsigned
16-bit number, ``input_volts``, ``temp`` °C, ``timestamp`` s, ``torque_enable``. Numbers keep six digits.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from sim2real.errors import RecordingError
from sim2real.recordings.convert import Progress
from sim2real.recordings.servo import SETTINGS

HEADER = (
    "position", "speed", "load", "input_volts", "temp", "timestamp", "goal_position", "torque_enable"
)  # fmt: skip
"""Columns that are written, in the order of the published entries."""


def convert(published: Path, destination: Path, progress: Progress) -> int:
    """Write table and settings of every log in ``published``: see ``sim2real.recordings.convert.Converter``."""
    paths = sorted(published.glob("*.json"))
    for done, path in enumerate(paths, start=1):
        name, settings, table = convert_file(path)
        (destination / f"{name}.json").write_text(json.dumps(settings), encoding="utf-8")
        (destination / f"{name}.csv.gz").write_bytes(gzip.compress(table.encode("ascii"), mtime=0))
        progress(done, len(paths))
    return len(paths)


def convert_file(path: Path) -> tuple[str, dict[str, Any], str]:
    """Return name, settings and table, as comma-separated text, of one log.

    Raises:
        RecordingError: If the file is damaged, or lacks a setting or a value; names file and row.
    """
    try:
        log = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordingError(f"{path}: cannot be read as JSON: {error}. The file is cut off or damaged.") from error
    missing = [name for name in (*SETTINGS, "entries") if not isinstance(log, dict) or name not in log]
    if missing:
        raise RecordingError(f"{path}: {', '.join(map(repr, missing))} must be there, but is not.")
    entries = log.pop("entries")
    if not isinstance(entries, list) or not entries:
        raise RecordingError(f"{path}: 'entries' must be a list of samples, but is empty or none.")
    lines = [",".join(HEADER), *(_line(path, row, entry) for row, entry in enumerate(entries))]
    name = f"{log['motor']}__{log['trajectory']}__kp{log['kp']}__m{log['mass']}__l{log['length']}__{path.stem}"
    return name, log, "\n".join([*lines, ""])


def _line(path: Path, row: int, entry: object) -> str:
    cells = []
    for name in HEADER:
        value = entry.get(name) if isinstance(entry, dict) else None
        if not isinstance(value, int | float) or (name == "torque_enable") != isinstance(value, bool):
            wanted = "true or false" if name == "torque_enable" else "a number"
            raise RecordingError(f"{path}, row {row}: {name!r} must be {wanted}, but is {value!r}.")
        cells.append(str(value) if isinstance(value, bool) else f"{value:.6g}")
    return ",".join(cells)
