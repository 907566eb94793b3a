"""Whether a log of an arm moves enough to identify anything from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real.recordings.base import Recording
from sim2real.recordings.joint_log import POSITION, VELOCITY
from sim2real_envs.parameters import Array

STILL = 0.02
"""A joint that moves less than that says little of its friction and gains [rad]."""
SLOW = 0.1
"""A log whose joints all stay slower says little of damping, armature and delay [rad/s]."""


def excitation_warnings(recordings: Sequence[Recording]) -> tuple[str, ...]:
    """Return what is said of motion that identifies little, before anything is fitted."""
    moves = np.array([np.ptp(_known(recording.values[POSITION]), axis=0) for recording in recordings])
    speeds = np.array([np.abs(_known(recording.values[VELOCITY])).max(axis=0) for recording in recordings])
    still = np.flatnonzero(moves.max(axis=0) < STILL) + 1
    if len(still) == moves.shape[1]:
        return (f"No joint moves by {STILL:g} rad within a window: the log identifies nothing. Log larger motions.",)
    found = []
    if len(still) > 0:
        many = len(still) > 1
        who = f"Joints {', '.join(map(str, still))} hardly move" if many else f"Joint {still[0]} hardly moves"
        found.append(f"{who} (less than {STILL:g} rad within a window): what is found comes from the others.")
    if speeds.max() < SLOW:
        found.append(
            f"No joint is faster than {SLOW:g} rad/s: damping, armature and delay can hardly be told. Log fast motions."
        )
    return tuple(found)


def _known(values: Array) -> Array:
    return values[np.isfinite(values).all(axis=1)]
