"""The search finds minima inside the cube and on its walls, and steps over roundings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.randomizers.levenberg_marquardt import minimize
from sim2real.randomizers.roundings import centred, roundings
from sim2real_envs.parameters import Array

NONE = np.zeros(2)
START = np.array([[0.1, 0.9]])


def banana(points: Array) -> Array:
    """Return Rosenbrock's residuals with the minimum at (0.7, 0.49)."""
    x, y = points.T
    return np.stack([0.7 - x, 10.0 * (y - x**2)], axis=1)


def test_it_follows_a_curved_valley_to_its_end() -> None:
    best = minimize(banana, START, NONE, 60)
    np.testing.assert_allclose(best.point, [0.7, 0.49], atol=2e-3)


def test_it_ends_on_the_wall_where_the_minimum_lies_beyond() -> None:
    best = minimize(lambda u: np.stack([u[:, 0] - 1.4 + u[:, 1], u[:, 1] + 0.5], axis=1), START, NONE, 30)
    np.testing.assert_allclose(best.point, [1.0, 0.0], atol=1e-3)  # of (x + y - 1.4)^2 + (y + 0.5)^2 in the square


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3), st.integers(0, 1000))
def test_a_linear_problem_is_solved_from_anywhere(target: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(12, 3)) + 2.0 * np.eye(12, 3)
    best = minimize(lambda u: (u - target) @ matrix.T, rng.random((1, 3)), np.zeros(3), 30)
    np.testing.assert_allclose(best.point, target, atol=5e-3)


def test_the_best_of_several_starts_wins() -> None:
    def two_valleys(u: Array) -> Array:
        return np.stack([np.minimum(np.abs(u[:, 0] - 0.2) + 0.3, np.abs(u[:, 0] - 0.8)), u[:, 1] - 0.5], axis=1)

    best = minimize(two_valleys, np.array([[0.25, 0.1], [0.7, 0.1]]), NONE, 30)
    np.testing.assert_allclose(best.point, [0.8, 0.5], atol=0.01)


def test_a_parameter_that_does_nothing_stays_where_it_is() -> None:
    best = minimize(lambda u: np.stack([u[:, 0] - 0.6, 2.0 * u[:, 0] - 1.2], axis=1), START, NONE, 20)
    assert best.point[0] == pytest.approx(0.6, abs=1e-3)
    assert best.point[1] == START[0, 1]


def rounded(u: Array) -> Array:
    """Return residuals whose second parameter acts in steps of 0.04, and trades off with the first."""
    steps = np.rint(u[:, 1] / 0.04) * 0.04
    return np.stack([u[:, 0] + steps - 0.9, 3.0 * (u[:, 0] - steps) + 0.3, u[:, 0] * 0.5 - 0.2], axis=1)


def test_what_is_rounded_is_recognized_and_what_does_nothing_is_too() -> None:
    def respond(u: Array) -> Array:
        return np.hstack([rounded(u[:, :2]), np.zeros((len(u), 1))])

    widths, idle = roundings(respond, 3, np.random.default_rng(0))
    np.testing.assert_allclose(widths, [0.0, 0.04, 0.0], atol=0.003)
    assert idle.tolist() == [False, False, True]


def test_the_best_step_of_what_is_rounded_is_found_and_its_middle_taken() -> None:
    widths, _ = roundings(rounded, 2, np.random.default_rng(1))
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 1001), np.arange(26) * 0.04), axis=-1).reshape(-1, 2)
    best = minimize(rounded, START, widths, 40)
    assert 2.0 * best.cost <= (rounded(grid) ** 2).sum(axis=1).min() + 1e-6
    middle = centred(rounded, best.point, widths)
    assert middle[1] == pytest.approx(0.04 * round(best.point[1] / 0.04), abs=0.004)
    assert (rounded(middle[None]) == rounded(best.point[None])).all()
