"""A Dynamixel XL330 with a weight on an arm, goal positions in and its angle out: the rig of the recorded servo.

Nominal values are the authors' Coulomb-viscous fit to this servo (Duclusaud et al., ICRA 2025, arXiv:2410.08650; their
model M1); what their further models add, Stribeck and load-dependent friction, stands at zero, and so does the delay
of a command. The equations stand in ``position_servo``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from sim2real_envs.errors import StateError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace
from sim2real_envs.rigs.base import Misfit, Path, Signal
from sim2real_envs.rigs.commands import delayed, require_times
from sim2real_envs.rigs.errors import root_mean_square
from sim2real_envs.rigs.position_servo import PositionServo
from sim2real_envs.state import WorldState

RATE = 187.0
"""Nominal samples of the recordings in a second [Hz]; their clock is not even."""
MASS, LENGTH = 0.49, 0.1
"""The weight on the recorded servo [kg], and its distance from the axis [m]."""
LONGEST_STEP = 0.003
"""Longest integration step [s]."""

PARAMETERS = ParameterSpace(
    [
        Parameter("physics.gravity", -9.81, -10.0, -9.0, (-30.0, 0.0), "m/s2", doc="Gravity along z."),
        Parameter("supply.voltage", 7.4, 6.0, 8.4, (1.0, 30.0), "V", doc="Of the servo's supply."),
        Parameter(
            "motor.duty_per_error", 0.00246, 0.0018, 0.0035, (1e-4, 0.1), "1/rad",
            doc="Share of the supply's voltage for 1 rad of position error and a gain of 1.",
        ),
        Parameter("motor.max_duty", 1.0, 0.5, 1.0, (0.05, 1.0), "-", doc="Largest share of the supply's voltage."),
        Parameter("motor.delay", 0.0, 0.0, 0.03, (0.0, 0.1), "s", doc="From a recorded goal position to its effect."),
        Parameter(
            "motor.constant", 0.3867, 0.2, 0.6, (0.01, 5.0), "V s/rad",
            doc="Torque behind the gears for each ampere, and back-EMF for each rad/s there.",
        ),
        Parameter("motor.resistance", 4.017, 2.0, 8.0, (0.2, 50.0), "ohm", doc="Resistance of the motor."),
        Parameter(
            "motor.armature", 0.001814, 1e-4, 0.006, (0.0, 0.1), "kg m2", doc="Inertia of the motor behind the gears."
        ),
        Parameter("joint.friction", 0.01283, 0.0, 0.2, (0.0, 1.0), "Nm", doc="Coulomb friction."),
        Parameter("joint.damping", 0.003662, 0.0, 0.03, (0.0, 1.0), "Nm s/rad", doc="Viscous friction."),
        Parameter(
            "joint.load_friction", 0.0, 0.0, 0.4, (0.0, 1.0), "-",
            doc="Coulomb friction for each Nm that the gears pass on: the motor's torque less the weight's.",
        ),
        Parameter(
            "joint.stribeck_friction", 0.0, 0.0, 0.1, (0.0, 1.0), "Nm",
            doc="Coulomb friction at rest beyond that in motion.",
        ),
        Parameter(
            "joint.stribeck_load_friction", 0.0, 0.0, 0.4, (0.0, 1.0), "-",
            doc="Load-dependent friction at rest beyond that in motion.",
        ),
        Parameter(
            "joint.stribeck_velocity", 0.2, 0.02, 1.0, (1e-3, 20.0), "rad/s", log=True,
            doc="Velocity at which that has fallen to 1/e.",
        ),
        Parameter(
            "joint.position_offset", 0.03087, -0.1, 0.1, (-0.5, 0.5), "rad",
            doc="Angle of the weight from hanging down where the servo measures 0.",
        ),
        Parameter("load.mass", MASS, 0.4, 0.6, (0.001, 10.0), "kg", doc="The weight."),
        Parameter("load.length", LENGTH, 0.08, 0.12, (0.005, 1.0), "m", doc="From the axis to the weight."),
    ]
)  # fmt: skip

OUTCOMES = (
    Outcome("angle_halfway", "rad", 0.02, doc="Angle of the servo halfway through the recording."),
    Outcome("angle", "rad", 0.02, doc="Angle at its end."),
    Outcome("angle_lowest", "rad", 0.02, doc="Lowest angle on the way."),
    Outcome("angle_highest", "rad", 0.02, doc="Highest angle on the way."),
    Outcome("angle_way", "rad", 0.1, doc="Sum of all that it turned, in either direction."),
)
SIGNALS = (Signal("joint.position", ("angle",), "rad", drawn=1),)
CONTROLS: tuple[Signal, ...] = (
    Signal("joint.command", ("angle",), "rad", drawn=1),
    Signal("joint.gain", ("gain",), "-", drawn=1),
)
MISFITS = (Misfit("angle_error", "rad", 1.0, "rms", doc="Root mean square error of the angle."),)

_ELSEWHERE = ("motor.delay",)
_FIELDS = {
    name: "gravity" if name == "physics.gravity" else name.replace(".", "_")
    for name in PARAMETERS
    if name not in _ELSEWHERE
}


class ServoRig:
    """The recorded servo with its weight, integrated with steps of at most 3 ms."""

    parameters: ClassVar[ParameterSpace] = PARAMETERS
    outcomes: ClassVar[tuple[Outcome, ...]] = OUTCOMES
    signals: ClassVar[tuple[Signal, ...]] = SIGNALS
    controls: ClassVar[tuple[Signal, ...]] = CONTROLS
    misfits: ClassVar[tuple[Misfit, ...]] = MISFITS

    def __init__(self) -> None:
        self.apply(self.parameters.nominal())

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        self._servo = PositionServo(**{field: domain[name] for name, field in _FIELDS.items()})
        self._delay = domain["motor.delay"]

    def applied(self) -> dict[str, float]:
        """Read every value back from the servo that ``simulate`` runs."""
        values = {name: float(getattr(self._servo, field)) for name, field in _FIELDS.items()}
        values["motor.delay"] = self._delay
        return {name: values[name] for name in self.parameters}

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return the path: ``"joint.position"`` (t, 1) and ``"joint.velocity"`` (t, 1).

        Args:
            domain: Values of some parameters; the others are nominal.
            start: ``"joint.position"`` (1,) and ``"joint.velocity"`` (1,); ``commands`` (h, 2) are what a delay still
                has in it, without them the first goal was there before.
            actions: Between the samples, (t - 1, 2): goal position [rad] and the firmware's gain, 0 for a motor that
                is switched off.
            times: From 0, increasing (t,) [s].

        Raises:
            StateError: If the start lacks angle or velocity, a gain is negative, or a shape is not as above.
        """
        self.apply(self.parameters.complete(domain))
        require_times(times)
        if actions.shape != (len(times) - 1, 2):
            raise StateError(f"A servo takes actions of shape ({len(times) - 1}, 2), but got {actions.shape}.")
        if actions[:, 1].min() < 0.0:
            raise StateError(f"The gain of a servo must be at least 0, but is {actions[:, 1].min():g}.")
        first = _number(start, "joint.position"), _number(start, "joint.velocity")
        before = actions[:1, 0] if start.commands is None else start.commands[:, 0]
        goals = delayed(actions[:, 0], before, times, self._delay).tolist()
        states = self._servo.run(first, goals, actions[:, 1].tolist(), np.diff(times).tolist(), LONGEST_STEP)
        table = np.full((len(times), 2), np.nan)
        table[: len(states)] = states
        values = {"joint.position": table[:, :1], "joint.velocity": table[:, 1:]}
        return Path(np.array(times, dtype=np.float64), values, diverged=len(states) < len(times))

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path, recorded or simulated; NaN for all if the path has NaN."""
        angles = values["joint.position"][:, 0]
        if not np.isfinite(angles).all():
            return {outcome.name: math.nan for outcome in OUTCOMES}
        return {
            "angle_halfway": float(angles[np.searchsorted(times, 0.5 * times[-1])]),
            "angle": float(angles[-1]),
            "angle_lowest": float(angles.min()),
            "angle_highest": float(angles.max()),
            "angle_way": float(np.abs(np.diff(angles)).sum()),
        }

    def misfit(self, times: Array, recorded: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
        """Return the root mean square error [rad] of a predicted path."""
        angles = {"predicted": predicted["joint.position"], "recorded": recorded["joint.position"]}
        error = root_mean_square(**{side: each[:, 0] for side, each in angles.items()})
        return {"angle_error": float(error)}

    def close(self) -> None:
        """Nothing to release; may be called twice."""


def _number(start: WorldState, name: str) -> float:
    if name not in start.values or start.values[name].shape != (1,):
        raise StateError(f"A servo starts from {name!r} of shape (1,), but the start has: {dict(start.values)}.")
    return float(start.values[name][0])
