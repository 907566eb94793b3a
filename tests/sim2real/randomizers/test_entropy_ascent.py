"""The derivatives inside of doraemon, and why they are in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, polygamma, psi

from sim2real.distributions import Beta
from sim2real.randomizers.entropy_ascent import _Entropy, _FromOld, _Success, _ToOld
from sim2real.randomizers.importance import Trials
from sim2real_envs.parameters import Array

exponents = st.lists(st.floats(0.8, 120.0), min_size=4, max_size=4).map(np.array)


def trials(law: Beta) -> Trials:
    unit = law.sample(np.random.default_rng(0), 50)
    return Trials(unit, law.log_prob(unit), (unit[:, 0] < np.median(unit[:, 0])).astype(np.float64))


@given(x=exponents, share=st.floats(0.9, 1.1))
@settings(max_examples=15, deadline=None)
def test_first_and_second_derivatives_are_those_of_finite_differences(x: Array, share: float) -> None:
    old = Beta(share * x[:2], share * x[2:])
    for function in (_Entropy(), _FromOld(old), _ToOld(old), _Success(trials(old))):
        step = 1e-6 * np.abs(x)
        gradient = function.gradient(x)
        rounding = 1e-13 / step.min()  # of differences of values that are sums of terms of some hundreds
        assert central(function.value, x, step) == pytest.approx(gradient, rel=1e-4, abs=rounding)
        hessian = function.hessian(x)
        assert hessian == pytest.approx(hessian.T, rel=1e-12)
        assert central(function.gradient, x, step) == pytest.approx(hessian, rel=1e-3, abs=1e-6)


def central(function: Any, x: Array, step: Array) -> Array:
    """Return the derivatives of a function by each entry of x, along the last axis."""
    columns = [
        (np.asarray(function(x + each)) - np.asarray(function(x - each))) / (2.0 * each.sum()) for each in np.diag(step)
    ]
    return np.stack(columns, axis=-1)


def kl_in(kind: type[np.floating[Any]], a: float, b: float, c: float, d: float) -> float:
    """The closed form of KL(Beta(a, b) || Beta(c, d)) in a floating-point type."""
    a_, b_, c_, d_ = (kind(value) for value in (a, b, c, d))
    return float(
        betaln(c_, d_) - betaln(a_, b_) + (a_ - c_) * psi(a_) + (b_ - d_) * psi(b_) + (c_ - a_ + d_ - b_) * psi(a_ + b_)
    )


def test_the_relative_entropy_of_neighbours_is_right_in_float64_and_noise_in_float32() -> None:
    old, step = 100.0, 0.006
    fisher = 2.0 * polygamma(1, old) - 4.0 * polygamma(1, 2.0 * old)  # along (1, 1)
    expected = 0.5 * fisher * step**2
    exact = Beta(np.array([old]), np.array([old])).kl(Beta(np.array([old + step]), np.array([old + step])))
    assert expected == pytest.approx(9e-10, rel=0.1)
    assert exact == pytest.approx(expected, rel=0.01)
    assert kl_in(np.float64, old, old, old + step, old + step) == exact
    single = kl_in(np.float32, old, old, old + step, old + step)
    assert abs(single - expected) > 1000.0 * expected
