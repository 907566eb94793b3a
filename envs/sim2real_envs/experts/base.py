"""The contract of a scripted expert: an action for any true state, with no memory of how it came about."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from sim2real_envs.backends.base import Reading
from sim2real_envs.control import EE_STEP
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


class TrueView(NamedTuple):
    """What an expert sees: the true state, base frame, without noise or delay.

    ``tool``: true pose; ``tool_velocity`` (6,) m/s, then rad/s; ``reading``: joints, objects and forces; ``goal`` (3,)
    m; ``gripper``: opening in force, in [-1, 1], -1 closed; ``start``: where the episode began, for what does not move
    (the pose of a hole).
    """

    tool: ToolPose
    tool_velocity: Array
    reading: Reading
    goal: Array
    gripper: float
    start: WorldState


Expert: TypeAlias = Callable[[TrueView], Array]
"""Returns the ``ee_delta`` action (a,) in [-1, 1] for a view; a pure function, so that it can label any state."""


def towards(way: Array, gain: float = 1.0) -> Array:
    """Return the action (k,) that moves the tool along ``way`` (k,) [m], at most at full speed and never bent.

    Args:
        way: From the tool to where it should be.
        gain: Share of the way that one control period is asked to cover.
    """
    action = way * (gain / EE_STEP)
    longest = float(abs(action).max())
    return action / longest if longest > 1.0 else action
