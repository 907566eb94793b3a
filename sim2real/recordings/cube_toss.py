"""456 and more real tosses of an acrylic cube onto a table, tracked at 148 Hz from release to rest.

From DAIRLab/contact-nets, ``data/tosses_processed`` (Pfrommer, Halm, Posa: "ContactNets: Learning Discontinuous
Contact Dynamics with Smooth, Implicit Representations", CoRL 2020, arXiv:2009.11193), BSD-3. The publication has 570
tosses, numbered from 0; any subset of them can be loaded.

What is known of the recordings: the published velocities are backward differences of the positions over the
camera's own clock, passed through a median of three; the angular velocities are in the cube's frame; and lengths are
about 2 % too short (free flight measures 9.61 m/s2, and the resting cube's centre stands 0.4 to 1.7 mm too low), which
the rig has a parameter for, ``recording.length_scale``. About one toss in twenty is in the publication twice, the copy
turned about the vertical: its heights are the same to the last digit.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real.recordings.base import Recording, Rows, require_finite, require_increasing, require_unit
from sim2real.recordings.free_flight import start_of_flight
from sim2real.recordings.tables import read_table
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.cube_toss import RATE, flight_samples

FILE = "cube_toss/cube_toss.npz"
"""Place of the table in the data folder."""

COLUMNS = {"toss": None, "t": None, "pos": 3, "quat_wxyz": 4, "vel": 3, "angvel": 3}
"""Columns of the table: number, s, m, unit quaternion, m/s in the world frame, rad/s in the cube's frame."""

_SHORTEST = 10  # samples: enough for a flight and a contact
_CLOCK_TOLERANCE = 0.01  # of a sampling period
_SAME_DIGITS = 9  # of a height [m]: copies agree to 1e-16, distinct tosses differ by 1e-4


def load(path: Path) -> tuple[Recording, ...]:
    """Return all tosses of a table, in the order of its rows.

    Raises:
        RecordingError: If the file is damaged, or a row breaks the layout: not finite, no unit quaternion, time that
            does not start at 0 or does not increase at 148 Hz, rows of a toss that are not consecutive; names file and
            row.
    """
    table = read_table(path, COLUMNS)
    for name in COLUMNS:
        require_finite(Rows(path), name, table[name])
    require_unit(Rows(path), "quat_wxyz", table["quat_wxyz"])
    numbers = table["toss"].astype(np.int64)
    firsts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    recordings: dict[int, Recording] = {}
    motions: dict[bytes, str] = {}
    for first, end in itertools.pairwise(firsts):
        number, rows = int(numbers[first]), Rows(path, first)
        if number in recordings:
            raise rows.refuse(0, f"the rows of one toss must be consecutive, but toss {number} begins a second time.")
        columns = {name: table[name][first:end] for name in COLUMNS}
        motion = motions.setdefault(columns["pos"][:, 2].round(_SAME_DIGITS).tobytes(), f"toss-{number}")
        recordings[number] = _toss(number, rows, columns, motion)
    return tuple(recordings.values())


def _toss(number: int, rows: Rows, columns: dict[str, Array], motion: str) -> Recording:
    times = columns["t"].astype(np.float64)
    if len(times) < _SHORTEST:
        raise rows.refuse(len(times) - 1, f"toss {number} must have {_SHORTEST} rows, but ends after {len(times)}.")
    if times[0] != 0.0:
        raise rows.refuse(0, f"the time of toss {number} must start at 0, but starts at {times[0]:.6g} s.")
    require_increasing(rows, "t", times)
    gaps = np.abs(np.diff(times) * RATE - 1.0) > _CLOCK_TOLERANCE
    if gaps.any():
        row = int(np.argmax(gaps)) + 1
        raise rows.refuse(
            row, f"samples must be {1 / RATE:.6f} s apart, but t goes on by {times[row] - times[row - 1]:.6f} s."
        )
    orientation = columns["quat_wxyz"][:, [1, 2, 3, 0]]
    poses = np.concatenate([columns["pos"], orientation], axis=1)  # (t, 7)
    turning = Rotation.from_quat(orientation).apply(columns["angvel"])  # cube's frame to world, (t, 3)
    flight = flight_samples(poses)
    return Recording(
        name=f"toss-{number}",
        times=times,
        values={"object.pose": poses, "object.twist": np.concatenate([columns["vel"], turning], axis=1)},
        actions=np.empty((len(times) - 1, 0)),
        rate=RATE,
        start=start_of_flight(times[:flight], poses[:flight]),
        motion=motion,
    )
