"""What the outside does to a world during an episode: pushes, a load on the hand, and parameters that drift.

Pushes are Poisson processes: the times between two of them are exponential with mean 1 / rate, and they do not depend
on how strong a push is. A push on the object is an impulse in a horizontal direction, all equally likely; one on the
arm is a force on the tool in any direction, all equally likely, for 0.12 s. A drifting parameter is multiplied by
exp(drift t). Everything nominal does nothing at all.

Each of these has its own random stream within that of the disturbances, so that more pushes on the object leave those
on the arm as they were.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from sim2real_envs.arms.base import Vector
from sim2real_envs.backends.base import Disturbance
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace

PULSE = 0.12  # [s] that a push on the arm lasts: a person's nudge, a cable that catches
NOTHING = Disturbance()

_OBJECT = (
    Parameter(
        "disturbance.object_push", 0.0, 0.0, 0.05, (0.0, 1.0), "N s",
        doc="Impulse of a push on the first object; 0.05 N s sends 0.2 kg off at 0.25 m/s, 6 mm far at friction 0.5.",
    ),
    Parameter(
        "disturbance.object_push_rate", 1.0, 0.2, 4.0, (0.0, 25.0), "Hz",
        doc="Mean number of pushes on the object in a second.",
    ),
    Parameter(
        "disturbance.friction_drift", 0.0, -0.1, 0.1, (-1.0, 1.0), "1/s",
        doc="Relative change of the objects' friction in a second: dust, wear, a surface that warms up.",
    ),
)  # fmt: skip
_ARM = (
    Parameter(
        "disturbance.arm_push", 0.0, 0.0, 10.0, (0.0, 100.0), "N",
        doc="Force of a push on the tool for 0.12 s; cobots stop at some 100 N.",
    ),
    Parameter(
        "disturbance.arm_push_rate", 1.0, 0.2, 4.0, (0.0, 25.0), "Hz",
        doc="Mean number of pushes on the arm in a second.",
    ),
    Parameter(
        "disturbance.payload", 0.0, 0.0, 0.5, (0.0, 3.0), "kg",
        doc="Mass on the hand that the controller does not know: a cable, a camera, what the gripper holds.",
    ),
    Parameter(
        "disturbance.payload_onset", 0.0, 0.0, 2.0, (0.0, 60.0), "s",
        doc="Latest moment at which the payload appears; the moment is drawn evenly from the start until then.",
    ),
)  # fmt: skip
_GAINS = (
    Parameter(
        "disturbance.stiffness_drift", 0.0, -0.1, 0.1, (-1.0, 1.0), "1/s",
        doc="Relative change of the joints' position gains in a second: motors and gears that warm up.",
    ),
)  # fmt: skip

_OFTEN = 25.0  # [Hz] a push in almost every control period

PROBE_WITH: Mapping[str, Domain] = MappingProxyType(
    {
        "actuator.strength_scale": MappingProxyType(
            {"disturbance.arm_push": 100.0, "disturbance.arm_push_rate": _OFTEN, "disturbance.payload": 3.0}
        ),
        "disturbance.object_push": MappingProxyType({"disturbance.object_push_rate": _OFTEN}),
        "disturbance.object_push_rate": MappingProxyType({"disturbance.object_push": 0.05}),
        "disturbance.arm_push": MappingProxyType({"disturbance.arm_push_rate": _OFTEN}),
        "disturbance.arm_push_rate": MappingProxyType({"disturbance.arm_push": 10.0}),
        "disturbance.payload_onset": MappingProxyType({"disturbance.payload": 0.5}),
    }
)
"""What else to set for a short episode to feel a parameter: how often matters only where something happens."""


class Disturbances:
    """Draws what disturbs an episode; owns ``disturbance.*``.

    Args:
        period: Control period [s].
        has_object: Whether there is an object to push, and friction to drift.
        has_gains: Whether the joints have position gains that could drift; torque control has none.
    """

    def __init__(self, period: float, *, has_object: bool, has_gains: bool = True) -> None:
        self._period, self._has_object = period, has_object
        self._space = ParameterSpace((*(_OBJECT if has_object else ()), *_ARM, *(_GAINS if has_gains else ())))
        self._on_object = _Pushes(_horizontal, period, 1)
        self._on_arm = _Pushes(_any_direction, period, round(PULSE / period))
        self._payload = self._latest_onset = self._onset = 0.0
        self._friction_drift = self._stiffness_drift = 0.0
        self._elapsed = 0

    @property
    def parameters(self) -> ParameterSpace:
        """Size and rate of pushes, payload, drifts; those of the object only where there is one."""
        return self._space

    def apply(self, domain: Domain) -> None:
        """Set every parameter; they act from the next ``reset`` on."""
        self._on_object.size = domain.get("disturbance.object_push", 0.0)
        self._on_object.rate = domain.get("disturbance.object_push_rate", 0.0)
        self._on_arm.size, self._on_arm.rate = domain["disturbance.arm_push"], domain["disturbance.arm_push_rate"]
        self._payload, self._latest_onset = domain["disturbance.payload"], domain["disturbance.payload_onset"]
        self._friction_drift = domain.get("disturbance.friction_drift", 0.0)
        self._stiffness_drift = domain.get("disturbance.stiffness_drift", 0.0)

    def applied(self) -> dict[str, float]:
        """Read every value back from what draws and drifts."""
        values = {
            "disturbance.object_push": self._on_object.size,
            "disturbance.object_push_rate": self._on_object.rate,
            "disturbance.friction_drift": self._friction_drift,
            "disturbance.arm_push": self._on_arm.size,
            "disturbance.arm_push_rate": self._on_arm.rate,
            "disturbance.payload": self._payload,
            "disturbance.payload_onset": self._latest_onset,
            "disturbance.stiffness_drift": self._stiffness_drift,
        }
        return {name: values[name] for name in self._space}

    @property
    def active(self) -> bool:
        """Whether anything at all disturbs; if not, ``step`` gives ``NOTHING`` and need not be called."""
        return bool(
            self._on_object.acts or self._on_arm.acts or self._payload or self._friction_drift or self._stiffness_drift
        )

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode; ``rng`` is the disturbances' own stream of it."""
        self._elapsed = 0
        if not self.active:
            return
        for_object, for_arm, for_payload = rng.spawn(3)
        self._on_object.reset(for_object)
        self._on_arm.reset(for_arm)
        self._onset = float(for_payload.random()) * self._latest_onset

    def step(self, jacobian: Array) -> Disturbance:
        """Return what acts during the next control period; call it once a period, before the world moves.

        Args:
            jacobian: Of the tool, base frame, (6, n) m and rad per rad.
        """
        if not self.active:
            return NOTHING
        time = self._elapsed * self._period
        self._elapsed += 1
        impulse, force = self._on_object.step(), self._on_arm.step()
        torque = (jacobian[:3].T @ force).tolist() if any(force) else ()
        return Disturbance(
            object_impulse=impulse,
            arm_torque=tuple(torque),
            payload=self._payload if time >= self._onset else 0.0,
            friction_factor=math.exp(self._friction_drift * time),
            stiffness_factor=math.exp(self._stiffness_drift * time),
        )


class _Pushes:
    """A Poisson process of pushes, all of one size.

    Args:
        direction: Draws a unit vector.
        period: Control period [s].
        lasts: Periods during which a push acts.
    """

    def __init__(self, direction: Callable[[np.random.Generator], Vector], period: float, lasts: int) -> None:
        self._direction, self._period, self._lasts = direction, period, lasts
        self.size = self.rate = 0.0
        self._rng: np.random.Generator | None = None
        self._now, self._next = 0, math.inf
        self._acting: list[tuple[int, Vector]] = []

    @property
    def acts(self) -> bool:
        """Whether there will be any push."""
        return self.size > 0.0 and self.rate > 0.0

    def reset(self, rng: np.random.Generator) -> None:
        """Begin an episode; the first push is a waiting time away."""
        self._rng, self._now, self._acting = rng, 0, []
        self._next = rng.exponential() / self.rate if self.acts else math.inf

    def step(self) -> Vector:
        """Return the sum of the pushes that act during this period."""
        if self._rng is None or not self.acts:
            return (0.0, 0.0, 0.0)
        self._now += 1
        while self._next < self._now * self._period:
            self._acting.append((self._now + self._lasts, self._direction(self._rng)))
            self._next += self._rng.exponential() / self.rate
        self._acting = [(until, direction) for until, direction in self._acting if until > self._now]
        x, y, z = (self.size * sum(direction[axis] for _, direction in self._acting) for axis in range(3))
        return (x, y, z)


def _horizontal(rng: np.random.Generator) -> Vector:
    angle = 2.0 * math.pi * rng.random()
    return (math.cos(angle), math.sin(angle), 0.0)


def _any_direction(rng: np.random.Generator) -> Vector:
    """Return a point of the unit sphere, evenly: its height is uniform (Archimedes)."""
    height, angle = 2.0 * rng.random() - 1.0, 2.0 * math.pi * rng.random()
    radius = math.sqrt(1.0 - height * height)
    return (radius * math.cos(angle), radius * math.sin(angle), height)
