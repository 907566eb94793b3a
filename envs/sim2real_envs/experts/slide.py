"""Slide: behind the puck, then along the line to the goal until it is fast enough to get there alone.

The speed that carries a puck over a way d is sqrt(2 mu g d) (Coulomb), mu the nominal friction: no state shows the
true one.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.experts.base import TrueView, towards
from sim2real_envs.parameters import Array
from sim2real_envs.tasks.slide import FRICTION, GRAVITY, touching

_GAP = 0.015  # [m] between tip and puck before the strike
_FARTHEST, _DEEPEST = 0.1, 0.03  # [m] of the tool before and behind the contact
_OFF, _OFF_MOVING = 0.012, 0.02  # [m] of the tool off the line of the strike, and where the puck moves already
_MOVING = 0.1  # [m/s]
_FULL_SPEED = 0.53  # [m/s] of the tool at action 1
_REBOUND = 1.14  # speed of a puck that was hit by that of the tool
_PACE, _SIDE, _ACROSS = 0.6, 2.2, 20.0  # gains: of the tool's speed, of the puck's sideways speed, of the way off [1/m]
_BEYOND = 0.625  # [m] along x, from where the puck is out of reach
_SHORT = 0.02  # [m] from the goal: well within tolerance


def act(view: TrueView) -> Array:
    """Return the action (2,) in the plane."""
    puck, velocity = np.array(view.reading.bodies[0].position[:2]), np.array(view.reading.bodies[0].velocity[:2])
    way = view.goal[:2] - puck
    left = math.hypot(*way.tolist())
    along = way / max(left, 1e-6)
    speed, enough = max(float(velocity @ along), 0.0), math.sqrt(2.0 * FRICTION * GRAVITY * left)
    if puck[0] > _BEYOND or left - speed * speed / (2.0 * FRICTION * GRAVITY) < _SHORT:
        return np.zeros(2)
    normal = along + _SIDE * (speed * along - velocity) / enough  # pushes back what goes sideways
    normal /= math.hypot(*normal.tolist())
    contact = puck - touching(normal.tolist(), len(view.reading.finger_forces))
    to_contact = contact - view.tool.position[:2]
    ahead = float(to_contact @ along)
    across = to_contact - ahead * along
    off = _OFF if speed < _MOVING else _OFF_MOVING
    if not -_DEEPEST < ahead < _FARTHEST or math.hypot(*across.tolist()) > off:
        return towards(to_contact - _GAP * along)
    wanted = enough / _REBOUND
    pace = wanted + _PACE * (wanted - float(view.tool_velocity[:2] @ along))
    strike: Array = min(pace / _FULL_SPEED, 1.0) * along + _ACROSS * across
    return strike / max(1.0, float(np.abs(strike).max()))
