"""Push: around the cube to the side away from the goal, then straight against it, slower as the goal comes near."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.experts.base import TrueView, towards
from sim2real_envs.parameters import Array

_CLEAR = 0.085  # [m] from the cube's centre at which the tool goes around it
_NEAR = 0.06  # [m] up to which it first goes straight away, so as not to drag the cube along
_TOUCH = 0.04  # [m] from the cube's centre at which the tool touches it
_ALIGNED, _ASIDE = 0.4, 0.6  # [rad] off the line through cube and goal: up to which it pushes, from which it is clear
_TURN = 0.7  # [rad] at most ahead of the tool on its way around
_LEAD = 1.0  # [m per m] how far the tool aims into the cube, for each metre that is left
_SHALLOWEST, _DEEPEST = 0.02, 0.07  # [m] of that
_ARRIVED = 0.02  # [m] from the goal: well within tolerance, so that the cube may come to rest


def act(view: TrueView) -> Array:
    """Return the action (2,) in the plane."""
    cube = np.array(view.reading.bodies[0].position[:2])
    tool, way = view.tool.position[:2], view.goal[:2] - cube
    left = math.hypot(*way.tolist())
    if left < _ARRIVED:
        return np.zeros(2)
    from_cube = tool - cube
    behind = math.atan2(-way[1], -way[0])
    at = math.atan2(from_cube[1], from_cube[0])
    off = math.remainder(behind - at, math.tau)
    aside = min(max((abs(off) - _ALIGNED) / (_ASIDE - _ALIGNED), 0.0), 1.0)
    depth = min(_LEAD * (left - _ARRIVED) + _SHALLOWEST, _DEEPEST)
    radius = (1.0 - aside) * (_TOUCH - depth) + aside * _CLEAR
    away = min(max((math.hypot(*from_cube.tolist()) - _NEAR) / (_CLEAR - _NEAR), 0.0), 1.0)
    turn = _TURN * max(away, 1.0 - aside)
    ahead = at + min(max(off, -turn), turn)
    aim = cube + radius * np.array([math.cos(ahead), math.sin(ahead)])
    return towards(aim - tool)
