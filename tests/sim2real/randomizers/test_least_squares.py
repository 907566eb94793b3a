"""The least-squares randomizer in worlds in closed form."""

from __future__ import annotations

from sim2real.randomizers import Randomizer
from sim2real.randomizers.least_squares import LeastSquares
from sim2real.testing import RandomizerContract
from sim2real_envs.parameters import ParameterSpace


class TestLeastSquaresContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return LeastSquares.create(space, count=64)
