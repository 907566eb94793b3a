"""A rotary pendulum, volts in and two angles out: the rig of the recorded Quanser Qube.

Nominal values are those of the authors of the recordings (Muratore et al., SimuRLacra: ``QQubeSim``): arm 0.095 kg
and 0.085 m, pole 0.024 kg and 0.129 m, motor 8.4 ohm and 0.042 V s/rad. What theirs lacks stands at zero: the delay
of a command, the dead zone of the drive, Coulomb friction, and the cable to the pole's encoder, which pulls the arm
back. The equations of motion stand in ``rotary_pendulum``.
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
from sim2real_envs.rigs.rotary_pendulum import RotaryPendulum, dead_zone
from sim2real_envs.state import WorldState

RATE = 250.0
"""Samples of the recordings in a second [Hz]."""
LONGEST_STEP = 0.004
"""Longest integration step [s]."""

PARAMETERS = ParameterSpace(
    [
        Parameter("physics.gravity", -9.81, -10.0, -9.0, (-30.0, 0.0), "m/s2", doc="Gravity along z."),
        Parameter("motor.resistance", 8.4, 5.0, 14.0, (1.0, 50.0), "ohm", doc="Resistance of the motor."),
        Parameter(
            "motor.constant", 0.042, 0.03, 0.055, (0.005, 0.2), "V s/rad",
            doc="Torque for each ampere, and back-EMF for each rad/s.",
        ),
        Parameter(
            "motor.dead_zone_low", 0.0, -0.5, 0.0, (-3.0, 0.0), "V",
            doc="Negative voltage that the drive swallows: nothing comes through above it, that much less below.",
        ),
        Parameter("motor.dead_zone_high", 0.0, 0.0, 0.5, (0.0, 3.0), "V", doc="The same for positive voltages."),
        Parameter("motor.delay", 0.0, 0.0, 0.012, (0.0, 0.1), "s", doc="From a recorded command to its voltage."),
        Parameter(
            "arm.mass", 0.095, 0.05, 0.2, (0.005, 1.0), "kg", doc="Mass of the arm, and of all that turns with it."
        ),
        Parameter("arm.length", 0.085, 0.075, 0.095, (0.02, 0.5), "m", doc="From the motor's axis to the pole."),
        Parameter("arm.damping", 5e-6, 0.0, 5e-4, (0.0, 0.01), "Nm s/rad", doc="Viscous friction of the arm."),
        Parameter("arm.friction", 0.0, 0.0, 2e-3, (0.0, 0.05), "Nm", doc="Coulomb friction of the arm."),
        Parameter("pole.mass", 0.024, 0.015, 0.035, (0.001, 0.5), "kg", doc="Mass of the pole, evenly along it."),
        Parameter("pole.length", 0.129, 0.115, 0.14, (0.02, 0.5), "m", doc="Length of the pole."),
        Parameter("pole.damping", 1e-6, 0.0, 1e-4, (0.0, 0.01), "Nm s/rad", doc="Viscous friction of the pole."),
        Parameter("pole.friction", 0.0, 0.0, 2e-4, (0.0, 0.01), "Nm", doc="Coulomb friction of the pole."),
        Parameter(
            "cable.stiffness", 0.0, 0.0, 5e-3, (0.0, 0.1), "Nm/rad",
            doc="How hard the cable of the pole's encoder pulls the arm back.",
        ),
        Parameter(
            "cable.offset", 0.0, -1.5, 1.5, (-3.2, 3.2), "rad", doc="Angle of the arm at which it does not pull.",
        ),
    ]
)  # fmt: skip

OUTCOMES = (
    Outcome("arm_angle_halfway", "rad", 0.02, doc="Angle of the arm halfway through the recording."),
    Outcome("arm_angle", "rad", 0.03, doc="Angle of the arm at its end."),
    Outcome("pole_angle_halfway", "rad", 0.02, doc="Angle of the pole halfway through the recording."),
    Outcome("pole_angle", "rad", 0.03, doc="Angle of the pole at its end."),
    Outcome("arm_way", "rad", 0.1, doc="Sum of all that the arm turned, in either direction."),
    Outcome("pole_way", "rad", 0.1, doc="Sum of all that the pole turned, in either direction."),
)
SIGNALS = (Signal("joint.position", ("arm angle", "pole angle"), "rad", drawn=2),)
CONTROLS: tuple[Signal, ...] = (Signal("motor.voltage_command", ("motor",), "V", drawn=1),)
MISFITS = (
    Misfit("arm_angle_error", "rad", 1.0, "rms", doc="Root mean square error of the arm's angle."),
    Misfit("pole_angle_error", "rad", 1.0, "rms", doc="Root mean square error of the pole's angle."),
)

_FIELDS = {
    "physics.gravity": "gravity",
    **{
        name: name.replace(".", "_")
        for name in ("motor.resistance", "motor.constant", "cable.stiffness", "cable.offset")
    },
    **{
        f"{part}.{what}": f"{part}_{what}"
        for part in ("arm", "pole")
        for what in ("mass", "length", "damping", "friction")
    },
}


class FurutaRig:
    """The recorded rotary pendulum, integrated with steps of at most 4 ms."""

    parameters: ClassVar[ParameterSpace] = PARAMETERS
    outcomes: ClassVar[tuple[Outcome, ...]] = OUTCOMES
    signals: ClassVar[tuple[Signal, ...]] = SIGNALS
    controls: ClassVar[tuple[Signal, ...]] = CONTROLS
    misfits: ClassVar[tuple[Misfit, ...]] = MISFITS

    def __init__(self) -> None:
        self.apply(self.parameters.nominal())

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        self._pendulum = RotaryPendulum(**{field: domain[name] for name, field in _FIELDS.items()})
        self._dead_zone = domain["motor.dead_zone_low"], domain["motor.dead_zone_high"]
        self._delay = domain["motor.delay"]

    def applied(self) -> dict[str, float]:
        """Read every value back from the pendulum and the drive that ``simulate`` runs."""
        values = {name: float(getattr(self._pendulum, field)) for name, field in _FIELDS.items()}
        values["motor.dead_zone_low"], values["motor.dead_zone_high"] = self._dead_zone
        values["motor.delay"] = self._delay
        return {name: values[name] for name in self.parameters}

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return the path: ``"joint.position"`` (t, 2) and ``"joint.velocity"`` (t, 2) of arm and pole.

        Args:
            domain: Values of some parameters; the others are nominal.
            start: ``"joint.position"`` (2,) and ``"joint.velocity"`` (2,); ``commands`` (h, 1) V are what a delay
                still has in it, without them the first voltage was there before.
            actions: Commanded voltage between the samples (t - 1, 1) [V].
            times: From 0, increasing (t,) [s].

        Raises:
            StateError: If the start lacks angles or velocities, or a shape is not as above.
        """
        self.apply(self.parameters.complete(domain))
        require_times(times)
        if actions.shape != (len(times) - 1, 1):
            raise StateError(
                f"A rotary pendulum takes actions of shape ({len(times) - 1}, 1), but got {actions.shape}."
            )
        position, velocity = (_pair(start, name) for name in ("joint.position", "joint.velocity"))
        before = actions[:1, 0] if start.commands is None else start.commands[:, 0]
        passed, passed_before = (dead_zone(volts, *self._dead_zone) for volts in (actions[:, 0], before))
        volts = delayed(passed, passed_before, times, self._delay)
        states = self._pendulum.run((*position, *velocity), volts.tolist(), np.diff(times).tolist(), LONGEST_STEP)
        table = np.full((len(times), 4), np.nan)
        table[: len(states)] = states
        values = {"joint.position": table[:, :2], "joint.velocity": table[:, 2:]}
        return Path(np.array(times, dtype=np.float64), values, diverged=len(states) < len(times))

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path, recorded or simulated; NaN for all if the path has NaN."""
        angles = values["joint.position"]
        if not np.isfinite(angles).all():
            return {outcome.name: math.nan for outcome in OUTCOMES}
        halfway = angles[np.searchsorted(times, 0.5 * times[-1])]
        ways = np.abs(np.diff(angles, axis=0)).sum(axis=0)
        found = np.array([halfway, angles[-1], ways])  # (3, 2)
        kinds = ("{}_angle_halfway", "{}_angle", "{}_way")
        named = {
            kind.format(part): float(found[row, column])
            for column, part in enumerate(("arm", "pole"))
            for row, kind in enumerate(kinds)
        }
        return {outcome.name: named[outcome.name] for outcome in OUTCOMES}

    def misfit(self, times: Array, recorded: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
        """Return the root mean square errors [rad] of a predicted path."""
        angles = {"predicted": predicted["joint.position"], "recorded": recorded["joint.position"]}
        errors = root_mean_square(**{side: each.T for side, each in angles.items()})  # (2,)
        return {"arm_angle_error": float(errors[0]), "pole_angle_error": float(errors[1])}

    def close(self) -> None:
        """Nothing to release; may be called twice."""


def _pair(start: WorldState, name: str) -> tuple[float, float]:
    if name not in start.values or start.values[name].shape != (2,):
        raise StateError(
            f"A rotary pendulum starts from {name!r} of shape (2,), but the start has: {dict(start.values)}."
        )
    first, second = start.values[name].tolist()
    return first, second
