"""Verdicts, marginals, and the smooth density that training draws from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from sim2real.randomizers.beliefs import correlation, marginals, smooth, thin, verdict
from sim2real.testing import SLIDE_SPACE
from sim2real_envs.parameters import Array


@given(contraction=st.floats(-1.0, 1.0), low=st.floats(0.0, 1.0), width=st.floats(0.0, 1.0))
def test_the_verdict_is_the_stated_rule(contraction: float, low: float, width: float) -> None:
    high = min(low + width, 1.0)
    clear = low - 0.0 >= 0.05 and 1.0 - high >= 1.0 - 0.95
    given_verdict = verdict(contraction, low, high)
    assert (given_verdict == "identified") == (contraction >= 0.75 and clear)
    assert (given_verdict == "not identified") == (contraction < 0.2)


@pytest.mark.parametrize(
    ("contraction", "low", "high", "expected"),
    [
        (0.75, 0.05, 0.95, "identified"),
        (0.749, 0.3, 0.6, "bounded"),
        (0.99, 0.049, 0.2, "bounded"),
        (0.99, 0.8, 0.951, "bounded"),
        (0.2, 0.0, 1.0, "bounded"),
        (0.199, 0.3, 0.6, "not identified"),
    ],
)
def test_the_verdict_at_its_borders(contraction: float, low: float, high: float, expected: str) -> None:
    assert verdict(contraction, low, high) == expected


def test_marginals_of_particles_are_their_moments_on_the_parameters_axis() -> None:
    unit = np.random.default_rng(0).beta(8.0, 4.0, size=(20_000, 3))
    law = stats.beta(8.0, 4.0)
    marginal = marginals(SLIDE_SPACE, unit)["object.mass"]
    assert marginal.mean == pytest.approx(0.1 + 1.9 * law.mean(), abs=0.01)
    assert marginal.low == pytest.approx(0.1 + 1.9 * law.ppf(0.05), abs=0.03)
    assert marginal.high == pytest.approx(0.1 + 1.9 * law.ppf(0.95), abs=0.03)
    assert marginal.contraction == pytest.approx(1.0 - 12.0 * law.var(), abs=0.01)
    friction = marginals(SLIDE_SPACE, unit)["object.friction"]
    assert friction.contraction == pytest.approx(1.0 - 12.0 * law.var(), abs=0.01)
    assert friction.low == pytest.approx(0.05 * 20.0 ** law.ppf(0.05), rel=0.03)


def test_without_particles_the_marginals_are_the_prior() -> None:
    marginal = marginals(SLIDE_SPACE, np.empty((0, 3)))["actuator.delay"]
    assert (marginal.mean, marginal.low, marginal.high) == pytest.approx((0.1, 0.01, 0.19))
    assert (marginal.contraction, marginal.verdict) == (0.0, "not identified")


def test_correlation_agrees_with_numpy_and_survives_a_constant_column() -> None:
    points = np.random.default_rng(1).normal(size=(200, 2))
    assert correlation(points) == pytest.approx(np.corrcoef(points, rowvar=False))
    assert correlation(np.column_stack([points, np.ones(200)]))[2].tolist() == [0.0, 0.0, 1.0]


LEARNED = np.array([True])


def _cloud(count: int = 400, location: float = 0.3, spread: float = 0.05) -> Array:
    """Normal particles (count, 1), reflected at the walls."""
    return np.abs(1.0 - np.abs(1.0 - location - spread * np.random.default_rng(2).normal(size=(count, 1))))


@pytest.mark.parametrize(("location", "spread"), [(0.3, 0.05), (0.02, 0.02), (0.5, 0.25)])
def test_the_density_integrates_to_one_and_is_what_samples_follow(location: float, spread: float) -> None:
    density = smooth(_cloud(location=location, spread=spread), LEARNED, 1.2, 0.02)
    edges = np.linspace(0.0, 1.0, 40_001)
    middles = 0.5 * (edges[1:] + edges[:-1])
    mass = np.exp(density.log_prob(middles[:, None])) / 40_000
    assert mass.sum() == pytest.approx(1.0, abs=0.01)
    draws = density.sample(np.random.default_rng(3), 3000)[:, 0]
    cumulative = np.cumsum(mass)
    assert stats.kstest(draws, lambda x: np.interp(x, edges[1:], cumulative)).pvalue > 0.001


def test_a_learned_column_is_inflated_by_the_factor_asked_for() -> None:
    cloud = _cloud(2000)
    draws = smooth(cloud, LEARNED, 1.2, 0.0).sample(np.random.default_rng(4), 20_000)
    assert ndtri(draws).std() / ndtri(cloud).std() == pytest.approx(1.2, abs=0.03)


def test_a_learned_column_is_never_narrower_than_the_floor() -> None:
    draws = smooth(_cloud(spread=1e-5), LEARNED, 1.2, 0.05).sample(np.random.default_rng(5), 20_000)
    assert draws.std() == pytest.approx(0.05, rel=0.1)
    assert draws.mean() == pytest.approx(0.3, abs=0.02)


def test_an_unlearned_column_is_drawn_from_its_whole_range() -> None:
    rng = np.random.default_rng(6)
    cloud = np.column_stack([_cloud()[:, 0], rng.beta(1.2, 1.0, 400)])
    draws = smooth(cloud, np.array([True, False]), 1.2, 0.02).sample(rng, 3000)
    assert stats.kstest(draws[:, 1], "uniform").pvalue > 0.001


def test_a_ridge_stays_a_ridge() -> None:
    rng = np.random.default_rng(7)
    along = rng.uniform(0.05, 0.95, 1000)
    ridge = np.column_stack([along, 1.0 - along + 0.005 * rng.normal(size=1000)]).clip(0.001, 0.999)
    for learned in ([True, True], [False, False]):
        draws = smooth(ridge, np.array(learned), 1.2, 0.0).sample(rng, 5000)
        assert np.abs(draws.sum(axis=1) - 1.0).mean() < 0.05
        assert draws.std(axis=0).min() > 0.25


def test_thinned_particles_have_the_moments_of_the_cloud_with_less_noise_than_a_random_pick() -> None:
    rng = np.random.default_rng(8)
    errors = []
    for _ in range(50):
        cloud = np.column_stack([rng.random((1024, 2)), 0.3 + 0.01 * rng.normal(size=1024)])
        picks = (thin(cloud, 128), cloud[rng.choice(1024, 128, replace=False)])
        errors.append([np.abs(pick.var(axis=0) / cloud.var(axis=0) - 1.0) for pick in picks])
    stratified, plain = np.mean(errors, axis=0)
    assert (stratified < 0.6 * plain).all()


def test_thinning_keeps_distinct_particles_of_the_cloud() -> None:
    cloud = np.random.default_rng(9).random((100, 2))
    picked = thin(cloud, 33)
    assert len({tuple(row) for row in picked} & {tuple(row) for row in cloud}) == 33
    assert thin(cloud, 100) is cloud
