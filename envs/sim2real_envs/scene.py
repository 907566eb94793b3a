"""What stands where, independent of any engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim2real_envs.arms.base import Arm, Vector

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """A box or an upright cylinder.

    Args:
        name: ``"table"``, ``"object"``, or ``"support"`` for a second object: the prefix of its names in a state.
        half_extents: Half the edge lengths [m]; radius, radius and half the height of a cylinder.
        position: Centre [m]; of a free body, where it is parked until an episode starts.
        mass: [kg]; None for a body that cannot move.
        colour: Red, green, blue in 0 … 1.
        shape: ``"box"`` or ``"cylinder"``.
        friction: Nominal value of ``object.friction``, and the ends of its default range; of the first object.
    """

    name: str
    half_extents: Vector
    position: Vector
    mass: float | None = None
    colour: Colour = (0.5, 0.5, 0.5)
    shape: Literal["box", "cylinder"] = "box"
    friction: Vector = (0.5, 0.3, 1.2)


@dataclass(frozen=True)
class Hole:
    """A block with a square hole from above, for the first object to go into; it stands on the table and is turned.

    Args:
        depth: Depth of the hole, which is the height of the block [m].
        wall: Thickness of the walls around it [m].
        clearance: Nominal gap on each side between object and wall [m].
        colour: Red, green, blue in 0 … 1.
    """

    depth: float
    wall: float
    clearance: float
    colour: Colour = (0.35, 0.42, 0.55)


@dataclass(frozen=True)
class Scene:
    """An arm, a table whose top is at z = 0, free objects, a hole, and a goal marker.

    All objects share the parameters ``object.*``.

    Args:
        arm: The arm, its base at the origin.
        table: Fixed body below.
        objects: Free bodies; the first is called ``"object"``.
        hole: Block with a hole for the first object, or None.
        fingers_move: Whether the hand can open; else it is closed for good and the engine is faster.
        goal_half_extents: Size of the marker that shows the goal in pictures [m].
    """

    arm: Arm
    table: Body
    objects: tuple[Body, ...] = ()
    hole: Hole | None = None
    fingers_move: bool = False
    goal_half_extents: Vector = (0.02, 0.02, 0.02)


TABLE = Body("table", (0.5, 0.6, 0.2), (0.35, 0.0, -0.2), colour=(0.78, 0.67, 0.52))
