"""What the fingers feel in MuJoCo: the engine's own contact sensors, averaged over a control period."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2real_envs.parameters import Array
from sim2real_envs.scene import Scene

SAMPLES = 4  # per control period


class MujocoTouch:
    """The forces of objects on the fingers, (f, 3) N, world frame, and whether arm and table touch.

    Args:
        data: Its data.
        scene: What stands where.
    """

    def __init__(self, data: Any, scene: Scene) -> None:
        self._fingers, self._objects = len(scene.arm.fingers), len(scene.objects)
        end = 3 * self._fingers * self._objects  # the sensors of touch come first, those of a finger together
        self._forces, self._table = data.sensordata[:end], data.sensordata[end:]
        self._total, self._samples = np.zeros(end), 0

    def begin(self) -> None:
        """Forget the last period."""
        self._total[:] = 0.0
        self._samples = 0

    def sample(self) -> None:
        """Keep the forces of this moment for the mean."""
        self._total += self._forces
        self._samples += 1

    def now(self) -> Array:
        """Return the forces at this moment, (f, 3) N."""
        return self._by_finger(self._forces)

    def mean(self) -> list[list[float]]:
        """Return the mean over the samples of the period."""
        if not self._samples or not self._total.any():
            return [[0.0] * 3] * self._fingers
        mean: list[list[float]] = (self._by_finger(self._total) / self._samples).tolist()
        return mean

    def table(self) -> bool:
        """Return whether arm and table touched in the last physics step."""
        return bool(self._table[0])

    def _by_finger(self, forces: Array) -> Array:
        total: Array = forces.reshape(self._fingers, self._objects, 3).sum(axis=1)
        return total
