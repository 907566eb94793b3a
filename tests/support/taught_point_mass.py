"""The point mass with an expert that sees the true state, for a learner that sees numbers or pictures."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from sim2real_envs.parameters import Array
from tests.support.point_mass import PointMassEnv, PushAndBrake

ENV_ID = "tests.support.taught_point_mass:sim2real_tests/TaughtPointMass-v0"
PICTURED_ENV_ID = "tests.support.taught_point_mass:sim2real_tests/PicturedPointMass-v0"


LAW = PushAndBrake(14.0, 4.5)  # stiff enough to overcome the friction of every rail


class TaughtPointMassEnv(PointMassEnv):
    """Knows what to do."""

    def expert_action(self) -> Array:
        """Return what a proportional-derivative law does on the true distance and velocity, (1,)."""
        return LAW(np.array([self._goal - self._x, self._v]))


class PicturedPointMassEnv(TaughtPointMassEnv):
    """Shows itself: block, where it would be five periods on, and goal are spots in the three channels of a picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.observation_space = gymnasium.spaces.Box(0, 255, (12, 40, 3), np.uint8)

    def _observation(self) -> NDArray[Any]:
        columns = np.linspace(-0.6, 0.9, 40)[None, :, None]
        rows = np.linspace(-0.2, 0.2, 12)[:, None, None]
        places = np.array([self._x, self._x + 0.2 * self._v, self._goal])
        picture: NDArray[np.uint8] = (255.0 * np.exp(-((columns - places) ** 2 + rows**2) / 0.01)).astype(np.uint8)
        return picture


gymnasium.register(
    "sim2real_tests/PicturedPointMass-v0",
    entry_point="tests.support.taught_point_mass:PicturedPointMassEnv",
    disable_env_checker=True,
)
gymnasium.register(
    "sim2real_tests/TaughtPointMass-v0",
    entry_point="tests.support.taught_point_mass:TaughtPointMassEnv",
    disable_env_checker=True,
)
