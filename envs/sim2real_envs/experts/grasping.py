"""What the experts with a grasp share: smooth switches, and the two ways of a tool, down to a place and off with it.

Nothing is remembered and nothing switches at once: every choice is a share in 0 … 1 that follows from the geometry,
so that a policy can be regressed on it.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.backends.base import Reading
from sim2real_envs.parameters import Array
from sim2real_envs.tasks.grasping import grip_force

READY, WIDE = 0.03, 0.04  # [m] opening of each finger on the way to an object, and at most
_LOOSE, _FIRM = 4.0, 14.0  # [N] grip force from which an object begins to be, and is, held


def rise(value: float, low: float, high: float) -> float:
    """Return the share in 0 … 1 that ``value`` has come from ``low`` to ``high``; falls where ``low > high``."""
    return min(max((value - low) / (high - low), 0.0), 1.0)


def held(reading: Reading) -> float:
    """Return how firmly the hand holds something, 0 … 1."""
    return rise(grip_force(reading.finger_forces), _LOOSE, _FIRM)


def funnel(way: Array, hover: float, inner: float, slope: float) -> Array:
    """Return the way (3,) [m] to go now so that ``way`` ends from above.

    Args:
        way: From here to the place (3,) [m].
        hover: Height above the place to keep while it is far [m].
        inner: Distance in the plane at which the height is given up [m].
        slope: Height per distance in the plane beyond ``inner``.
    """
    aside = math.hypot(float(way[0]), float(way[1]))
    height = min(max(slope * (aside - inner), 0.0), hover)
    return np.array([way[0], way[1], way[2] + height])


def grip_action(wanted: float) -> float:
    """Return the gripper's action for an opening of each finger [m]; below 0 presses."""
    return min(max(2.0 * wanted / WIDE - 1.0, -1.0), 1.0)
