"""PegInsert: over the hole, turn with it, and down."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.control import TURN_STEP
from sim2real_envs.experts.base import TrueView
from sim2real_envs.experts.grasping import rise, settling
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import yaw_of
from sim2real_envs.tasks.grasping import upward
from sim2real_envs.tasks.peg_insert import DEPTH, HALF, quarter_turn, tip_of

_ABOVE = 0.008  # [m] of the tip over the mouth until it is aligned
_MISSES, _FITS = 0.0036, 0.0016  # [m] of the tip's corners off those of the hole: where it would not, and would, go in
_LEANS, _STANDS = 0.08, 0.03  # [rad] off upright: where it would not, and would, go in
_MOUTH, _INSIDE = 0.004, 0.01  # [m] below the mouth: where the tip may still be on its rim, and is inside
_PRESS = 0.012  # [m] that the tool may be asked to go below where it is: pressing harder, the peg slips in the hand
_GAIN, _STILL_GAIN, _STILL = 1.2, 4.0, 0.03  # on the way while moving and at rest, where the arm sags; [m/s] between
_TURN_GAIN, _MOST_TILTING = 1.0, 0.3
_TURN_AHEAD = 0.04  # [s]


def act(view: TrueView) -> Array:
    """Return the action (7,): the way and the turn of the tool, and the gripper, closed."""
    peg, hole = view.reading.bodies[0], view.start.values["hole.pose"]
    way = hole[:3] - np.array(tip_of(peg))
    turn = quarter_turn(yaw_of(hole[3:].tolist()) - yaw_of(peg.orientation))
    aside, below = math.hypot(float(way[0]), float(way[1])), float(way[2])
    axis = upward(peg.orientation)
    leaning = math.hypot(float(axis[0]), float(axis[1]))
    aligned = rise(aside + HALF * abs(turn), _MISSES, _FITS) * rise(leaning, _LEANS, _STANDS)
    inside = rise(below, _MOUTH, _INSIDE) * rise(aside, 0.012, 0.008)
    way[2] += _ABOVE - max(aligned, inside) * (_ABOVE + DEPTH)
    speed = float(np.linalg.norm(view.tool_velocity[:3])) / _STILL
    way *= _GAIN + (_STILL_GAIN - _GAIN) / (1.0 + speed * speed)
    way[2] = max(float(way[2]), min(below + _ABOVE, 0.0) - _PRESS)
    spin = view.tool.jacobian[3:] @ np.array(view.reading.joint_velocity)
    turning = np.array([axis[1], -axis[0], turn])  # upright: axis x (0, 0, 1)
    turning = (_TURN_GAIN * turning - _TURN_AHEAD * spin) / TURN_STEP
    most = np.array([_MOST_TILTING, _MOST_TILTING, 1.0])
    return np.concatenate([settling(way, view.tool_velocity[:3], 1.0), np.clip(turning, -most, most), [-1.0]])
