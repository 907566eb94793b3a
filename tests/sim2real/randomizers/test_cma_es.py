"""The CMA-ES fit in worlds in closed form."""

from __future__ import annotations

from sim2real.randomizers import Randomizer
from sim2real.randomizers.cma_es import CmaEs
from sim2real.testing import RandomizerContract
from sim2real_envs.parameters import ParameterSpace


class TestCmaEsContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return CmaEs.create(space)
