"""Ten rollouts of a real Quanser Qube at 250 Hz: volts in, the angles of arm and pole out.

From the evaluation data of SimuRLacra (Muratore et al., github.com/famura/SimuRLacra), BSD-3: five chirps of 1.5 V
from 10 to 0 Hz with the pole hanging, 10 s each, and five swing-ups by an energy controller, 5 s each. One file
``<kind>__<date>_<time>.csv.gz`` each, with the columns ``t`` s, ``theta`` (arm) and ``alpha`` (pole, 0 hanging) rad,
and ``volt_applied``, held from a sample to the next.

Every rollout is cut into windows of half a second, each a recording of its own that is replayed open loop: a longer
prediction of a pole near upright says more about chance than about parameters. A window starts from a polynomial
through the samples within 24 ms around its beginning, because the encoders count in steps of 3 mrad; the velocities
that were published lag behind by their filter. Windows of one rollout are one group, never on both sides of a split.
The last sample of every rollout was read about a period late, when the motion had gone on twice as far as in the
periods before: it is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.errors import RecordingError
from sim2real.recordings.base import Recording, Rows, require_increasing
from sim2real.recordings.delimited import FIRST, read_columns
from sim2real.recordings.local_fit import state_at
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.furuta import RATE
from sim2real_envs.state import WorldState

CHIRPS, SWING_UPS = "qq_chrip_", "qq-su_"
"""How the names of files begin, as their authors spelled them."""
FILE = "furuta_quanser/qq_chrip_10to0Hz_p1.5V_250Hz_10s__2021-04-14_18-53-40.csv.gz"
"""Place of one of the rollouts in the data folder; the others are beside it."""
COLUMNS = ("t", "theta", "alpha", "volt_applied")
WINDOW = 125
"""Sampling periods in a window."""

_REACH = 6  # samples on each side of a start: 24 ms
_COMMANDS = 25  # samples of voltage kept before a window: the longest delay within the limits of the rig
_CLOCK_TOLERANCE = 0.01  # of a sampling period
_KINDS = {CHIRPS: "chirp", SWING_UPS: "swing-up"}


def load(path: Path) -> tuple[Recording, ...]:
    """Return the windows of all rollouts beside ``path``, chirps first.

    Raises:
        RecordingError: If a file is damaged, lacks a column, or has a row that is not finite or not at 250 Hz; names
            file and row.
    """
    return load_chirps(path) + _windows_of_all(path, SWING_UPS)


def load_chirps(path: Path) -> tuple[Recording, ...]:
    """Return the windows of the chirps beside ``path``; raises as ``load``."""
    return _windows_of_all(path, CHIRPS)


def _windows_of_all(path: Path, kind: str) -> tuple[Recording, ...]:
    files = sorted(path.parent.glob(f"{kind}*.csv.gz"))
    return tuple(window for file in files for window in _windows(file, _KINDS[kind]))


def _windows(path: Path, kind: str) -> list[Recording]:
    table = read_columns(path, COLUMNS, may_end_empty=("volt_applied",))
    times, angles, volts = table["t"], np.stack([table["theta"], table["alpha"]], axis=1), table["volt_applied"]
    _require_rate(path, times)
    if len(times) <= WINDOW:
        raise RecordingError(
            f"{path}, row {FIRST + len(times) - 1}: a rollout must have {WINDOW + 1} rows, a window of half a second, "
            f"but ends after {len(times)}."
        )
    group = f"{kind} {path.name.partition('.csv')[0].rpartition('_')[2].replace('-', ':')}"
    angles = angles[:-1]  # read late
    return [_window(group, times, angles, volts, first) for first in range(0, len(angles) - WINDOW + 1, WINDOW)]


def _require_rate(path: Path, times: Array) -> None:
    rows = Rows(path, FIRST)
    require_increasing(rows, "t", times)
    gaps = np.abs(np.diff(times) * RATE - 1.0) > _CLOCK_TOLERANCE
    if gaps.any():
        row = int(np.argmax(gaps)) + 1
        raise rows.refuse(
            row, f"samples must be {1 / RATE:g} s apart, but t goes on by {times[row] - times[row - 1]:.6g} s."
        )


def _window(group: str, times: Array, angles: Array, volts: Array, first: int) -> Recording:
    last = min(first + WINDOW, len(angles) - 1)
    at = state_at(times[: len(angles)], angles, first, _REACH)
    before = volts[max(first - _COMMANDS, 0) : first, None]
    name = f"{group}, {times[first]:.1f} s"
    return Recording(
        name=name,
        times=np.arange(last - first + 1) / RATE,
        values={"joint.position": angles[first : last + 1]},
        actions=volts[first:last, None],
        rate=RATE,
        start=WorldState(
            values={"joint.position": at.position, "joint.velocity": at.velocity},
            spread={"joint.position": at.position_error, "joint.velocity": at.velocity_error},
            commands=before if first else np.zeros((1, 1)),  # nothing drives it before a rollout
        ),
        motion=name,
        group=group,
    )
