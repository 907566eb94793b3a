"""The point mass with an expert that sees the true state."""

from __future__ import annotations

import gymnasium
import numpy as np

from sim2real_envs.parameters import Array
from tests.support.point_mass import PointMassEnv, PushAndBrake

ENV_ID = "tests.support.taught_point_mass:sim2real_tests/TaughtPointMass-v0"


LAW = PushAndBrake(14.0, 4.5)  # stiff enough to overcome the friction of every rail


class TaughtPointMassEnv(PointMassEnv):
    """Knows what to do."""

    def expert_action(self) -> Array:
        """Return what a proportional-derivative law does on the true distance and velocity, (1,)."""
        return LAW(np.array([self._goal - self._x, self._v]))


gymnasium.register(
    "sim2real_tests/TaughtPointMass-v0",
    entry_point="tests.support.taught_point_mass:TaughtPointMassEnv",
    disable_env_checker=True,
)
