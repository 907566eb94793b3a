"""The normal posterior of a fit, and its draws within the unit cube, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sim2real.randomizers.base import IntArray
from sim2real.randomizers.laplace import LEAST_SD, MOST_OUTSIDE, PRIOR_SD, Normal, groups_of, posterior, truncated
from sim2real_envs.parameters import Array

LEVEL = 0.001


def line(groups: int, rows: int, shared: float, rng: np.random.Generator) -> tuple[Array, Array, IntArray]:
    """Return residual, Jacobian and groups of a mean u = 0.5 of values with an error that a whole group shares."""
    errors = np.repeat(shared * rng.normal(size=groups), rows) + 0.02 * rng.normal(size=groups * rows)
    fitted = errors - errors.mean()
    return fitted, -np.ones((groups * rows, 1)), np.repeat(np.arange(groups), rows)


def test_independent_errors_give_the_standard_error_of_a_mean() -> None:
    residual, jacobian, groups = line(400, 5, 0.0, np.random.default_rng(0))
    belief = posterior(np.array([0.5]), residual, jacobian, groups, len(residual))
    assert belief.spread[0] == pytest.approx(np.hypot(0.02 / np.sqrt(2000), LEAST_SD), rel=0.15)


def test_errors_that_groups_share_give_the_standard_error_of_a_mean_of_groups() -> None:
    residual, jacobian, groups = line(400, 50, 0.1, np.random.default_rng(1))
    belief = posterior(np.array([0.5]), residual, jacobian, groups, len(residual))
    assert belief.spread[0] == pytest.approx(0.1 / np.sqrt(400), rel=0.15)


def test_it_is_never_narrower_than_if_residuals_were_independent() -> None:
    rng = np.random.default_rng(2)
    jacobian, groups = rng.normal(size=(60, 3)), np.repeat(np.arange(20), 3)
    residual = 0.1 * rng.normal(size=60)
    residual -= jacobian @ np.linalg.lstsq(jacobian, residual, rcond=None)[0]
    belief = posterior(np.full(3, 0.5), residual, jacobian, groups, 60)
    plain = residual @ residual / 57 * np.linalg.inv(jacobian.T @ jacobian)
    assert np.linalg.eigvalsh(belief.covariance - plain).min() > 0.0


def test_errors_that_windows_of_a_rollout_share_give_the_standard_error_of_a_mean_of_rollouts() -> None:
    residual, jacobian, windows = line(1600, 5, 0.0, np.random.default_rng(8))
    errors = np.repeat(0.1 * np.random.default_rng(9).normal(size=400), 20)  # of 4 windows each
    residual += errors - errors.mean()
    rollouts = np.arange(1600) // 4
    belief = posterior(np.array([0.5]), residual, jacobian, windows, len(residual), rollouts=rollouts)
    assert belief.spread[0] == pytest.approx(0.1 / np.sqrt(400), rel=0.15)
    alone = posterior(np.array([0.5]), residual, jacobian, windows, len(residual))
    assert alone.spread[0] < 0.7 * belief.spread[0]


def test_three_rollouts_are_enough_for_intervals_of_more_parameters_than_that() -> None:
    rng, size, rollouts = np.random.default_rng(10), 6, np.repeat(np.arange(3), 20)
    windows = np.repeat(np.arange(60), 10)
    inside = np.empty((200, 2, size))
    for world in inside:
        jacobian = rng.normal(size=(600, size))
        drawn = 0.02 * rng.normal(size=(3, size))  # what a rollout's windows have in common
        residual = (jacobian * drawn[rollouts[windows]]).sum(axis=1) + 0.05 * rng.normal(size=600)
        error = np.linalg.lstsq(jacobian, residual, rcond=None)[0]
        residual -= jacobian @ error
        for row, known in zip(world, (None, rollouts), strict=True):
            belief = posterior(np.full(size, 0.5), residual, jacobian, windows, 600, rollouts=known)
            row[:] = np.abs(error) < 1.645 * belief.spread
    alone, together = inside.mean(axis=(0, 2))
    assert alone < 0.6
    assert 0.8 < together < 0.97


def test_a_column_of_zeros_is_as_wide_as_the_prior() -> None:
    residual, jacobian, groups = line(20, 5, 0.0, np.random.default_rng(3))
    wide = posterior(np.full(2, 0.5), residual, np.hstack([jacobian, np.zeros((100, 1))]), groups, 100)
    assert wide.spread[1] == pytest.approx(PRIOR_SD, rel=1e-6)


def test_an_estimate_that_a_wall_holds_has_its_centre_outside() -> None:
    jacobian, groups = -np.ones((100, 1)), np.repeat(np.arange(20), 5)
    residual = np.full(100, -0.1) + 0.02 * np.random.default_rng(4).normal(size=100)  # wants u = -0.1, is at 0
    low, high = (
        posterior(np.array([wall]), sign * residual, jacobian, groups, 100) for wall, sign in ((0.0, 1.0), (1.0, -1.0))
    )
    spread = MOST_OUTSIDE * low.spread[0]
    assert low.centre[0] == pytest.approx(-min(0.1, spread), abs=0.01)
    assert high.centre[0] == pytest.approx(1.0 + min(0.1, spread), abs=0.01)
    inside = posterior(np.array([0.0]), -residual, jacobian, groups, 100)
    assert inside.centre[0] == 0.0  # pushed away from the wall: it does not hold it


def test_few_recordings_are_cut_into_stretches_of_time() -> None:
    counted = np.ones((2, 40, 3), dtype=bool)
    counted[1, 20:] = False
    groups = groups_of(counted).reshape(2, 40, 3)
    assert len(np.unique(groups[counted])) == 8
    assert (np.diff(groups[:, :, 0], axis=1) >= 0).all()
    many = groups_of(np.ones((30, 10, 1), dtype=bool))
    np.testing.assert_array_equal(np.unique(many), np.arange(30))


@pytest.mark.parametrize(("centre", "spread"), [(0.5, 0.1), (0.0, 0.2), (-0.3, 0.1), (1.2, 0.3), (0.4, 10.0)])
def test_draws_of_one_parameter_follow_the_truncated_normal(centre: float, spread: float) -> None:
    drawn = truncated(Normal(np.array([centre]), np.array([[spread**2]])), 2000, np.random.default_rng(5))[:, 0]
    law = stats.truncnorm((0.0 - centre) / spread, (1.0 - centre) / spread, centre, spread)
    assert ((drawn >= 0.0) & (drawn <= 1.0)).all()
    assert stats.kstest(drawn, law.cdf).pvalue > LEVEL


def test_draws_keep_their_correlation_and_their_walls() -> None:
    covariance = np.array([[0.04, 0.038, 0.0], [0.038, 0.04, 0.0], [0.0, 0.0, 100.0]])
    drawn = truncated(Normal(np.array([0.1, 0.3, 0.5]), covariance), 4000, np.random.default_rng(6))
    proposals = np.random.default_rng(7).multivariate_normal([0.1, 0.3], covariance[:2, :2], 400_000)
    kept = proposals[((proposals >= 0.0) & (proposals <= 1.0)).all(axis=1)]
    np.testing.assert_allclose(drawn[:, :2].mean(axis=0), kept.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(np.cov(drawn[:, :2].T), np.cov(kept.T), atol=0.002)
    assert stats.kstest(drawn[:, 2], "uniform").pvalue > LEVEL


def test_draws_far_from_all_walls_have_the_moments_of_the_normal() -> None:
    correlation = np.array([[1.0, 0.4, 0.5, 0.2], [0.4, 1.0, 0.6, 0.4], [0.5, 0.6, 1.0, 0.93], [0.2, 0.4, 0.93, 1.0]])
    spread, centre = np.array([0.05, 0.005, 0.02, 0.01]), np.array([0.3, 0.4, 0.6, 0.5])
    covariance = correlation * np.outer(spread, spread)
    for seed in range(5):
        drawn = truncated(Normal(centre, covariance), 2048, np.random.default_rng(seed))
        np.testing.assert_allclose((drawn.mean(axis=0) - centre) / spread, 0.0, atol=0.1)
        np.testing.assert_allclose(drawn.std(axis=0) / spread, 1.0, atol=0.07)
        np.testing.assert_allclose(np.corrcoef(drawn.T), correlation, atol=0.09)


def test_the_product_of_two_normals_is_narrower_than_both() -> None:
    one, other = Normal(np.array([0.2]), np.array([[0.04]])), Normal(np.array([0.6]), np.array([[0.01]]))
    both = one.times(other)
    assert both.centre[0] == pytest.approx((0.2 / 0.04 + 0.6 / 0.01) / 125.0)
    assert both.covariance[0, 0] == pytest.approx(1.0 / 125.0)
