"""A parallel gripper: two fingers that one motor drives together.

The motor pulls both fingers to a commanded opening with limited force; a rack keeps them at equal distances from the
hand's middle. In common and differential coordinates, c = (x1 + x2) / 2 and d = (x1 - x2) / 2, each finger feels

    f = clip(k (opening - c) - b dc/dt, +-grip force)  +-  (k_rack d + b_rack dd/dt)

so that an object between them feels the whole grip force, at every timestep, once the commanded opening is 1 cm
narrower than the object. An explicit law: gains are capped where a finger of mass m would not be stable any more,
which for semi-implicit Euler steps is at dt^2 k / m + 2 dt b / m = 4.

Grip force and speed are those of the Franka Hand (data sheet: 70 N continuous, 50 mm/s per finger), of whose force a
careful default of 40 N is used. The motor's reflected inertia is that of MuJoCo Menagerie's model (armature 0.1 kg).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GRIP_FORCE = 40.0  # [N] of each finger
FINGER_SPEED = 0.05  # [m/s] of each finger
FINGER_MASS = 0.1  # [kg] of each finger with its share of the motor's reflected inertia
_STIFFNESS, _DAMPING = 4000.0, 25.0  # [N/m], [N s/m] of the motor's position control
_RACK_STIFFNESS, _RACK_DAMPING = 12_000.0, 25.0
_STIFFEST, _MOST_DAMPED = 0.7, 1.0  # dt^2 k / m and dt b / m


@dataclass(frozen=True)
class GripperLaw:
    """The force of both fingers for a commanded opening; ``force`` is the limit [N]."""

    force: float

    def constants(self, timestep: float) -> tuple[float, ...]:
        """Return what ``finger_forces`` needs for steps of ``timestep`` [s]: gains and the limit."""
        stiffest = _STIFFEST * FINGER_MASS / (timestep * timestep)
        most_damped = _MOST_DAMPED * FINGER_MASS / timestep
        return (
            min(_STIFFNESS, stiffest),
            min(_DAMPING, most_damped),
            min(_RACK_STIFFNESS, stiffest),
            min(_RACK_DAMPING, most_damped),
            self.force,
        )


def finger_forces(
    constants: Sequence[float], first: tuple[float, ...], second: tuple[float, ...], opening: float
) -> tuple[float, float]:
    """Return the force on each finger [N], positive outward, for its (position [m], velocity [m/s], ...)."""
    stiffness, damping, rack_stiffness, rack_damping, limit = constants
    motor = stiffness * (opening - 0.5 * (first[0] + second[0])) - damping * 0.5 * (first[1] + second[1])
    if motor > limit:
        motor = limit
    elif motor < -limit:
        motor = -limit
    rack = rack_stiffness * 0.5 * (first[0] - second[0]) + rack_damping * 0.5 * (first[1] - second[1])
    return motor - rack, motor + rack


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
