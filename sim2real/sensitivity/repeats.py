"""A start that is repeated on a real table: as exactly as a hand can put an object down again."""

from __future__ import annotations

import numpy as np

from sim2real.targets.starts import drawn_start
from sim2real_envs.state import WorldState

PLACED = (1e-3, 0.01)
"""How exactly a hand repeats a start: standard deviations of an object's x and y [m] and of its yaw [rad]."""
POSED = 2e-4
"""How exactly an arm repeats a start: standard deviation of every joint [rad]."""
_PLACING = 1


def repeated(start: WorldState, seed: int) -> WorldState:
    """Return ``start`` as it is when a trial is repeated: put down by hand again, from a stream of its own.

    What is held in the hand stays in it as it is.
    """
    if "finger.command" in start.values:
        return start
    place, yaw = PLACED
    spread = {
        name: np.array([place, place, 0.0, 0.0, 0.0, yaw])
        for name in ("object.pose", "support.pose")
        if name in start.values
    }
    if "joint.position" in start.values:
        spread["joint.position"] = np.full(len(start.values["joint.position"]), POSED)
    rng = np.random.default_rng([seed, _PLACING])
    return drawn_start(WorldState(start.values, spread, start.commands), rng)
