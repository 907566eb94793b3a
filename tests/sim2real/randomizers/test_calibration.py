"""Simulation-based calibration: is the truth where the posterior says it is, as often as it says?

Talts, Betancourt, Simpson, Vehtari and Gelman, "Validating Bayesian inference
algorithms with simulation-based calibration", 2018, arXiv:1804.06788: draw a
truth from the prior, simulate evidence, infer, and take the truth's rank among
the particles. The ranks are uniform if the inference is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from sim2real.randomizers.particles import Particles
from sim2real.testing import SLIDE_SPACE, slide_evidence
from sim2real_envs.parameters import Array

WORLDS = 200
LEVEL = 0.001  # a right method fails one check in a thousand
NOISE = [  # of every real outcome, in units of its scale
    pytest.param(0.1, marks=pytest.mark.slow),
    0.3,
    pytest.param(1.0, marks=pytest.mark.slow),
]


@dataclass(frozen=True)
class Calibration:
    """Of each world: the truth's rank in [0, 1], whether it was in the 90 % interval, and the contraction, (w, 3)."""

    rank: Array
    inside: Array
    contraction: Array


@pytest.fixture(scope="module", params=NOISE)
def slides(request: pytest.FixtureRequest) -> Calibration:
    worlds = [_slide(seed, request.param) for seed in range(WORLDS)]
    return Calibration(*(np.array(column) for column in zip(*worlds, strict=True)))


def _slide(seed: int, noise: float) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    unit = rng.random(len(SLIDE_SPACE))
    truth = SLIDE_SPACE.from_unit(unit)
    evidence = slide_evidence(SLIDE_SPACE, truth, rng, episodes=12, noise=noise)
    learned = Particles.create(SLIDE_SPACE, count=128, designs=24).update_from_evidence(evidence, rng)
    marginals = list(learned.describe().parameters.values())
    inside = [marginal.low <= value <= marginal.high for marginal, value in zip(marginals, truth, strict=True)]
    contraction = [marginal.contraction for marginal in marginals]
    return (learned.unit < unit).mean(axis=0), np.array(inside), np.array(contraction)


@pytest.mark.parametrize("column", range(3), ids=list(SLIDE_SPACE))
def test_the_ranks_of_the_truth_are_uniform(slides: Calibration, column: int) -> None:
    counts, _ = np.histogram(slides.rank[:, column], bins=8, range=(0.0, 1.0))
    assert stats.chisquare(counts).pvalue > LEVEL


@pytest.mark.parametrize("column", range(3), ids=list(SLIDE_SPACE))
def test_the_90_percent_interval_holds_the_truth_in_90_percent_of_worlds(slides: Calibration, column: int) -> None:
    low, high = stats.binom(WORLDS, 0.9).interval(1.0 - LEVEL)
    assert low <= slides.inside[:, column].sum() <= high


def test_what_has_no_effect_is_not_learned_and_what_has_is(slides: Calibration) -> None:
    friction, delay, mass = slides.contraction.T
    assert mass.max() < 0.2
    assert np.median(friction) > 0.99
    assert np.median(delay) > 0.8
