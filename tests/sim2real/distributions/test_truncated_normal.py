"""Truncated normals against scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim2real.distributions.truncated_normal import TruncatedNormal

locations, scales = st.floats(0.0, 1.0), st.floats(0.01, 0.5)


def _scipy(location: float, scale: float) -> Any:
    return stats.truncnorm((0.0 - location) / scale, (1.0 - location) / scale, loc=location, scale=scale)


@given(location=locations, scale=scales)
@settings(max_examples=60, deadline=None)
def test_density_quantiles_and_variance_are_scipys(location: float, scale: float) -> None:
    law, reference = TruncatedNormal(np.array([location]), np.array([scale])), _scipy(location, scale)
    probability = np.linspace(0.01, 0.99, 9)
    quantiles = law.quantile(probability[:, None])[:, 0]
    assert quantiles == pytest.approx(reference.ppf(probability), abs=1e-9)
    assert law.log_prob(quantiles[:, None]) == pytest.approx(reference.logpdf(quantiles), rel=1e-9, abs=1e-9)
    assert law.variance()[0] == pytest.approx(reference.var(), rel=1e-6)


def test_samples_follow_the_law_and_none_sits_on_a_wall() -> None:
    law = TruncatedNormal(np.array([0.0, 1.0]), np.array([0.2, 0.5]))
    draws = law.sample(np.random.default_rng(0), 4000)
    assert stats.kstest(draws[:, 0], _scipy(0.0, 0.2).cdf).pvalue > 0.001
    assert stats.kstest(draws[:, 1], _scipy(1.0, 0.5).cdf).pvalue > 0.001
    assert not ((draws == 0.0) | (draws == 1.0)).any()
