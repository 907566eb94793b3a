"""DORAEMON against what can be worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import betainc, betaincinv

from sim2real.distributions import Beta
from sim2real.randomizers.base import Draws, Practice, Randomizer
from sim2real.randomizers.doraemon import Doraemon
from sim2real.testing import SLIDE_SPACE, RandomizerContract
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, Parameter, ParameterSpace

STRETCHED = ParameterSpace([Parameter("object.friction", 1.5, 0.0, 3.0, (0.0, 3.0), "-")])
PLANE = ParameterSpace([Parameter("plane.angle", 0.0, -math.pi / 2, math.pi / 2, (-2.0, 2.0), "rad")])
STEEPEST = 0.31079  # rad; sin(0.31079) = 3 / 9.81


def _evenly(randomizer: Doraemon, count: int) -> Draws:
    """Return the quantiles of a law of one parameter: its draws, without their noise."""
    unit = randomizer.law.quantile((np.arange(count)[:, None] + 0.5) / count)
    return Draws(randomizer.space.from_unit(unit), randomizer.law.log_prob(unit), np.zeros(count, dtype=np.int64))


def _practised(randomizer: Doraemon, success: Any, count: int = 2000) -> Doraemon:
    draws = _evenly(randomizer, count)
    succeeded = success(draws.values[:, 0])
    return randomizer.update_from_training(
        Practice(draws, succeeded, succeeded.astype(np.float64)), np.random.default_rng(0)
    )


class TestDoraemonContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Doraemon.create(space, episodes=50)

    def updated(self, space: ParameterSpace = SLIDE_SPACE) -> Randomizer:
        randomizer = self.make(space)
        return randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(7))


@pytest.mark.parametrize(("divergence", "rounds"), [("old_new", 10), ("new_old", 12)])
def test_where_everything_succeeds_the_trust_region_binds_until_the_law_is_uniform(divergence: str, rounds: int) -> None:
    randomizer = Doraemon.create(STRETCHED, trust_region=0.05, divergence=divergence)
    assert (randomizer.a[0], randomizer.b[0]) == (100.0, 100.0)
    entropies = [randomizer.law.entropy() + math.log(3.0)]
    assert entropies[0] == pytest.approx(-0.827, abs=5e-4)
    while entropies[-1] < math.log(3.0) - 1e-4:
        randomizer = _practised(randomizer, lambda value: value > -1.0)
        entropies.append(randomizer.law.entropy() + math.log(3.0))
        if len(entropies) <= rounds:
            assert randomizer.diagnostics["kl"] == pytest.approx(0.05, rel=0.01)
    assert len(entropies) - 1 == rounds
    assert (np.diff(entropies) > 0.0).all()
    assert entropies[-1] == pytest.approx(math.log(3.0), abs=1e-4)


def test_on_an_inclined_plane_it_stops_where_half_of_the_mass_slides_well() -> None:
    half_width = STEEPEST / math.pi
    exact = brentq(lambda a: float(np.diff(betainc(a, a, [0.5 - half_width, 0.5 + half_width]))[0]) - 0.5, 1.0, 50.0)
    assert exact == pytest.approx(5.94, abs=5e-3)
    randomizer = Doraemon.create(PLANE, trust_region=0.05)
    for _ in range(12):
        randomizer = _practised(randomizer, lambda angle: np.abs(angle) <= STEEPEST, count=100_000)
    assert randomizer.a[0] == pytest.approx(exact, rel=1e-2)
    assert randomizer.b[0] == pytest.approx(exact, rel=1e-2)
