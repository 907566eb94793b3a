"""What an arm is, independent of any engine: a serial chain with stated masses, gains and limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real_envs.parameters import Array

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Inertia:
    """Mass [kg], centre of mass [m] and inertia about it [kg m2] in the link's frame: ixx iyy izz ixy ixz iyz."""

    mass: float
    com: Vector
    tensor: tuple[float, float, float, float, float, float]

    def matrix(self) -> Array:
        """Return the inertia tensor about the centre of mass, (3, 3) kg m2."""
        xx, yy, zz, xy, xz, yz = self.tensor
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], dtype=np.float64)


@dataclass(frozen=True)
class Joint:
    """A revolute joint about its own z axis, and the link that it carries.

    Args:
        name: Name of the joint.
        xyz: Position of the joint in the frame of the link before [m].
        rpy: Orientation of it, fixed-axis roll, pitch, yaw [rad].
        lower: Lower position limit [rad].
        upper: Upper position limit [rad].
        effort: Torque limit [Nm].
        stiffness: Gain kp of the joint impedance law [Nm/rad].
        damping: Gain kd of it [Nm s/rad].
        inertia: Inertia of the link that the joint carries.
        mesh: Collision mesh of that link, relative to ``Arm.mesh_folder``.
    """

    name: str
    xyz: Vector
    rpy: Vector
    lower: float
    upper: float
    effort: float
    stiffness: float
    damping: float
    inertia: Inertia
    mesh: str


@dataclass(frozen=True)
class Finger:
    """A finger that slides in the hand's frame; closed at 0, open at ``stroke`` [m] along ``axis``."""

    name: str
    xyz: Vector
    axis: Vector
    stroke: float
    inertia: Inertia
    mesh: str
    mesh_rpy: Vector


@dataclass(frozen=True)
class Arm:
    """A serial arm with a hand fixed to its last link.

    Args:
        name: Such as ``"panda"``.
        mesh_folder: Folder of the collision meshes within the engine's own data.
        base_mesh: Collision mesh of the fixed base.
        joints: From the base outward.
        armature: Reflected inertia of the motors, one value for all joints [kg m2].
        hand_xyz: Position of the hand in the last link's frame [m].
        hand_rpy: Orientation of it [rad].
        hand_inertia: Inertia of the hand in its own frame.
        hand_mesh: Collision mesh of the hand.
        fingers: Fingers of the hand.
        tool_xyz: Position of the tool point in the hand's frame [m].
        home: Joint positions from which starts are solved [rad]; the tool points straight down.
        reach: Distance from the base within which the tool can work [m].
    """

    name: str
    mesh_folder: str
    base_mesh: str
    joints: tuple[Joint, ...]
    armature: float
    hand_xyz: Vector
    hand_rpy: Vector
    hand_inertia: Inertia
    hand_mesh: str
    fingers: tuple[Finger, ...]
    tool_xyz: Vector
    home: tuple[float, ...]
    reach: float

    @property
    def size(self) -> int:
        """Number of joints."""
        return len(self.joints)
