"""Units and quantities of a mapping: nothing is guessed, and SI is what comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

UNITS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "rad": ("angle", 1.0),
        "deg": ("angle", math.pi / 180.0),
        "rad/s": ("angular speed", 1.0),
        "deg/s": ("angular speed", math.pi / 180.0),
        "rpm": ("angular speed", math.tau / 60.0),
        "m": ("length", 1.0),
        "cm": ("length", 1e-2),
        "mm": ("length", 1e-3),
        "m/s": ("speed", 1.0),
        "mm/s": ("speed", 1e-3),
        "N": ("force", 1.0),
        "mN": ("force", 1e-3),
        "Nm": ("torque", 1.0),
        "s": ("time", 1.0),
        "ms": ("time", 1e-3),
        "us": ("time", 1e-6),
        "ns": ("time", 1e-9),
        "-": ("number", 1.0),
    }
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
