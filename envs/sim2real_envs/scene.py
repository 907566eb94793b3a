"""What stands where, independent of any engine."""

from __future__ import annotations

from dataclasses import dataclass

from sim2real_envs.arms.base import Arm, Vector

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Body:
    """A box.

    Args:
        name: ``"table"`` or ``"object"``: the prefix of its parameters.
        half_extents: Half the edge lengths [m].
        position: Centre [m]; of a free body, where it is parked until an episode starts.
        mass: [kg]; None for a body that cannot move.
        colour: Red, green, blue in 0 … 1.
    """

    name: str
    half_extents: Vector
    position: Vector
    mass: float | None = None
    colour: Colour = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Scene:
    """An arm, a table whose top is at z = 0, at most one free object, and a goal marker.

    Args:
        arm: The arm, its base at the origin.
        table: Fixed body below.
        object: Free body, or None.
        fingers_move: Whether the hand can open; else it is closed for good and the engine is faster.
        goal_half_extents: Size of the marker that shows the goal in pictures [m].
    """

    arm: Arm
    table: Body
    object: Body | None = None
    fingers_move: bool = False
    goal_half_extents: Vector = (0.02, 0.02, 0.02)


TABLE = Body("table", (0.5, 0.6, 0.2), (0.35, 0.0, -0.2), colour=(0.75, 0.72, 0.66))
