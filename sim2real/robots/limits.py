"""From the words of a file to safety limits: what is not stated comes from the mapping and from the arm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sim2real.errors import SpecError
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.safety import SafetyLimits
from sim2real_envs.control import ToolSpace
from sim2real_envs.errors import unknown_name
from sim2real_envs.parameters import Array

WORDS = (
    "joint_speed",
    "joint_step",
    "finger_speed",
    "tool_low",
    "tool_high",
    "tool_speed",
    "force",
    "lead",
    "margin",
    "jump",
    "stale_s",
    "watchdog_s",
)
_ROOM = 0.05  # [m] around the box in which a task moves the tool
_FINGER_SPEED = 0.05  # [m/s]


def safety_limits(
    mapping: RobotMapping,
    words: Mapping[str, Any] | None,
    period: float,
    tool_space: ToolSpace | None = None,
    source: str = "safety",
) -> SafetyLimits:
    """Return the limits of a robot.

    Args:
        mapping: Its action limits are the joint limits.
        words: Any of ``WORDS``, SI: ``joint_speed`` [rad/s] and ``joint_step`` [rad], one for all joints or a list; by
            default the arm's speed limits, and what they allow in a control period. ``tool_low`` and ``tool_high``
            (3,) m; by default the box of the task with 5 cm around it. The others as in ``SafetyLimits``.
        period: Control period [s].
        tool_space: Where the task moves the tool, or None.
        source: Where the words stand, for the message.

    Raises:
        SpecError: With all mistakes.
    """
    words, problems = dict(words or {}), []
    for name in words:
        if name not in WORDS:
            problems.append(f"{name}: {unknown_name(str(name), 'a safety limit', WORDS)}")
    n, arm = mapping.joints, mapping.arm_model
    stated = None if arm is None else np.array([joint.velocity for joint in arm.joints])
    speed = _per_joint(words, "joint_speed", n, stated, problems)
    if speed is None:
        problems.append("joint_speed: is missing; without an `arm` nothing else says how fast joints may go [rad/s]")
        speed = np.ones(n)
    step = _per_joint(words, "joint_step", n, speed * period, problems)
    low, high = mapping.action_limits()
    if len(low) > n:
        finger = _positive(words, "finger_speed", problems) or _FINGER_SPEED
        speed, step = np.append(speed, finger), np.append(speed if step is None else step, finger * period)
    tool_low, tool_high = _workspace(words, tool_space, problems)
    if arm is None and ("tool_low" in words or "tool_high" in words or "tool_speed" in words):
        problems.append("tool_low, tool_high, tool_speed: need to know the arm; add `arm:` to the mapping")
    if "force" in words and not mapping.measures("tool.force"):
        problems.append("force: the mapping has no tool.force to hold against it")
    numbers = {
        name: value
        for name in ("tool_speed", "force", "lead", "margin", "jump", "stale_s", "watchdog_s")
        if (value := _positive(words, name, problems)) is not None
    }
    stale, watchdog = (numbers.get(name, getattr(SafetyLimits, name)) for name in ("stale_s", "watchdog_s"))
    if not period < stale <= watchdog:
        problems.append(
            f"`control period < stale_s <= watchdog_s` must hold, but got ({period:g}, {stale:g}, {watchdog:g}) s"
        )
    if problems or step is None:
        raise SpecError(problems, source)
    return SafetyLimits(low, high, speed, step, n, tool_low, tool_high, **numbers)


def _per_joint(
    words: Mapping[str, Any], name: str, joints: int, default: Array | None, problems: list[str]
) -> Array | None:
    if name not in words:
        return default
    value = words[name]
    listed = value if isinstance(value, list | tuple) else [value] * joints
    if len(listed) != joints or not all(_is_positive(number) for number in listed):
        problems.append(f"{name}: must be a positive number or a list of {joints}, but got {value!r}")
        return np.ones(joints)
    return np.array(listed, dtype=np.float64)


def _positive(words: Mapping[str, Any], name: str, problems: list[str]) -> float | None:
    if name not in words:
        return None
    if not _is_positive(words[name]):
        problems.append(f"{name}: must be a positive number, but got {words[name]!r}")
        return None
    return float(words[name])


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0.0


def _workspace(
    words: Mapping[str, Any], tool_space: ToolSpace | None, problems: list[str]
) -> tuple[Array | None, Array | None]:
    corners: list[Array | None] = [None, None]
    if tool_space is not None:
        corners = [np.array(tool_space.low) - _ROOM, np.array(tool_space.high) + _ROOM]
    for index, name in enumerate(("tool_low", "tool_high")):
        if name not in words:
            continue
        value = words[name]
        numbers = isinstance(value, list | tuple) and all(
            isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each) for each in value
        )
        if not numbers or len(value) != 3:
            problems.append(f"{name}: must be a corner [x, y, z] in m, but got {value!r}")
            continue
        corners[index] = np.array(value, dtype=np.float64)
    low, high = corners
    if (low is None) != (high is None):
        problems.append("tool_low, tool_high: state both corners of the workspace")
        return None, None
    if low is not None and high is not None and not (low < high).all():
        problems.append(f"`tool_low < tool_high` must hold, but got {low.tolist()} and {high.tolist()}")
    return low, high
