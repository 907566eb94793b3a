"""Laws against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim2real.distributions import Beta, Categorical, Gaussian, LogUniform, TruncatedNormal, Uniform

PROBABILITY = np.linspace(0.02, 0.98, 9)
exponents = st.floats(0.8, 200.0)


@given(a=exponents, b=exponents)
@settings(max_examples=50, deadline=None)
def test_beta(a: float, b: float) -> None:
    law, reference = Beta(np.array([a]), np.array([b])), stats.beta(a, b)
    points = law.quantile(PROBABILITY[:, None])
    assert points[:, 0] == pytest.approx(reference.ppf(PROBABILITY), rel=1e-9)
    assert law.log_prob(points) == pytest.approx(reference.logpdf(points[:, 0]), rel=1e-9, abs=1e-9)
    assert law.entropy() == pytest.approx(reference.entropy(), rel=1e-6, abs=1e-9)
    assert law.variance()[0] == pytest.approx(reference.var(), rel=1e-9)


@given(low=st.floats(0.001, 10.0), width=st.floats(0.01, 10.0))
@settings(max_examples=40, deadline=None)
def test_uniform_and_log_uniform(low: float, width: float) -> None:
    ends = np.array([low]), np.array([low + width])
    for law, reference in ((Uniform(*ends), stats.uniform(low, width)), (LogUniform(*ends), stats.loguniform(*ends))):
        points = law.quantile(PROBABILITY[:, None])
        assert points[:, 0] == pytest.approx(reference.ppf(PROBABILITY), rel=1e-9)
        assert law.log_prob(points) == pytest.approx(reference.logpdf(points[:, 0]), rel=1e-9, abs=1e-9)
        assert law.entropy() == pytest.approx(float(np.squeeze(reference.entropy())), rel=1e-6, abs=1e-6)


@given(location=st.floats(0.0, 1.0), scale=st.floats(0.02, 0.5))
@settings(max_examples=40, deadline=None)
def test_truncated_normal(location: float, scale: float) -> None:
    law = TruncatedNormal(np.array([location]), np.array([scale]))
    reference = stats.truncnorm(-location / scale, (1.0 - location) / scale, loc=location, scale=scale)
    assert law.entropy() == pytest.approx(reference.entropy(), rel=1e-9, abs=1e-9)
    assert law.mean()[0] == pytest.approx(reference.mean(), rel=1e-9)


def test_correlated_gaussian_is_scipys_behind_the_map_and_its_special_cases() -> None:
    rng = np.random.default_rng(0)
    root = np.array([[0.6, 0.0], [0.4, 0.3]])
    law = Gaussian(np.array([0.2, -0.5]), root)
    u = law.sample(rng, 50)
    z = stats.norm.ppf(u)
    expected = stats.multivariate_normal(law.mean, root @ root.T).logpdf(z) - stats.norm.logpdf(z).sum(axis=1)
    assert law.log_prob(u) == pytest.approx(expected)
    z_law = stats.multivariate_normal(law.mean, root @ root.T)
    drawn = stats.norm.ppf(law.sample(rng, 5000))
    assert np.cov(drawn.T) == pytest.approx(z_law.cov, abs=0.03)
    uniform = Gaussian(np.zeros(2), np.eye(2))
    assert uniform.log_prob(u) == pytest.approx(np.zeros(50), abs=1e-12)
    assert uniform.entropy() == 0.0
    assert law.kl(uniform) == pytest.approx(-law.entropy())  # what is uniform has log density 0


@given(centre=st.floats(0.2, 0.8), spread=st.floats(0.001, 0.02), correlation=st.floats(-0.9, 0.9))
@settings(max_examples=20, deadline=None)
def test_a_narrow_gaussian_near_a_point_has_the_moments_that_were_asked_for(
    centre: float, spread: float, correlation: float
) -> None:
    covariance = spread**2 * np.array([[1.0, correlation], [correlation, 1.0]])
    law = Gaussian.near(np.array([centre, 0.5]), covariance)
    points = law.sample(np.random.default_rng(0), 4000)
    assert points.mean(axis=0) == pytest.approx([centre, 0.5], abs=5.0 * spread / math.sqrt(4000) + 2.0 * spread**2)
    assert np.cov(points.T) / spread**2 == pytest.approx(covariance / spread**2, abs=0.15)


def test_gaussian_and_beta_relative_entropies_are_the_closed_forms_of_the_literature() -> None:
    wide, narrow = Gaussian(np.zeros(1), np.array([[1.0]])), Gaussian(np.array([0.5]), np.array([[0.5]]))
    assert narrow.kl(wide) == pytest.approx(math.log(2.0) + (0.25 + 0.25) / 2.0 - 0.5)
    law = Beta(np.array([3.0, 1.0]), np.array([0.5, 1.0]))
    other = Beta(np.array([0.5, 1.0]), np.array([3.0, 1.0]))
    assert law.kl(other) == pytest.approx(7.21574, abs=1e-5)  # of Beta(3, 0.5) from Beta(0.5, 3): Wikipedia's example


def test_categorical() -> None:
    weights = np.array([0.5, 0.25, 0.25, 0.0])
    law = Categorical(np.array([[0.0], [1.0], [2.0], [3.0]]), weights)
    drawn = law.sample(np.random.default_rng(0), 4000)[:, 0].astype(int)
    counts = np.bincount(drawn, minlength=4)
    assert counts[3] == 0
    assert stats.chisquare(counts[:3], 4000 * weights[:3]).pvalue > 0.001
    assert law.entropy() == pytest.approx(stats.entropy(weights))
    assert law.log_prob(np.array([[1.0], [-0.0], [3.0], [0.5]])) == pytest.approx(
        [math.log(0.25), math.log(0.5), -math.inf, -math.inf]
    )
    even = Categorical(law.points, np.full(4, 0.25))
    assert law.kl(even) == pytest.approx(stats.entropy(weights, np.full(4, 0.25)))
    assert even.kl(law) == math.inf
