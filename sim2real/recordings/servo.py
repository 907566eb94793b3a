"""Real logs of a Dynamixel XL330 that swings a known weight, at about 187 Hz: goal position in, angle out.

From Rhoban/bam, ``bam/data.bak/raw`` (Duclusaud, Passault, Padois, Ly: "Extended Friction Models for the Physics
Simulation of Servo Actuators", ICRA 2025, arXiv:2410.08650), Apache-2.0: 0.49 kg at 0.1 m, the same motions at several
gains of the firmware's position controller, 6 s each. One table ``<motor>__<motion>__kp<gain>__….csv.gz`` each, with
what was set in the ``.json`` beside it; the encoder counts in steps of 1.5 mrad.

Every log is cut into windows of about a second, each a recording of its own that is replayed open loop. Windows of one
gain are one group: what was fitted at a gain is judged at others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import RecordingError
from sim2real.recordings.base import Recording, Rows, require_increasing
from sim2real.recordings.delimited import FIRST, read_columns, read_texts
from sim2real.recordings.local_fit import state_at
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.servo import LENGTH, MASS, RATE
from sim2real_envs.state import WorldState

FILE = "servo_bam/xl330__sin_sin__kp100__m0.49__l0.1__2026-01-15_10h28m10.csv.gz"
"""Place of one of the logs in the data folder; the others are beside it."""
COLUMNS = ("timestamp", "position", "goal_position")
SETTINGS = ("motor", "trajectory", "kp", "mass", "length")
WINDOW = 184
"""Sampling periods in a window: a little less than a second, so that a log of 6 s has six of them."""

_REACH = 6  # samples on each side of a start: 32 ms
_COMMANDS = 20  # goals kept before a window: the longest delay within the limits of the rig
_LONGEST_GAP = 0.02  # s
_SWITCH = {"True": 1.0, "False": 0.0}


def load(path: Path) -> tuple[Recording, ...]:
    """Return the windows of all logs beside ``path``.

    Raises:
        RecordingError: If a file is damaged, lacks a column or a setting, has a row that is not finite or comes more
            than 20 ms after the one before, or is of another motor or weight; names file and row.
    """
    logs = sorted(path.parent.glob("*.csv.gz"))
    return tuple(window for log in logs for window in _windows(log))


def _windows(path: Path) -> list[Recording]:
    settings = read_settings(path.with_name(path.name.replace(".csv.gz", ".json")))
    table = read_columns(path, COLUMNS)
    times, positions = table["timestamp"], table["position"][:, None]
    _require_clock(path, times)
    if len(times) <= WINDOW:
        raise RecordingError(
            f"{path}, row {FIRST + len(times) - 1}: a log must have {WINDOW + 1} rows, a window of a second, but ends "
            f"after {len(times)}."
        )
    actions = np.stack([table["goal_position"], float(settings["kp"]) * _switched_on(path)], axis=1)
    return [_window(settings, times, positions, actions, first) for first in range(0, len(times) - WINDOW, WINDOW)]


def read_settings(path: Path) -> dict[str, Any]:
    """Return what was set when a log was recorded: ``motor``, ``trajectory``, ``kp``, ``mass`` kg, ``length`` m.

    Raises:
        RecordingError: If the file is missing or damaged, lacks one of them, or is of another motor or weight.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordingError(
            f"{path}: the settings of a log must stand beside it, but cannot be read: {error}. Bring them with "
            f"`sim2real data fetch servo`."
        ) from error
    missing = [name for name in SETTINGS if not isinstance(settings, dict) or name not in settings]
    if missing:
        raise RecordingError(f"{path}: {', '.join(map(repr, missing))} must be set, but is not.")
    for name, wanted in {"motor": "xl330", "mass": MASS, "length": LENGTH}.items():
        if settings[name] != wanted:
            raise RecordingError(f"{path}: {name!r} must be {wanted!r} as in the rig, but is {settings[name]!r}.")
    gain = settings["kp"]
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not 0.0 < gain < 1e5:
        raise RecordingError(f"{path}: 'kp' must be a gain above 0, but is {gain!r}.")
    return dict(settings)


def _switched_on(path: Path) -> Array:
    cells = read_texts(path, "torque_enable")
    for row, cell in enumerate(cells):
        if cell not in _SWITCH:
            raise Rows(path, FIRST).refuse(row, f"'torque_enable' must be True or False, but is {cell!r}.")
    return np.array([_SWITCH[cell] for cell in cells])


def _require_clock(path: Path, times: Array) -> None:
    rows = Rows(path, FIRST)
    require_increasing(rows, "timestamp", times)
    gaps = np.diff(times) > _LONGEST_GAP
    if gaps.any():
        row = int(np.argmax(gaps)) + 1
        apart = times[row] - times[row - 1]
        raise rows.refuse(
            row, f"samples must be at most {_LONGEST_GAP:g} s apart, but the time goes on by {apart:.6g} s."
        )


def _window(settings: dict[str, Any], times: Array, positions: Array, actions: Array, first: int) -> Recording:
    last = first + WINDOW
    at = state_at(times, positions, first, _REACH)
    group = f"gain {settings['kp']:g}"
    name = f"{settings['trajectory']} at {group}, {times[first]:.1f} s"
    return Recording(
        name=name,
        times=times[first : last + 1] - times[first],
        values={"joint.position": positions[first : last + 1]},
        actions=actions[first:last],
        rate=RATE,
        start=WorldState(
            values={"joint.position": at.position, "joint.velocity": at.velocity},
            spread={"joint.position": at.position_error, "joint.velocity": at.velocity_error},
            commands=actions[max(first - _COMMANDS, 0) : max(first, 1)],
        ),
        motion=name,
        group=group,
    )
