"""From a policy's action in [-1, 1] to a joint target: the same on every backend and on a robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim2real_envs.arms.base import Vector
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.kinematics import Kinematics, ToolPose, rotation_error
from sim2real_envs.parameters import Array

CONTROL_PERIOD = 0.04  # [s]
CONTROLS = ("ee_delta", "joint_delta")
EE_STEP = 0.05  # [m] per control period at action 1
JOINT_STEP = 0.1  # [rad] per control period at action 1


@dataclass(frozen=True)
class ToolSpace:
    """Where and how a task moves the tool, base frame.

    Args:
        axes: Coordinates that the action moves: 0 x, 1 y, 2 z.
        height: Height that the tool keeps where z is not among them [m].
        low: Corner of the box in which targets stay [m].
        high: Opposite corner [m].
    """

    axes: tuple[int, ...]
    height: float
    low: Vector
    high: Vector


class Control(Protocol):
    """Turns an action into a joint target."""

    @property
    def size(self) -> int:
        """Length of the action."""

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target (n,) [rad] for one period, from *measured* joints and the tool pose they give."""


class EEDelta:
    """Moves the tool relative to where it is measured; orientation and the axes not chosen are held.

    Args:
        kinematics: Of the arm.
        space: Axes, height and box.
        rotation: Orientation to hold, (3, 3).
    """

    def __init__(self, kinematics: Kinematics, space: ToolSpace, rotation: Array) -> None:
        self._kinematics, self._rotation = kinematics, rotation
        self._axes = list(space.axes)
        self._fixed_height = None if 2 in space.axes else space.height
        self._low, self._high = np.array(space.low), np.array(space.high)

    @property
    def size(self) -> int:
        """One number per moved axis."""
        return len(self._axes)

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target after one damped-least-squares step towards the wanted tool position."""
        wanted = pose.position.copy()
        wanted[self._axes] += EE_STEP * action
        wanted = np.minimum(np.maximum(wanted, self._low), self._high)
        if self._fixed_height is not None:
            wanted[2] = self._fixed_height
        error = np.empty(6)
        error[:3] = wanted - pose.position
        error[3:] = rotation_error(pose.rotation, self._rotation)
        target: list[float] = self._kinematics.step(joint_position, pose, error).tolist()
        return target


class JointDelta:
    """Moves every joint relative to where it is measured."""

    def __init__(self, kinematics: Kinematics) -> None:
        self._kinematics = kinematics

    @property
    def size(self) -> int:
        """One number per joint."""
        return len(self._kinematics.home)

    def target(self, action: Array, joint_position: Array, pose: ToolPose) -> list[float]:
        """Return the joint target within the joint limits."""
        limits = self._kinematics
        target: list[float] = np.clip(joint_position + JOINT_STEP * action, limits.lower, limits.upper).tolist()
        return target


def make_control(name: str, kinematics: Kinematics, space: ToolSpace) -> Control:
    """Return the control called ``name``.

    Raises:
        UnknownNameError: If there is no such control.
    """
    if name == "ee_delta":
        return EEDelta(kinematics, space, kinematics.tool(kinematics.home).rotation)
    if name == "joint_delta":
        return JointDelta(kinematics)
    raise UnknownNameError(name, "a control", CONTROLS)
