"""The states of an episode, of which sensors tell poses but no twists: these follow from the poses around.

The log is complete when it is read, so that the twist at a sample may use the sample behind it. With the velocities
a and b of the two periods on either side, each component is their harmonic mean 2 a b / (a + b) where they agree in
sign and else 0 (van Leer, "Towards the ultimate conservative difference scheme II", J. Comput. Phys. 14, 1974): for
steady motion their mean, and exactly 0 for an object that lay still and is hit in the next period, or that has just
come to rest. Friction stops what slides within millimetres, so that this is worth more than one order of accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

_TWISTS = {"object.twist": "object.pose", "support.twist": "support.pose"}


def with_twists(states: Sequence[WorldState], period: float) -> tuple[WorldState, ...]:
    """Return consecutive states whose twists are those of their poses; the first one's stays as it is told.

    Args:
        states: One a control step.
        period: Between them [s].
    """
    if len(states) < 2:
        return tuple(states)
    values = [dict(state.values) for state in states]
    spreads = [dict(state.spread) for state in states]
    for twist, pose in _TWISTS.items():
        if pose not in states[0].values:
            continue
        measured = twists(np.stack([state.values[pose] for state in states]), period)
        for row, (value, spread, state) in enumerate(zip(values, spreads, states, strict=True)):
            if row == 0:
                continue
            value[twist] = measured[row]
            if pose in state.spread:  # of the difference of two samples that are two periods apart
                spread[twist] = state.spread[pose] / (np.sqrt(2.0) * period)
    whole = zip(values, spreads, states, strict=True)
    return tuple(WorldState(value, spread, state.commands) for value, spread, state in whole)


def twists(poses: Array, period: float) -> Array:
    """Return twists (t, 6) [m/s, rad/s] at poses (t, 7) that are ``period`` [s] apart; at the ends of one side only."""
    turns = (Rotation.from_quat(poses[1:, 3:]) * Rotation.from_quat(poses[:-1, 3:]).inv()).as_rotvec()
    between = np.hstack([np.diff(poses[:, :3], axis=0), turns]) / period  # (t - 1, 6)
    before, after = np.vstack([between[:1], between]), np.vstack([between, between[-1:]])
    agree = before * after > 0.0
    mean: Array = np.where(agree, 2.0 * before * after / np.where(agree, before + after, 1.0), 0.0)
    return mean
