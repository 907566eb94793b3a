"""Stack: grasp the object, over the support, down onto it, and open."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.experts.base import TrueView
from sim2real_envs.experts.grasping import READY, funnel, grip_action, held, rise, settling
from sim2real_envs.parameters import Array

_HOVER, _INNER, _SLOPE = 0.05, 0.012, 1.5
_AROUND, _BESIDE = 0.009, 0.016  # [m] from the object's centre: within which it is between the fingers, and is not
_CLEAR, _CENTRED, _STEEP = 0.035, 0.009, 2.0  # of the funnel onto the support
_ON_TOP = 0.04  # [m] from one centre to the other
_OFF, _ON = 0.009, 0.0055  # [m] above the place: where the object is not, and is, standing there
_ASIDE, _CENTRE = 0.018, 0.012  # [m] off the centre: where the object would not, and would, stand
_GAIN, _CARRY = 1.8, 1.8


def act(view: TrueView) -> Array:
    """Return the action (4,): the way of the tool, and the gripper."""
    cube, support = (np.array(body.position) for body in view.reading.bodies)
    to_cube, to_place = cube - view.tool.position, support - cube
    to_place[2] += _ON_TOP
    aside = math.hypot(float(to_place[0]), float(to_place[1]))
    around = rise(math.hypot(*to_cube.tolist()), _BESIDE, _AROUND)
    placed = rise(aside, _ASIDE, _CENTRE) * rise(-float(to_place[2]), _OFF, _ON)
    firm = around * held(view.reading)
    way = (1.0 - firm) * _GAIN * funnel(to_cube, _HOVER, _INNER, _SLOPE)
    carried = funnel(to_place, _CLEAR, _CENTRED, _STEEP)
    carried[:2] *= rise(float(carried[2]), 0.03, 0.01)  # up before along
    way += firm * _CARRY * carried
    closed = around * (1.0 - placed)
    return np.append(settling(way, view.tool_velocity[:3], 1.0), (1.0 - closed) * grip_action(READY) - closed)
