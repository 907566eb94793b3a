"""The particles randomizer."""

from __future__ import annotations

from sim2real.randomizers import Randomizer
from sim2real.randomizers.particles import Particles
from sim2real.testing import RandomizerContract
from sim2real_envs.parameters import ParameterSpace


class TestParticlesContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Particles.create(space, count=64, designs=24)
