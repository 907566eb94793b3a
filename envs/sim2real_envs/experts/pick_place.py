"""PickAndPlace: down over the cube, close, and straight to the goal once it is held."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.experts.base import TrueView
from sim2real_envs.experts.grasping import READY, funnel, grip_action, held, rise, settling
from sim2real_envs.parameters import Array

_HOVER, _INNER, _SLOPE = 0.05, 0.012, 1.5
_AROUND, _BESIDE = 0.009, 0.016  # [m] from the cube's centre: within which it is between the fingers, and is not
_LIFT = 0.02  # [m] above the straight way to a goal on the table
_GAIN, _CARRY = 1.8, 1.3


def act(view: TrueView) -> Array:
    """Return the action (4,): the way of the tool, and the gripper."""
    cube = np.array(view.reading.bodies[0].position)
    to_cube, to_goal = cube - view.tool.position, view.goal - cube
    around = rise(math.hypot(*to_cube.tolist()), _BESIDE, _AROUND)
    firm = around * held(view.reading)
    way = (1.0 - firm) * _GAIN * funnel(to_cube, _HOVER, _INNER, _SLOPE)
    way += firm * _CARRY * funnel(to_goal, _LIFT, 0.02, 0.5)
    grip = (1.0 - around) * grip_action(READY) - around
    return np.append(settling(way, view.tool_velocity[:3], 1.0), grip)
