"""A parallel gripper: two fingers that one motor drives together.

The motor pulls both fingers to a commanded opening with limited force; a rack keeps them at equal distances from the
hand's middle. In common and differential coordinates, c = (x1 + x2) / 2 and d = (x1 - x2) / 2, each is one backward-
Euler step of a spring and damper, as for the joints, for a finger of mass m:

    v* = (m v + dt k e) / (m + dt b + dt^2 k),   f = k (e - dt v*) - b v*

with e = opening - c, f limited to the grip force; and e = -d, unlimited.

Grip force and speed are those of the Franka Hand (data sheet: 70 N continuous, 50 mm/s per finger), of whose force a
careful default of 40 N is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GRIP_FORCE = 40.0  # [N] of each finger
FINGER_SPEED = 0.05  # [m/s] of each finger
FINGER_MASS = 0.015  # [kg]
_STIFFNESS, _DAMPING = 4000.0, 40.0  # [N/m], [N s/m] of the motor's position control
_RACK_STIFFNESS, _RACK_DAMPING = 20_000.0, 40.0


@dataclass(frozen=True)
class GripperLaw:
    """The force of both fingers for a commanded opening; ``force`` is the limit [N]."""

    force: float

    def constants(self, timestep: float) -> tuple[float, ...]:
        """Return what ``finger_forces`` needs for steps of ``timestep`` [s]."""
        motor = FINGER_MASS + timestep * _DAMPING + timestep * timestep * _STIFFNESS
        rack = FINGER_MASS + timestep * _RACK_DAMPING + timestep * timestep * _RACK_STIFFNESS
        return (
            FINGER_MASS / motor,
            timestep * _STIFFNESS / motor,
            _DAMPING + timestep * _STIFFNESS,
            FINGER_MASS / rack,
            timestep * _RACK_STIFFNESS / rack,
            _RACK_DAMPING + timestep * _RACK_STIFFNESS,
            self.force,
        )


def finger_forces(
    constants: Sequence[float], first: tuple[float, ...], second: tuple[float, ...], opening: float
) -> tuple[float, float]:
    """Return the force on each finger [N], positive outward, for its (position [m], velocity [m/s], ...)."""
    keep, pull, drag, rack_keep, rack_pull, rack_drag, limit = constants
    error = opening - 0.5 * (first[0] + second[0])
    speed = keep * 0.5 * (first[1] + second[1]) + pull * error
    motor = _STIFFNESS * error - drag * speed
    if motor > limit:
        motor = limit
    elif motor < -limit:
        motor = -limit
    apart = -0.5 * (first[0] - second[0])
    rack = _RACK_STIFFNESS * apart - rack_drag * (rack_keep * 0.5 * (first[1] - second[1]) + rack_pull * apart)
    return motor + rack, motor - rack


class Gripper:
    """Turns an action in [-1, 1], -1 closed, into the commanded opening, which moves at a limited speed.

    Args:
        stroke: Way of each finger from closed to open [m].
        period: Control period [s].
    """

    def __init__(self, stroke: float, period: float) -> None:
        self._stroke, self._most = stroke, FINGER_SPEED * period
        self.opening = 0.0  # [m] of each finger, as last commanded

    def reset(self, opening: float) -> None:
        """Begin at ``opening`` [m]."""
        self.opening = opening

    def command(self, action: float) -> float:
        """Return the opening [m] to command for the next period."""
        change = 0.5 * (action + 1.0) * self._stroke - self.opening
        self.opening += min(max(change, -self._most), self._most)
        return self.opening

    def action(self) -> float:
        """Return the action in [-1, 1] that would keep the opening."""
        return 2.0 * self.opening / self._stroke - 1.0
