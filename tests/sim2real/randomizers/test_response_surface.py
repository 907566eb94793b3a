"""The Gaussian process of few results with known errors, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.randomizers.emulator import distances, matern52
from sim2real.randomizers.response_surface import fit
from sim2real_envs.parameters import Array


def _results(seed: int, count: int = 12, size: int = 2) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    points = rng.random((count, size))
    return points, np.sin(5.0 * points[:, 0]) + 0.3 * points[:, 1]


def test_its_posterior_is_that_of_the_kernel_it_found() -> None:
    points, values = _results(0)
    errors = np.linspace(0.05, 0.3, len(values))
    surface = fit(points, values, errors)
    new = np.random.default_rng(1).random((5, 2))

    def kernel(one: Array, other: Array) -> Array:
        return surface.signal**2 * matern52(distances(one / surface.length, other / surface.length))

    noisy = kernel(points, points) + np.diag(errors**2 + surface.excess**2)
    gain = kernel(new, points) @ np.linalg.inv(noisy)
    mean, deviation = surface.predict(new)
    covariance = kernel(new, new) - gain @ kernel(points, new)
    assert mean == pytest.approx(values.mean() + gain @ (values - values.mean()), rel=1e-5)
    assert deviation == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-5)
    rise = mean[0] - mean[1]
    spread = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    rng = np.random.default_rng(2)
    share = (rise + spread * rng.normal(size=100_000) > 0.0).mean()
    assert surface.better(new[0], new[1]) == pytest.approx(share, abs=4.0 * 0.5 / np.sqrt(100_000))
    assert surface.better(new[1], new[0]) == pytest.approx(1.0 - surface.better(new[0], new[1]))


def test_exact_results_are_met_and_uncertain_ones_are_not() -> None:
    points, values = _results(0, count=30)
    exact, _ = fit(points, values, np.full(30, 1e-4)).predict(points)
    vague, _ = fit(points, values, np.full(30, 3.0)).predict(points)
    assert np.abs(exact - values).max() < 0.1 * values.std()
    assert np.abs(vague - values.mean()).max() < 0.5 * np.abs(values - values.mean()).max()


def test_a_column_without_effect_gets_a_longer_length_scale() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((40, 2))
    surface = fit(points, np.sin(8.0 * points[:, 0]), np.full(40, 0.02))
    assert surface.length[1] > 2.0 * surface.length[0]


@given(st.integers(0, 1000), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_units_do_not_matter(seed: int, shift: float, scale: float) -> None:
    points, values = _results(seed, count=6)
    errors = np.full(6, 0.1)
    mean, deviation = fit(points, values, errors).predict(points)
    moved, stretched = fit(points, shift + scale * values, scale * errors).predict(points)
    assert moved == pytest.approx(shift + scale * mean, rel=1e-3, abs=1e-3 * scale)
    assert stretched == pytest.approx(scale * deviation, rel=1e-2)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_that_are_all_alike_predict_themselves(count: int) -> None:
    surface = fit(np.random.default_rng(0).random((count, 4)), np.full(count, 0.5), np.full(count, 0.1))
    assert surface.predict(np.random.default_rng(1).random((10, 4)))[0] == pytest.approx(np.full(10, 0.5))
