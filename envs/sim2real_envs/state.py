"""What a robot and its world look like at one moment: records with shapes, frames and units.

World frame: origin at the robot's base, z up, the table top at z = 0.
Quaternions are (x, y, z, w). Lengths in m, angles in rad, forces in N.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array

WORLD_STATE_SHAPES: Mapping[str, tuple[int | None, ...]] = MappingProxyType(
    {
        "joint.position": (None,),
        "joint.velocity": (None,),
        "finger.position": (None,),
        "finger.command": (1,),
        "object.pose": (7,),
        "object.twist": (6,),
        "object.feet": (None, 2),
        "pusher.position": (2,),
        "support.pose": (7,),
        "support.twist": (6,),
        "hole.pose": (7,),
        "goal": (3,),
    }
)


def frozen(values: ArrayLike) -> Array:
    """Return a read-only float64 copy."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class RobotState:
    """The true state of a robot and the objects around it, as the engine has it.

    Shapes, for n joints and f fingers: ``time`` s since the episode began, ``joint_position`` (n,) rad,
    ``joint_velocity`` (n,) rad/s, ``joint_torque`` (n,) Nm as commanded by the actuators, ``tool_position`` (3,) m,
    ``tool_orientation`` (4,) xyzw, ``tool_linear_velocity`` (3,) m/s, ``tool_angular_velocity`` (3,) rad/s,
    ``finger_position`` (f,) m from closed, ``finger_forces`` (f, 3) N in the world frame acting on each finger,
    ``gripper_force`` N, the smaller of two fingers' forces, ``object_poses`` name to (7,): position and quaternion
    xyzw, ``object_twists`` name to (6,): linear m/s and angular rad/s, ``images`` camera name to (h, w, 3) uint8,
    ``depths`` camera name to (h, w) m; both empty where the environment makes no pictures.
    """

    time: float
    joint_position: Array
    joint_velocity: Array
    joint_torque: Array
    tool_position: Array
    tool_orientation: Array
    tool_linear_velocity: Array
    tool_angular_velocity: Array
    finger_position: Array
    finger_forces: Array
    gripper_force: float
    object_poses: Mapping[str, Array]
    object_twists: Mapping[str, Array]
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    depths: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class RobotAction:
    """What is asked of a robot for a control period.

    ``joint_target`` (n,): rad, or Nm under the control ``joint_torque``; ``kind`` says which;
    ``gripper``: commanded distance of each finger from closed [m], None where the hand does not open.
    """

    joint_target: Array
    kind: Literal["position", "torque"] = "position"
    gripper: float | None = None


@dataclass(frozen=True)
class WorldState:
    """Enough to continue an episode from; SI, world frame, quaternions xyzw.

    Args:
        values: ``"joint.position"`` (n,), ``"joint.velocity"`` (n,), ``"finger.position"`` (f,),
            ``"finger.command"`` (1,) m: the opening that was asked of them before, where it differs from where they
            are, as around something held; ``"object.pose"`` (7,), ``"object.twist"`` (6,), the same for ``"support"``,
            ``"hole.pose"`` (7,), ``"goal"`` (3,); of a pushed object, ``"object.feet"`` (n, 2) m, where it stands on
            the table, in its frame, and ``"pusher.position"`` (2,) m; a rig or task without an arm, an object, a second
            one or a hole lacks those names.
        spread: One standard deviation of what was measured, same keys and shapes (rotation as (3,) rad after the
            position's (3,) for a pose); an absent name means exact.
        commands: Past commands (h, a), latest last, in the actuator's own units: joint targets, then the opening of the
            fingers where they move; fills delay lines and backlash.

    Raises:
        StateError: If a name is unknown, a shape is wrong, or a value is not finite.
    """

    values: Mapping[str, Array]
    spread: Mapping[str, Array] = field(default_factory=dict)
    commands: Array | None = None

    def __post_init__(self) -> None:
        checked = {name: self._checked(name, array) for name, array in self.values.items()}
        object.__setattr__(self, "values", MappingProxyType(checked))
        object.__setattr__(self, "spread", MappingProxyType({name: frozen(std) for name, std in self.spread.items()}))
        if self.commands is not None:
            object.__setattr__(self, "commands", frozen(self.commands))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (dict(self.values), dict(self.spread), self.commands)

    @staticmethod
    def _checked(name: str, array: ArrayLike) -> Array:
        if name not in WORLD_STATE_SHAPES:
            raise StateError(f"{name!r} is not a name of a WorldState. Available: {', '.join(WORLD_STATE_SHAPES)}.")
        value = frozen(array)
        shape = WORLD_STATE_SHAPES[name]
        if value.ndim != len(shape) or any(
            want not in (None, got) for want, got in zip(shape, value.shape, strict=True)
        ):
            wanted = ", ".join("n" if want is None else str(want) for want in shape)
            raise StateError(f"{name!r} must have shape ({wanted},), but got {value.shape}.")
        if not np.isfinite(value).all():
            raise StateError(f"{name!r} must be finite, but got {value.tolist()}.")
        return value
