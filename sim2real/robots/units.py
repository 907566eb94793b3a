"""Units and quantities of a mapping: nothing is guessed, and SI is what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim2real import units

_DIMENSIONS = {
    "rad": "angle",
    "rad/s": "angular speed",
    "m": "length",
    "m/s": "speed",
    "N": "force",
    "Nm": "torque",
    "s": "time",
    "-": "number",
}
UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {name: (_DIMENSIONS[unit.si], unit.scale) for name, unit in units.UNITS.items() if unit.si in _DIMENSIONS}
)
"""Unit to (what it measures, factor to SI)."""


@dataclass(frozen=True)
class Quantity:
    """What a channel may be.

    Args:
        dimension: What its unit measures; empty for any.
        size: How many channels of it there must be; 0 for as many as there are joints or fingers, or any number.
    """

    dimension: str
    size: int


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "joint.position": Quantity("angle", 0),
        "joint.velocity": Quantity("angular speed", 0),
        "finger.position": Quantity("length", 1),
        "object.position": Quantity("length", 3),
        "object.yaw": Quantity("angle", 1),
        "object.tilt": Quantity("number", 2),
        "tool.force": Quantity("force", 3),
        "goal": Quantity("length", 3),
        "time": Quantity("time", 1),
        "other": Quantity("", 0),
    }
)
"""Positions and forces in the base frame of the arm; ``finger.position`` is a finger's way from closed; ``object.tilt``
is x and y of the object's own z axis; ``time`` is the robot's own time of the measurement, of which only the order
counts."""

COMMANDED = ("joint.position", "finger.position")
"""What a robot can be asked for."""


def units_of(dimension: str) -> tuple[str, ...]:
    """Return the units that measure ``dimension``; all of them for the empty one."""
    return tuple(unit for unit, (measured, _) in UNITS.items() if not dimension or measured == dimension)
