"""Sequential Monte Carlo against conjugate closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtri

from sim2real.randomizers.smc import (
    distinct_size,
    effective_sample_size,
    next_power,
    sample_posterior,
    systematic_resample,
)
from sim2real_envs.parameters import Array


@dataclass(frozen=True)
class LinearGaussian:
    """y = X z + noise with z ~ N(0, I): prior, posterior and evidence are known."""

    design: Array
    observed: Array
    noise: float
    terms: int = 1
    nuisances: int = 0

    def predict(self, unit: Array) -> tuple[Array, ...]:
        return (ndtri(unit) @ self.design.T,)

    def log_likelihood(self, prediction: tuple[Array, ...], nuisance: Array) -> Array:
        log_density = np.asarray(stats.norm.logpdf(self.observed, prediction[0], self.noise))
        terms: Array = log_density.sum(axis=1, keepdims=True)
        return terms


@dataclass(frozen=True)
class Offsets:
    """Two observations of two nuisances: y_j ~ N(b_j, noise), b_j ~ N(0, 1); the parameter has no effect."""

    observed: Array
    noise: float
    terms: int = 2
    nuisances: int = 1

    def predict(self, unit: Array) -> tuple[Array, ...]:
        return (unit,)

    def log_likelihood(self, prediction: tuple[Array, ...], nuisance: Array) -> Array:
        return np.asarray(stats.norm.logpdf(self.observed, nuisance[:, :, 0], self.noise), dtype=np.float64)


def test_the_posterior_of_a_linear_gaussian_model_is_the_conjugate_one() -> None:
    design = np.array([[1.0, 0.8], [0.9, 1.1], [0.2, -0.5]])
    model = LinearGaussian(design, np.array([1.5, 1.0, 0.4]), 0.15)
    precision = np.eye(2) + design.T @ design / 0.15**2
    covariance = np.linalg.inv(precision)
    mean = covariance @ design.T @ model.observed / 0.15**2
    cloud = sample_posterior(model, 2, 4000, np.random.default_rng(0))
    z = ndtri(cloud.unit)
    spread = np.sqrt(np.diag(covariance))
    # moves decorrelate the particles: at least a quarter of them counts
    assert np.abs((z.mean(axis=0) - mean) / spread).max() < 4.0 / math.sqrt(1000)
    assert z.std(axis=0) / spread == pytest.approx([1.0, 1.0], abs=4.0 / math.sqrt(2000))
    assert np.corrcoef(z[:, 0], z[:, 1])[0, 1] == pytest.approx(covariance[0, 1] / spread.prod(), abs=0.02)


def test_the_evidence_of_a_linear_gaussian_model_is_the_closed_form() -> None:
    design = np.array([[1.0], [0.5]])
    model = LinearGaussian(design, np.array([2.0, -0.5]), 0.3)
    exact = stats.multivariate_normal.logpdf(model.observed, np.zeros(2), design @ design.T + 0.09 * np.eye(2))
    runs = [sample_posterior(model, 1, 1000, np.random.default_rng(seed)).log_evidence for seed in range(8)]
    assert np.mean(runs) == pytest.approx(exact, abs=0.15)


def test_nuisances_of_one_term_are_learned_without_the_others() -> None:
    model = Offsets(np.array([1.0, -2.0]), 0.5)
    cloud = sample_posterior(model, 1, 4000, np.random.default_rng(1))
    shrink = 1.0 / (1.0 + 0.25)
    learned = cloud.nuisance[:, :, 0]
    assert learned.mean(axis=0) == pytest.approx(shrink * model.observed, abs=0.05)
    assert learned.var(axis=0) == pytest.approx(1.0 - shrink, rel=0.12)
    assert stats.kstest(cloud.unit[::4, 0], "uniform").pvalue > 0.001


def test_two_separate_modes_both_survive() -> None:
    @dataclass(frozen=True)
    class Folded(LinearGaussian):
        def predict(self, unit: Array) -> tuple[Array, ...]:
            return (np.abs(ndtri(unit)) @ self.design.T,)

    model = Folded(np.ones((1, 1)), np.array([1.0]), 0.1)
    z = ndtri(sample_posterior(model, 1, 2000, np.random.default_rng(2)).unit)
    assert 0.35 < (z > 0.0).mean() < 0.65


weights = st.lists(st.floats(-30.0, 30.0), min_size=1, max_size=40).map(np.array)


@given(log_weights=weights, shift=st.floats(-500.0, 500.0))
def test_the_effective_sample_size_is_between_one_and_n_and_ignores_a_common_factor(
    log_weights: Array, shift: float
) -> None:
    size = effective_sample_size(log_weights)
    assert 1.0 - 1e-9 <= size <= len(log_weights) + 1e-9
    assert effective_sample_size(log_weights + shift) == pytest.approx(size, rel=1e-6)


def test_the_effective_sample_size_of_equal_and_of_single_weights() -> None:
    assert effective_sample_size(np.zeros(7)) == pytest.approx(7.0)
    assert effective_sample_size(np.array([0.0, -1e4, -1e4])) == pytest.approx(1.0)
    assert effective_sample_size(np.log([0.5, 0.25, 0.25])) == pytest.approx(1.0 / 0.375)


def test_copies_of_a_particle_count_as_its_weight() -> None:
    assert distinct_size(np.array([[0.1, 0.2], [0.3, 0.2], [0.3, 0.2], [0.4, 0.1]])) == pytest.approx(16.0 / 6.0)


@given(log_weights=weights, seed=st.integers(0, 2**32 - 1))
def test_systematic_resampling_takes_each_particle_its_share_rounded_down_or_up(log_weights: Array, seed: int) -> None:
    size = len(log_weights)
    share = np.exp(log_weights - np.logaddexp.reduce(log_weights)) * size
    counts = np.bincount(systematic_resample(log_weights, np.random.default_rng(seed)), minlength=size)
    assert (counts >= np.floor(share - 1e-6)).all()
    assert (counts <= np.ceil(share + 1e-6)).all()
    assert counts.sum() == size


def test_systematic_resampling_is_unbiased() -> None:
    share = np.array([0.03, 0.17, 0.4, 0.25, 0.15])
    rng = np.random.default_rng(3)
    counts = np.mean([np.bincount(systematic_resample(np.log(share), rng), minlength=5) for _ in range(4000)], axis=0)
    assert counts == pytest.approx(5 * share, abs=4.0 * 0.5 / math.sqrt(4000))


@given(total=st.lists(st.floats(-1e3, 0.0), min_size=4, max_size=50).map(np.array), power=st.floats(0.0, 0.9))
@settings(max_examples=50)
def test_the_next_power_keeps_half_of_the_effective_sample_size(total: Array, power: float) -> None:
    chosen = next_power(total, power)
    assert power < chosen <= 1.0
    if power + 1e-8 < chosen < 1.0:
        assert effective_sample_size((chosen - power) * total) == pytest.approx(0.5 * len(total), rel=1e-3)
