"""The keys and units in which a pseudo-real robot speaks: degrees and millimetres, as many robots do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sim2real.robots.fake_worlds import arm_and_task, measured_quantities
from sim2real.robots.units import UNITS
from sim2real_envs.arms import ARMS
from sim2real_envs.parameters import Array

_SPOKEN = {
    "joint.position": "deg",
    "joint.velocity": "deg/s",
    "object.position": "mm",
    "object.yaw": "deg",
    "object.tilt": "-",
    "tool.force": "N",
    "time": "s",
}
_KEYS = {
    "object.position": ("cube.x", "cube.y", "cube.z"),
    "object.yaw": ("cube.yaw",),
    "object.tilt": ("cube.tilt_x", "cube.tilt_y"),
    "tool.force": ("force.x", "force.y", "force.z"),
    "time": ("stamp",),
}
_RANGES = {"object.position": (-1500.0, 1500.0), "object.yaw": (-7200.0, 7200.0), "object.tilt": (-1.0, 1.0)}
_MOST_FORCE, _BEYOND_DEG = 500.0, 5.0


def keys_of(quantity: str, size: int) -> tuple[str, ...]:
    """Return the robot's keys of a quantity with so many numbers."""
    ending = {"joint.position": "pos", "joint.velocity": "vel"}.get(quantity)
    if ending is not None:
        return tuple(f"joint_{index + 1}.{ending}" for index in range(size))
    return _KEYS[quantity]


def spoken(values: Mapping[str, Array]) -> dict[str, float]:
    """Return measurements in SI as the robot tells them."""
    told: dict[str, float] = {}
    for name, numbers in values.items():
        factor = UNITS[_SPOKEN[name]][1]
        for key, number in zip(keys_of(name, len(numbers)), numbers.tolist(), strict=True):
            told[key] = number / factor
    return told


def heard(action: Mapping[str, Any], joints: int) -> Array:
    """Return joint targets (n,) [rad] of an action.

    Raises:
        KeyError: If a joint is missing.
    """
    return np.radians([float(action[key]) for key in keys_of("joint.position", joints)])


def fake_mapping(
    world: str, control: str | None = None, *, past_actions: int = 0, object_std_mm: float = 0.0
) -> dict[str, Any]:
    """Return the mapping of a pseudo-real robot in ``world``, as it would stand in a file.

    Args:
        world: As in ``FakeRobot``.
        control: By default ``"ee_delta"`` where there is a task, else ``"joint_position"``.
        past_actions: How many of the last actions the observation ends with.
        object_std_mm: One standard deviation of each measured coordinate of the object, as measured at rest [mm].
    """
    arm, task = arm_and_task(world)
    observation = []
    for quantity, size in measured_quantities(world).items():
        for index, key in enumerate(keys_of(quantity, size)):
            low, high = _range(arm, quantity, index)
            entry: dict[str, Any] = {"key": key, "is": quantity, "unit": _SPOKEN[quantity]}
            entry |= {"low": round(low, 3), "high": round(high, 3)}
            noisy = quantity == "object.position" and object_std_mm > 0.0
            observation.append(entry | {"std": object_std_mm} if noisy else entry)
    observation.append({"key": "stamp", "is": "time", "unit": "s"})
    action = []
    for index, joint in enumerate(ARMS[arm].joints):
        low, high = math.ceil(math.degrees(joint.lower)), math.floor(math.degrees(joint.upper))
        key = keys_of("joint.position", ARMS[arm].size)[index]
        action.append({"key": key, "is": "joint.position", "unit": "deg", "low": low, "high": high})
    policy: dict[str, Any] = {"control": control or ("ee_delta" if task else "joint_position")}
    policy |= {"observation": "task", "task": task} if task else {"observation": "list"}
    return {
        "arm": arm,
        "observation": observation,
        "action": action,
        "policy": {**policy, "past_actions": past_actions},
    }


def _range(arm: str, quantity: str, index: int) -> tuple[float, float]:
    joints = ARMS[arm].joints
    if quantity == "joint.position":
        joint = joints[index]
        return math.degrees(joint.lower) - _BEYOND_DEG, math.degrees(joint.upper) + _BEYOND_DEG
    if quantity == "joint.velocity":
        most = 4.0 * math.degrees(joints[index].velocity)
        return -most, most
    return _RANGES.get(quantity, (-_MOST_FORCE, _MOST_FORCE))
