"""What the numbers of observations and actions are: ``schema.json``, for whoever feeds the policy on a robot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import gymnasium
import numpy as np
from gymnasium import spaces

from sim2real.policy import KeptPolicy, MlpPolicy
from sim2real.rollouts import World
from sim2real_envs.cell import RobotCell
from sim2real_envs.control import EE_STEP, JOINT_SPEED, JOINT_STEP, TORQUE_SHARE, TURN_STEP
from sim2real_envs.gripper import FINGER_SPEED

Json: TypeAlias = dict[str, Any]
SCHEMA = 1


def policy_schema(
    policy: KeptPolicy,
    env: gymnasium.Env[Any, Any],
    env_id: str,
    options: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Json:
    """Return everything that is needed to feed the policy and to obey it, as plain data.

    Args:
        policy: The policy.
        env: The environment that it was trained in.
        env_id: Its id, as in the experiment.
        options: Its options, as in the experiment.
        provenance: What made the policy.
    """
    world = cast(World, env.unwrapped)
    cell = env.unwrapped if isinstance(env.unwrapped, RobotCell) else None
    control = str(options.get("control", "ee_delta"))
    past = int(options.get("past_actions", 0)) if cell is not None else 0
    names = cell.action_names if cell is not None else tuple(f"action[{n}]" for n in range(policy.action_size))
    return {
        "schema": SCHEMA,
        "env": {"id": env_id, "options": dict(options), "known": cell is not None},
        "control_period_s": world.control_period,
        "horizon_steps": world.horizon,
        "observation": _observation(env, cell, names, past),
        "normalization": _normalization(policy),
        "action": {
            "control": control if cell is not None else None,
            "size": policy.action_size,
            "numbers": [_action(name, control, cell) for name in names],
            "clipped_to": [-1.0, 1.0],
        },
        "past_actions": {
            "count": past,
            "order": "oldest first; zeros at the start of an episode",
            "what": "the actions as sent, after clipping",
        },
        "provenance": {"algorithm": policy.algorithm, **provenance},
    }


def _observation(env: gymnasium.Env[Any, Any], cell: RobotCell | None, names: Sequence[str], past: int) -> Json:
    space = env.observation_space
    if not isinstance(space, spaces.Box):
        return {"kind": "dict", "space": str(space)}
    head: Json = {"dtype": str(space.dtype), "shape": list(space.shape)}
    if len(space.shape) != 1:
        rows, columns, channels = space.shape
        layout = f"{rows} rows, {columns} columns, {channels} channels; cameras one behind the other"
        return {"kind": "image", **head, "layout": layout}
    units = _numbers(cell, names, past) if cell is not None else []
    if len(units) != space.shape[0]:
        units = [(f"observation[{n}]", "not known") for n in range(space.shape[0])]
    numbers = [
        {"index": index, "name": name, "unit": unit, "low": _finite(low), "high": _finite(high)}
        for index, ((name, unit), low, high) in enumerate(zip(units, space.low, space.high, strict=True))
    ]
    return {"kind": "numbers", **head, "numbers": numbers}


def _numbers(cell: RobotCell, names: Sequence[str], past: int) -> list[tuple[str, str]]:
    """Return (name, unit) of every number: the task's fields, then past actions, oldest first."""
    found = []
    for field in cell.task.fields:
        several = field.size > 1
        found += [(f"{field.name}[{n}]" if several else field.name, field.unit) for n in range(field.size)]
    return found + [(f"past_action[{age}].{name}", "-") for age in range(-past, 0) for name in names]


def _normalization(policy: KeptPolicy) -> Json:
    if isinstance(policy, MlpPolicy):
        return {
            "inside_the_policy": True,
            "formula": "clip((x - mean) / sqrt(variance + 1e-8), -clip, clip)",
            "mean": policy.mean.tolist(),
            "variance": policy.variance.tolist(),
            "clip": policy.clip,
        }
    return {"inside_the_policy": True, "formula": "x / 255 - 0.5"}


def _action(name: str, control: str, cell: RobotCell | None) -> Json:
    """Return what action 1 asks for."""
    number: Json = {"name": name, "low": -1.0, "high": 1.0}
    if cell is None:
        return number | {"at_1": None, "unit": "not known"}
    arm = cell.task.scene.arm
    if name == "gripper":
        stroke, most = arm.fingers[0].stroke, FINGER_SPEED
        what = f"opening of each finger: -1 closed, 1 open; the command moves at most {most} m/s"
        return number | {"at_1": stroke, "at_-1": 0.0, "unit": "m", "what": what}
    if control == "joint_torque":
        effort = arm.joints[int(name.rpartition(" ")[2]) - 1].effort
        what = "on top of the compensation of the arm's weight"
        return number | {"at_1": TORQUE_SHARE * effort, "unit": "Nm", "what": what}
    if control == "joint_delta":
        return number | {"at_1": JOINT_STEP, "unit": "rad", "what": "target from the measured joint, each period"}
    if control == "joint_velocity":
        return number | {"at_1": JOINT_SPEED, "unit": "rad/s", "what": "speed of the set point"}
    if name.startswith("turn"):
        return number | {
            "at_1": TURN_STEP,
            "unit": "rad",
            "what": "target from the measured tool, base frame, each period",
        }
    return number | {"at_1": EE_STEP, "unit": "m", "what": "target from the measured tool, base frame, each period"}


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
