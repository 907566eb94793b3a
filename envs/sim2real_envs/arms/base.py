"""What an arm is, independent of any engine: a serial chain with stated masses, gains and limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array

Vector = tuple[float, float, float]
_ORIGIN: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Mesh:
    """A mesh of the engine's own data, seen and touched; its convex hull collides.

    Args:
        file: Relative to ``Arm.mesh_folder``.
        xyz: Position in the frame of the part [m].
        rpy: Orientation in it, fixed-axis roll, pitch, yaw [rad].
        cell: Edge of the grid on which vertices are merged at load time [m], where a mesh is too fine to load and
            touch quickly; 0 takes it as it is.
        drawn_cell: The same for what a camera sees: a copy with rounded shading; 0 draws what is touched.
    """

    file: str
    xyz: Vector = _ORIGIN
    rpy: Vector = _ORIGIN
    cell: float = 0.0
    drawn_cell: float = 0.0


@dataclass(frozen=True)
class Box:
    """A box of full edge lengths ``size`` [m], centred at ``xyz`` [m]."""

    size: Vector
    xyz: Vector = _ORIGIN
    rpy: Vector = _ORIGIN


@dataclass(frozen=True)
class Cylinder:
    """A cylinder along z with ``radius`` and ``length`` [m], centred at ``xyz`` [m]."""

    radius: float
    length: float
    xyz: Vector = _ORIGIN
    rpy: Vector = _ORIGIN


@dataclass(frozen=True)
class Sphere:
    """A ball of ``radius`` [m], centred at ``xyz`` [m]."""

    radius: float
    xyz: Vector = _ORIGIN
    rpy: Vector = _ORIGIN


Shape = Mesh | Box | Cylinder | Sphere


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
        velocity: Speed limit [rad/s].
        stiffness: Gain kp of the joint impedance law [Nm/rad].
        damping: Gain kd of it [Nm s/rad].
        inertia: Inertia of the link that the joint carries.
        shapes: What is seen and touched of that link.
    """

    name: str
    xyz: Vector
    rpy: Vector
    lower: float
    upper: float
    effort: float
    velocity: float
    stiffness: float
    damping: float
    inertia: Inertia
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Finger:
    """A link of the hand that feels contact.

    Closed at 0, open at ``stroke`` [m] along ``axis``; a stroke of 0 is a tool that never opens.

    Args:
        name: Name of the link.
        xyz: Position in the hand's frame [m].
        axis: Direction in which it opens, in the hand's frame.
        stroke: Way from closed to open [m].
        inertia: Inertia of the link.
        shapes: What is seen and touched of it.
    """

    name: str
    xyz: Vector
    axis: Vector
    stroke: float
    inertia: Inertia
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Arm:
    """A serial arm with a hand fixed to its last link.

    Args:
        name: Such as ``"panda"``.
        mesh_folder: Folder of the meshes within the engine's own data.
        base_shapes: What is seen and touched of the fixed base.
        joints: From the base outward.
        armature: Reflected inertia of the motors, one value for all joints [kg m2].
        hand_xyz: Position of the hand in the last link's frame [m].
        hand_rpy: Orientation of it [rad].
        hand_inertia: Inertia of the hand in its own frame.
        hand_shapes: What is seen and touched of the hand.
        fingers: Fingers of the hand, or the one tool that it holds; contact is felt on these.
        tool_xyz: Position of the tool point in the hand's frame [m]; the fingertips end 7 mm beyond it.
        home: Joint positions from which starts are solved [rad]; the tool points straight down.
        reach: Distance from the base's axis within which the tool, pointing down, can work on a table at the height
            of the base [m].
        colour: Red, green, blue of arm and hand in 0 … 1.
    """

    name: str
    mesh_folder: str
    base_shapes: tuple[Shape, ...]
    joints: tuple[Joint, ...]
    armature: float
    hand_xyz: Vector
    hand_rpy: Vector
    hand_inertia: Inertia
    hand_shapes: tuple[Shape, ...]
    fingers: tuple[Finger, ...]
    tool_xyz: Vector
    home: tuple[float, ...]
    reach: float
    colour: Vector = (0.92, 0.92, 0.94)

    @property
    def size(self) -> int:
        """Number of joints."""
        return len(self.joints)

    @property
    def can_grasp(self) -> bool:
        """Whether the hand has at least two fingers, all of which open."""
        return len(self.fingers) >= 2 and all(finger.stroke > 0.0 for finger in self.fingers)

    def require_grasp(self, purpose: str) -> None:
        """Refuse ``purpose``, such as the name of a task, where the hand cannot grasp.

        Raises:
            OptionError: If ``can_grasp`` is false.
        """
        if not self.can_grasp:
            raise OptionError(
                f"{purpose} needs an arm that can grasp, but {self.name!r} holds a tool that does not open. "
                "Use an arm with two fingers, such as the Panda."
            )


def rod(name: str, radius: float, length: float, mass: float) -> Finger:
    """Return a rod along the hand's z axis with a round tip, ``length`` [m] from the hand's frame to its end.

    Its inertia is that of a solid cylinder: m r2 / 2 about the axis, m (3 r2 + l2) / 12 across it.
    """
    across, along = mass * (3.0 * radius * radius + length * length) / 12.0, 0.5 * mass * radius * radius
    shaft = length - radius
    return Finger(
        name,
        _ORIGIN,
        (0.0, 0.0, 1.0),
        0.0,
        Inertia(mass, (0.0, 0.0, 0.5 * length), (across, across, along, 0.0, 0.0, 0.0)),
        (Cylinder(radius, shaft, (0.0, 0.0, 0.5 * shaft)), Sphere(radius, (0.0, 0.0, shaft))),
    )
