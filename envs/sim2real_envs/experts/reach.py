"""Reach: straight to the goal."""

from __future__ import annotations

from sim2real_envs.experts.base import TrueView, towards
from sim2real_envs.parameters import Array


def act(view: TrueView) -> Array:
    """Return the action (3,) that moves the tool straight to the goal."""
    return towards(view.goal - view.tool.position)
