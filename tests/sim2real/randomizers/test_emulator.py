"""The emulator against dense textbook formulas and known functions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime
from scipy.stats import qmc

from sim2real.randomizers import emulator
from sim2real_envs.parameters import Array


def _points(count: int, dimension: int, seed: int) -> Array:
    points: Array = qmc.LatinHypercube(dimension, rng=np.random.default_rng(seed)).random(count)
    return points


def _wave(points: Array) -> Array:
    return np.sin(3.0 * points[:, 0]) + points[:, 1] ** 2


def test_it_predicts_a_smooth_function_within_its_own_bands() -> None:
    designs, fresh = _points(40, 2, 0), _points(500, 2, 1)
    mean, variance = emulator.fit(designs, _wave(designs)[:, None]).predict(fresh)
    error = mean[:, 0] - _wave(fresh)
    assert np.sqrt((error**2).mean()) < 0.005
    assert (np.abs(error) < 3.0 * np.sqrt(variance[:, 0])).mean() > 0.95


def test_prediction_is_the_dense_formula() -> None:
    designs, fresh = _points(25, 2, 2), _points(10, 2, 3)
    values = np.stack([_wave(designs), 4.0 * designs[:, 0]], axis=1) + 0.1 * _points(25, 2, 4)
    fitted = emulator.fit(designs, values)
    scale = fitted.length
    kernel = emulator.matern52(emulator.distances(designs / scale, designs / scale))
    cross = emulator.matern52(emulator.distances(fresh / scale, designs / scale))
    mean, variance = fitted.predict(fresh)
    for column in range(2):
        inverse = np.linalg.inv(fitted.signal[column] * kernel + fitted.noise[column] * np.eye(25))
        gain = fitted.signal[column] * cross @ inverse
        centred = values[:, column] - values[:, column].mean()
        expected = fitted.signal[column] * (1.0 - np.einsum("pk,pk->p", gain, cross))
        assert mean[:, column] == pytest.approx(values[:, column].mean() + gain @ centred, abs=1e-6)
        assert variance[:, column] == pytest.approx(expected, abs=1e-6 * fitted.signal[column])


def test_the_fit_maximizes_the_marginal_likelihood_of_a_gaussian_process() -> None:
    designs = _points(20, 2, 5)
    values = _wave(designs)[:, None]
    scaled = (values - values.mean()) / values.std()
    for log_length in (np.log([0.3, 0.9]), np.log([1.5, 0.4])):
        loss, _ = emulator._loss_and_slope(log_length, designs, scaled)
        points = designs / np.exp(log_length)
        kernel = emulator.matern52(emulator.distances(points, points))
        best = max(
            stats.multivariate_normal.logpdf(scaled[:, 0], np.zeros(20), amplitude * (kernel + ratio * np.eye(20)))
            for ratio in emulator.NOISE_RATIOS
            for amplitude in [float(scaled[:, 0] @ np.linalg.solve(kernel + ratio * np.eye(20), scaled[:, 0])) / 20]
        )
        constant = 10.0 * (1.0 + np.log(2.0 * np.pi))
        assert loss == pytest.approx(-best - constant + 0.5 * (log_length**2).sum(), rel=1e-6)


def test_the_slope_of_the_likelihood_is_its_finite_difference() -> None:
    designs = _points(30, 3, 6)
    values = np.stack([_wave(designs), designs[:, 2]], axis=1) + 0.1 * np.random.default_rng(7).normal(size=(30, 2))
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    at = np.log([0.5, 0.8, 1.2])
    _, slope = emulator._loss_and_slope(at, designs, scaled)

    def loss(log_length: Array) -> float:
        return emulator._loss_and_slope(log_length, designs, scaled)[0]

    numeric = approx_fprime(at, loss, 1e-6)
    assert slope == pytest.approx(numeric, rel=1e-3, abs=1e-3)


def test_a_parameter_without_effect_gets_a_long_length_scale_and_no_slope() -> None:
    designs = _points(64, 3, 8)
    fitted = emulator.fit(designs, _wave(designs)[:, None])
    assert fitted.length[2] > 5.0
    line = np.column_stack([np.full(11, 0.4), np.full(11, 0.6), np.linspace(0.0, 1.0, 11)])
    assert np.ptp(fitted.predict(line)[0]) < 0.01


def test_the_noise_of_each_column_is_found() -> None:
    designs, rng = _points(128, 2, 9), np.random.default_rng(10)
    noise = np.array([0.02, 0.2])
    values = _wave(designs)[:, None] + noise * rng.normal(size=(128, 2))
    fitted = emulator.fit(designs, values)
    assert np.sqrt(fitted.noise) == pytest.approx(noise, rel=0.35)


def test_a_column_that_never_changes_is_predicted_exactly() -> None:
    designs = _points(16, 2, 11)
    fitted = emulator.fit(designs, np.column_stack([np.full(16, 3.0), _wave(designs)]))
    mean, variance = fitted.predict(_points(5, 2, 12))
    assert mean[:, 0].tolist() == [3.0] * 5
    assert variance[:, 0].tolist() == [0.0] * 5
    assert fitted.noise[0] == 0.0
