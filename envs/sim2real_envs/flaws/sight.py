"""Sensors of a robot with flaws: encoders on the motors, a camera off its calibration, drift."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim2real_envs.backends.base import Reading
from sim2real_envs.flaws.base import SightFlaws
from sim2real_envs.flaws.drivetrain import Drivetrain
from sim2real_envs.sensors import Sensors

_CAMERA = (1.1, 0.0)  # [m] where the camera stands: it turns and scales about this point of the table


class FlawedSensors(Sensors):
    """Sensors as in ``Sensors``, of which the truth itself is already seen wrongly.

    Args:
        joints: As in ``Sensors``.
        period: As in ``Sensors``.
        drivetrain: Whose encoders are read.
        sight: What is wrong with what sees the objects.
        options: Of ``Sensors``.
    """

    def __init__(
        self, joints: int, period: float, *, drivetrain: Drivetrain, sight: SightFlaws, **options: Any
    ) -> None:
        super().__init__(joints, period, **options)
        self._drivetrain, self._sight = drivetrain, sight
        self._keep = math.exp(-period / sight.drift_time) if sight.drift_time else 0.0
        self._drift = np.zeros(2)
        self._drift_stream = np.random.default_rng(0)

    def begin(self, rng: np.random.Generator) -> None:
        """Begin an episode whose drift comes from ``rng``; call before ``reset``."""
        self._drift_stream = rng
        self._drift = self._sight.drift * rng.standard_normal(2)

    def object_spread(self) -> tuple[float, float]:
        """Return one standard deviation of a measured object, its drift included: position [m] and yaw [rad]."""
        place, angle = super().object_spread()
        return math.hypot(place, self._sight.drift), angle

    def _true(self, reading: Reading) -> Sequence[float]:
        sight = self._sight
        numbers = list(super()._true(reading))
        numbers[: self._n] = self._drivetrain.encoder(reading.joint_position)
        sine, cosine = math.sin(sight.camera_yaw), math.cos(sight.camera_yaw)
        for yaw in self._yaws:
            x, y = (numbers[yaw - 3 + axis] - _CAMERA[axis] for axis in range(2))
            x, y = (1.0 + sight.camera_scale) * x, (1.0 + sight.camera_scale) * y
            turned = (cosine * x - sine * y, sine * x + cosine * y)
            for axis in range(2):
                seen = _CAMERA[axis] + turned[axis] + sight.camera_shift[axis]
                numbers[yaw - 3 + axis] = seen + float(self._drift[axis])
            numbers[yaw] += sight.camera_yaw
        fresh = self._drift_stream.standard_normal(2)
        self._drift = self._keep * self._drift + math.sqrt(1.0 - self._keep**2) * sight.drift * fresh
        return numbers
