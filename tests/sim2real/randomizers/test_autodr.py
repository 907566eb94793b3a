"""AutoDR: when the bounds of its box move, and when they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.randomizers.autodr import START_WIDTH, AutoDr, AutoDrOptions, judge
from sim2real.randomizers.base import Draws, Practice, Randomizer
from sim2real.testing import SLIDE_SPACE, RandomizerContract
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace


def _at(randomizer: Randomizer, bound: int, results: list[float]) -> AutoDr:
    """Return the randomizer after ``results`` at one of its bounds."""
    count = len(results)
    assert isinstance(randomizer, AutoDr)
    values = np.tile(randomizer.space.from_unit(randomizer.low), (count, 1))
    draws = Draws(values, np.zeros(count), np.full(count, bound + 1))
    returns = np.array(results)
    return randomizer.update_from_training(Practice(draws, returns > 0.5, returns), np.random.default_rng(0))


class TestAutoDrContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return AutoDr.create(space, buffer=4)

    def updated(self, space: ParameterSpace = SLIDE_SPACE) -> Randomizer:
        randomizer = self.make(space)
        return randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(7))
