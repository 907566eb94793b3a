"""Gaussians fitted to weighted points of the unit cube."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from sim2real.distributions import Gaussian
from sim2real.randomizers import gaussian_fit
from sim2real.testing import SLIDE_SPACE

ROOT = np.array([[0.4, 0.0, 0.0], [0.2, 0.3, 0.0], [-0.1, 0.1, 0.5]])
LAW = Gaussian(np.array([0.5, -1.0, 0.2]), ROOT)
ALL = np.ones(3, dtype=bool)


def equal_weights(count: int) -> np.ndarray:
    return np.full(count, 1.0 / count)


def test_many_points_of_equal_weight_give_back_the_law_that_drew_them() -> None:
    points = LAW.sample(np.random.default_rng(0), 20_000)
    fitted = gaussian_fit.weighted(points, equal_weights(20_000), gaussian_fit.whole_cube(3))
    assert fitted.kl(LAW) < 0.001  # 9 numbers from 20 000 points: 9 / (2 n) in the mean


def test_weights_fit_as_importance_sampling_does() -> None:
    wide = Gaussian(np.zeros(3), np.eye(3))
    points = wide.sample(np.random.default_rng(1), 200_000)
    ratio = np.exp(LAW.log_prob(points) - wide.log_prob(points))
    fitted = gaussian_fit.weighted(points, ratio / ratio.sum(), wide)
    assert fitted.kl(LAW) < 0.01


def test_a_single_point_keeps_the_old_spread() -> None:
    fitted = gaussian_fit.weighted(np.array([[0.2, 0.5, 0.9]]), np.ones(1), LAW)
    assert fitted.root == pytest.approx(LAW.root)
    assert ndtr(fitted.mean) == pytest.approx([0.2, 0.5, 0.9])


def test_evenly_spaced_draws_have_the_moments_of_the_law() -> None:
    points = gaussian_fit.spaced(LAW, np.random.default_rng(2), 4096)
    assert gaussian_fit.weighted(points, equal_weights(4096), LAW).kl(LAW) < 2e-4


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(0.01, 2.0))
def test_a_step_is_cut_exactly_where_it_goes_too_far(seed: int, most: float) -> None:
    rng = np.random.default_rng(seed)
    new = Gaussian(
        2.0 * rng.normal(size=3), np.tril(0.1 * rng.normal(size=(3, 3)), -1) + np.diag(rng.uniform(0.1, 2, 3))
    )
    step = gaussian_fit.within(LAW, new, most)
    if new.kl(LAW) <= most:
        assert step == new
    else:
        assert step.kl(LAW) == pytest.approx(most, rel=1e-6)


def test_a_floor_widens_what_is_narrower_and_nothing_else() -> None:
    law = Gaussian(np.array([0.0, 0.0, 9.0]), np.diag([0.001, 0.5, 0.001]))
    wide = gaussian_fit.floored(law, 0.02)
    spread = wide.sample(np.random.default_rng(3), 20_000).std(axis=0)
    assert spread[0] == pytest.approx(0.02, rel=0.03)
    assert wide.root[1, 1] == 0.5
    assert wide.mean[2] == gaussian_fit.FARTHEST
    assert wide.root[2, 2] <= 1.0


def test_marginals_are_those_of_the_draws() -> None:
    drawn = SLIDE_SPACE.from_unit(LAW.sample(np.random.default_rng(4), 200_000))
    marginals = gaussian_fit.marginals(SLIDE_SPACE, ALL, LAW)
    for column, (name, marginal) in enumerate(marginals.items()):
        width = np.ptp(drawn[:, column])
        assert marginal.mean == pytest.approx(drawn[:, column].mean(), abs=0.004 * width)
        found = np.quantile(drawn[:, column], [0.05, 0.95])
        assert [marginal.low, marginal.high] == pytest.approx(found.tolist(), abs=0.004 * width), name
        assert marginal.verdict is None
    unit = SLIDE_SPACE.to_unit(drawn)
    contraction = [marginal.contraction for marginal in marginals.values()]
    assert contraction == pytest.approx((1.0 - 12.0 * unit.var(axis=0)).tolist(), abs=0.01)


def test_the_whole_cube_has_learned_nothing() -> None:
    for marginal in gaussian_fit.marginals(SLIDE_SPACE, ALL, gaussian_fit.whole_cube(3)).values():
        assert marginal.contraction == pytest.approx(0.0, abs=1e-3)


def test_parameters_of_no_width_are_correlated_with_nothing() -> None:
    matrix = gaussian_fit.correlation(np.array([True, False, True, True]), LAW)
    assert (matrix[1] == np.eye(4)[1]).all()
    assert matrix[0, 2] == pytest.approx(0.4 * 0.2 / (0.4 * np.hypot(0.2, 0.3)))
