"""Uniform randomization against scipy's closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim2real.randomizers import Randomizer
from sim2real.randomizers.uniform import Uniform, uniform_mean
from sim2real.testing import SLIDE_SPACE, RandomizerContract
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.parameters import Parameter, ParameterSpace


class TestUniformContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Uniform.create(space)


def test_draws_follow_the_uniform_and_the_log_uniform_law() -> None:
    values = Uniform.create(SLIDE_SPACE).sample(np.random.default_rng(0), 5000).values
    laws = (stats.loguniform(0.05, 1.0), stats.uniform(0.0, 0.2), stats.uniform(0.1, 1.9))
    for column, law in zip(values.T, laws, strict=True):
        assert stats.kstest(column, law.cdf).pvalue > 0.001


def test_columns_are_independent() -> None:
    values = Uniform.create(SLIDE_SPACE).sample(np.random.default_rng(1), 5000).values
    correlation = np.corrcoef(values, rowvar=False)
    assert np.abs(correlation - np.eye(3)).max() < 4.0 / np.sqrt(5000)


def test_the_description_is_the_closed_form() -> None:
    description = Uniform.create(SLIDE_SPACE).describe()
    law = stats.loguniform(0.05, 1.0)
    marginal = description.parameters["object.friction"]
    assert marginal.mean == pytest.approx(law.mean())
    assert marginal.quantiles == pytest.approx(law.ppf(np.linspace(0.0, 1.0, 21)))
    assert (marginal.low, marginal.high) == pytest.approx((law.ppf(0.05), law.ppf(0.95)))
    assert marginal.contraction == 0.0


@given(low=st.floats(1e-6, 1e3), factor=st.floats(1.0, 1e6), log=st.booleans())
def test_the_mean_lies_within_the_range_and_agrees_with_scipy(low: float, factor: float, log: bool) -> None:
    high = low * factor
    mean = uniform_mean(Parameter("p", low, low, high, (0.0, 1e12), "-", log=log))
    assert low <= mean <= high
    if log and factor > 1.01:
        assert mean == pytest.approx(stats.loguniform(low, high).mean(), rel=1e-6)
    elif not log:
        assert mean == pytest.approx(0.5 * (low + high))


def test_it_has_no_options() -> None:
    with pytest.raises(UnknownNameError, match=r"'rate' is not an option of 'uniform'\. Available: none\."):
        Uniform.create(ParameterSpace(), rate=0.1)
