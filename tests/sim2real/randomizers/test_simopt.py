"""SimOpt in worlds in closed form."""

from __future__ import annotations

from sim2real.randomizers import Randomizer
from sim2real.randomizers.simopt import SimOpt
from sim2real.testing import RandomizerContract
from sim2real_envs.parameters import ParameterSpace


class TestSimOptContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return SimOpt.create(space)
