"""PickAndPlace: down over the cube, close, and straight to the goal once it is held."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.experts.base import TrueView, towards
from sim2real_envs.experts.grasping import READY, funnel, grip_action, held, rise
from sim2real_envs.parameters import Array

_HOVER, _INNER, _SLOPE = 0.06, 0.008, 2.0
_AROUND, _BESIDE = 0.006, 0.012  # [m] from the cube's centre: within which it is between the fingers, and is not
_LIFT = 0.02  # [m] above the straight way to a goal on the table


def act(view: TrueView) -> Array:
    """Return the action (4,): the way of the tool, and the gripper."""
    cube = np.array(view.reading.bodies[0].position)
    to_cube, to_goal = cube - view.tool.position, view.goal - cube
    around = rise(math.hypot(*to_cube.tolist()), _BESIDE, _AROUND)
    firm = around * held(view.reading)
    way = (1.0 - firm) * funnel(to_cube, _HOVER, _INNER, _SLOPE) + firm * funnel(to_goal, _LIFT, 0.02, 0.5)
    grip = (1.0 - around) * grip_action(READY) - around
    return np.append(towards(way), grip)
