"""From a policy's action in [-1, 1] to a joint target: the same on every backend and on a robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim2real_envs.actuators import Kind
from sim2real_envs.arms.base import Arm, Vector
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.kinematics import Kinematics, ToolPose, rotation_error, rotation_from_rpy
from sim2real_envs.parameters import Array

CONTROL_PERIOD = 0.04  # [s]
CONTROLS = ("ee_delta", "joint_delta", "joint_velocity", "joint_torque")
EE_STEP = 0.05  # [m] per control period at action 1
TURN_STEP = 0.1  # [rad] per control period at action 1
JOINT_STEP = 0.1  # [rad] per control period at action 1
JOINT_SPEED = 1.0  # [rad/s] at action 1
TORQUE_SHARE = 0.4  # of a joint's torque limit at action 1
_MOST_LEAD = 0.3  # [rad] that the joint_velocity set point may run ahead of the joint


@dataclass(frozen=True)
class ToolSpace:
    """Where and how a task moves the tool, base frame.

    Args:
        axes: Coordinates that the action moves: 0 x, 1 y, 2 z.
        height: Height that the tool keeps where z is not among them [m].
        low: Corner of the box in which targets stay [m].
        high: Opposite corner [m].
        turns: Whether the action turns the tool too, about x, y and z of the base frame.
        yaw: How far the tool is turned about z, from the orientation that it has at home [rad].
    """

    axes: tuple[int, ...]
    height: float
    low: Vector
    high: Vector
    turns: bool = False
    yaw: float = 0.0


class Control(Protocol):
    """Turns an action into a joint target; the gripper's part of an action is not among its business."""

    kind: Kind

    @property
    def names(self) -> tuple[str, ...]:
        """What each number of the action moves."""

    @property
    def size(self) -> int:
        """Length of the action."""

    def reset(self, joint_position: Array) -> None:
        """Begin an episode at joint positions (n,) [rad]."""

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target (n,) [rad], or [Nm] where ``kind`` is torque, for one period.

        From *measured* joints (n,) [rad] and the tool pose that they give.
        """


class EEDelta:
    """Moves the tool relative to where it is measured; the axes not chosen are held, and the orientation unless turned.

    Args:
        kinematics: Of the arm.
        space: Axes, height and box.
        rotation: Orientation to hold, (3, 3).
    """

    kind: Kind = "position"

    def __init__(self, kinematics: Kinematics, space: ToolSpace, rotation: Array) -> None:
        self._kinematics, self._rotation = kinematics, rotation
        self._axes, self._turns = list(space.axes), space.turns
        self._fixed_height = None if 2 in space.axes else space.height
        self._low, self._high = space.low, space.high

    @property
    def names(self) -> tuple[str, ...]:
        """The moved axes, then the turns."""
        return (*("xyz"[axis] for axis in self._axes), *(("turn x", "turn y", "turn z") if self._turns else ()))

    @property
    def size(self) -> int:
        """One number per moved axis, then three where the tool turns."""
        return len(self._axes) + (3 if self._turns else 0)

    def reset(self, joint_position: Array) -> None:
        """Do nothing: every target is relative to what is measured."""

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target after one damped-least-squares step towards the wanted tool pose."""
        place = pose.position.tolist()
        wanted = place.copy()
        for axis, share in zip(self._axes, action.tolist(), strict=False):
            wanted[axis] += EE_STEP * share
        wanted = [min(max(w, low), high) for w, low, high in zip(wanted, self._low, self._high, strict=True)]
        if self._fixed_height is not None:
            wanted[2] = self._fixed_height
        error = np.empty(6)
        error[:3] = [w - p for w, p in zip(wanted, place, strict=True)]
        error[3:] = TURN_STEP * action[-3:] if self._turns else rotation_error(pose.rotation, self._rotation)
        target: list[float] = self._kinematics.step(joint_position, pose, error).tolist()
        return target


class _PerJoint:
    """A control whose action has one number per joint, and no memory unless it says so."""

    kind: Kind = "position"

    def __init__(self, kinematics: Kinematics) -> None:
        self._kinematics = kinematics

    @property
    def names(self) -> tuple[str, ...]:
        """The joints, from the base outward."""
        return tuple(f"joint {index + 1}" for index in range(self.size))

    @property
    def size(self) -> int:
        """One number per joint."""
        return len(self._kinematics.home)

    def reset(self, joint_position: Array) -> None:
        """Do nothing: what is asked for depends on nothing before."""


class JointDelta(_PerJoint):
    """Moves every joint relative to where it is measured."""

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target within the joint limits."""
        limits = self._kinematics
        target: list[float] = np.clip(joint_position + JOINT_STEP * action, limits.lower, limits.upper).tolist()
        return target


class JointVelocity(_PerJoint):
    """Moves a set point at the commanded speed.

    The impedance law damps towards rest; a target that leads the set point by kd / kp times the speed makes of it
    kp (q_set - q) + kd (v - dq/dt), a law that damps towards the speed.

    Args:
        kinematics: Of the arm.
        lead: kd / kp of each joint, (n,) [s].
    """

    def __init__(self, kinematics: Kinematics, lead: Array) -> None:
        super().__init__(kinematics)
        self._lead = lead
        self._set_point = kinematics.home

    def reset(self, joint_position: Array) -> None:
        """Begin with the set point where the joints are."""
        self._set_point = joint_position.copy()

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target; the set point stays within the joint limits and near the joints."""
        limits, speed = self._kinematics, JOINT_SPEED * action
        ahead = np.clip(
            self._set_point + CONTROL_PERIOD * speed, joint_position - _MOST_LEAD, joint_position + _MOST_LEAD
        )
        self._set_point = np.clip(ahead, limits.lower, limits.upper)
        target: list[float] = (self._set_point + self._lead * speed).tolist()
        return target


class JointTorque(_PerJoint):
    """Asks for joint torques, on top of the compensation of the arm's weight.

    Args:
        kinematics: Of the arm.
        strength: Torque limits of the joints, (n,) [Nm].
    """

    kind: Kind = "torque"

    def __init__(self, kinematics: Kinematics, strength: Array) -> None:
        super().__init__(kinematics)
        self._most = TORQUE_SHARE * strength

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the torques (n,) [Nm]."""
        target: list[float] = (self._most * action).tolist()
        return target


def home_rotation(kinematics: Kinematics, yaw: float = 0.0) -> Array:
    """Return the orientation (3, 3) that the tool has at home, turned by ``yaw`` [rad] about z of the base frame."""
    rotation = kinematics.tool(kinematics.home).rotation
    return rotation if yaw == 0.0 else rotation_from_rpy((0.0, 0.0, yaw)) @ rotation


def make_control(name: str, arm: Arm, kinematics: Kinematics, space: ToolSpace) -> Control:
    """Return the control called ``name``.

    Raises:
        UnknownNameError: If there is no such control.
    """
    if name == "ee_delta":
        return EEDelta(kinematics, space, home_rotation(kinematics, space.yaw))
    if name == "joint_delta":
        return JointDelta(kinematics)
    if name == "joint_velocity":
        return JointVelocity(kinematics, np.array([joint.damping / joint.stiffness for joint in arm.joints]))
    if name == "joint_torque":
        return JointTorque(kinematics, np.array([joint.effort for joint in arm.joints]))
    raise UnknownNameError(name, "a control", CONTROLS)
