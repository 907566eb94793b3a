"""What the experts with a grasp share: smooth switches, and the way of a tool down to a place.

Nothing is remembered and nothing switches at once: every choice is a share in 0 … 1 that follows from the geometry,
so that a policy can be regressed on it.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.backends.base import Reading
from sim2real_envs.experts.base import towards
from sim2real_envs.parameters import Array
from sim2real_envs.tasks.grasping import grip_force

READY = 0.03  # [m] opening of each finger on the way to an object
_STROKE = 0.04  # [m]
_LOOSE, _FIRM = 4.0, 16.0  # [N] grip force from which an object begins to be, and is, held
_LOOK_AHEAD = 0.04  # [s] that the arm goes on moving after a command


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


def settling(way: Array, velocity: Array, gain: float) -> Array:
    """Return the action (3,) that goes ``way`` (3,) [m] and stops there: it counts what the arm will still move.

    Args:
        way: From the tool to where it should be (3,) [m].
        velocity: Of the tool (3,) [m/s].
        gain: Share of the rest of the way to ask for.
    """
    return towards(way - _LOOK_AHEAD * velocity, gain)


def grip_action(opening: float) -> float:
    """Return the gripper's action for an opening of each finger [m]."""
    return min(max(2.0 * opening / _STROKE - 1.0, -1.0), 1.0)
