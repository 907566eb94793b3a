"""Kinematics of a serial arm without any engine: the same on every backend and on a robot.

Forward kinematics, geometric Jacobian, and one damped-least-squares step
(Wampler 1986; Nakamura and Hanafusa 1986) with a null-space pull to the home pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, sin

import numpy as np
from numpy.typing import ArrayLike

from sim2real_envs.arms.base import Arm
from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array


def rotation_from_rpy(rpy: ArrayLike) -> Array:
    """Return the rotation matrix (3, 3) of fixed-axis roll, pitch, yaw [rad]: Rz(yaw) Ry(pitch) Rx(roll)."""
    roll, pitch, yaw = np.asarray(rpy, dtype=np.float64)
    cr, sr, cp, sp, cy, sy = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def rotation_error(current: Array, wanted: Array) -> Array:
    """Return the rotation vector (3,) [rad], world frame, that turns ``current`` (3, 3) into ``wanted`` (3, 3)."""
    turn = wanted.dot(current.T)
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = turn.tolist()  # plain floats are faster where there are few
    vector = np.array([zy - yz, xz - zx, yx - xy])
    angle = acos(min(1.0, max(-1.0, (xx + yy + zz - 1.0) / 2.0)))
    if angle > 3.14:  # a half turn: turn + I = 2 axis axis^T, and the sign is that of what is left of the vector
        column = (turn + np.eye(3))[:, int(np.argmax(np.diag(turn)))]
        half_turn: Array = column * (angle / float(np.linalg.norm(column)))
        return -half_turn if float(half_turn @ vector) < 0.0 else half_turn
    scale: float = 0.5 if angle < 1e-6 else angle / (2.0 * sin(angle))
    return vector * scale


@dataclass(frozen=True)
class ToolPose:
    """Where the tool is for some joint positions, base frame: position (3,) m, rotation (3, 3), Jacobian (6, n)."""

    position: Array
    rotation: Array
    jacobian: Array


class Kinematics:
    """Forward and differential kinematics of one arm; holds constants only."""

    def __init__(self, arm: Arm) -> None:
        self.lower = np.array([joint.lower for joint in arm.joints])
        self.upper = np.array([joint.upper for joint in arm.joints])
        self.home = np.array(arm.home)
        fixed = np.zeros((arm.size, 4, 4))
        for index, joint in enumerate(arm.joints):
            fixed[index, :3, :3] = rotation_from_rpy(joint.rpy)
            fixed[index, :3, 3] = joint.xyz
            fixed[index, 3, 3] = 1.0
        self._along = fixed[:, :, :2].copy()  # (n, 4, 2) x and y, the columns that the joint turns
        self._across = np.stack([fixed[:, :, 1], -fixed[:, :, 0]], axis=2)  # (n, 4, 2) the same a quarter turn later
        self._template = fixed
        hand = np.eye(4)
        hand[:3, :3] = rotation_from_rpy(arm.hand_rpy)
        hand[:3, 3] = np.array(arm.hand_xyz) + hand[:3, :3] @ np.array(arm.tool_xyz)
        self._tool = hand

    def tool(self, joint_position: Array) -> ToolPose:
        """Return the tool's pose and Jacobian for joint positions (n,) [rad]."""
        local = self._template.copy()
        turned = self._along * np.cos(joint_position)[:, None, None]
        turned += self._across * np.sin(joint_position)[:, None, None]
        local[:, :, :2] = turned
        frames = np.empty_like(local)
        frame = frames[0] = local[0]
        for index in range(1, len(local)):
            frame = frame.dot(local[index], frames[index])  # the method costs half of what `@` and np.dot do
        end = frame.dot(self._tool)
        position = end[:3, 3]
        cyclic = np.empty((2, 5, len(local)))  # axes and lever arms: x y z x y
        axes, arms = cyclic
        cyclic[:, :3] = frames[:, :3, 2:].T
        np.subtract(position[:, None], arms[:3], out=arms[:3])
        cyclic[:, 3:] = cyclic[:, :2]
        jacobian = np.empty((6, len(local)))
        np.multiply(axes[1:4], arms[2:], out=jacobian[:3])
        jacobian[:3] -= axes[2:] * arms[1:4]
        jacobian[3:] = axes[:3]
        return ToolPose(position, end[:3, :3], jacobian)

    def step(
        self, joint_position: Array, pose: ToolPose, error: Array, *, damping: float = 0.05, pull: float = 0.05
    ) -> Array:
        """Return joint positions (n,) after one damped-least-squares step, within the joint limits.

        dq = dq0 + J^T (J J^T + damping^2 I)^-1 (error - J dq0), dq0 = pull (home - q).

        Args:
            joint_position: Current joint positions (n,) [rad].
            pose: ``tool(joint_position)``.
            error: Wanted motion of the tool (6,): m, then rad, base frame.
            damping: Keeps the step short near singular poses.
            pull: Share of the way to the home pose, as far as the tool does not feel it.
        """
        jacobian = pose.jacobian
        rest = pull * (self.home - joint_position)
        square = jacobian.dot(jacobian.T)
        diagonal = square.reshape(36)[::7]
        diagonal += damping * damping
        change = rest + jacobian.T.dot(np.linalg.solve(square, error - jacobian.dot(rest)))
        limited: Array = np.minimum(np.maximum(joint_position + change, self.lower), self.upper)
        return limited

    def solve(
        self, position: ArrayLike, rotation: Array, *, start: Array | None = None, tolerance: float = 1e-5
    ) -> Array:
        """Return joint positions (n,) [rad] that put the tool at ``position`` (3,) m with ``rotation`` (3, 3).

        Raises:
            StateError: If the pose is out of reach.
        """
        wanted = np.asarray(position, dtype=np.float64)
        joints = self.home.copy() if start is None else np.array(start, dtype=np.float64)
        error = np.full(6, np.inf)
        for _ in range(60):
            pose = self.tool(joints)
            error = np.concatenate([wanted - pose.position, rotation_error(pose.rotation, rotation)])
            if np.abs(error).max() < tolerance:
                return joints
            joints = self.step(joints, pose, error, damping=0.01, pull=0.0)
        raise StateError(
            f"The tool cannot reach {wanted.round(3).tolist()} m (base frame): "
            f"{np.abs(error).max():.3f} (m or rad) are missing."
        )
