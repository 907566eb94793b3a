"""A state from the samples around it: exact on polynomials, better than a difference on an encoder's steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.recordings.local_fit import state_at

TIMES = np.linspace(0.0, 0.4, 101)


@given(st.lists(st.floats(-2.0, 2.0), min_size=4, max_size=4), st.integers(4, 96))
def test_a_cubic_is_met_exactly(coefficients: list[float], index: int) -> None:
    constant, linear, square, cube = coefficients
    positions = constant + linear * TIMES + square * TIMES**2 + cube * TIMES**3
    at = state_at(TIMES, positions[:, None], index, reach=6)
    t = TIMES[index]
    assert float(at.position[0]) == pytest.approx(positions[index], abs=1e-9)
    assert float(at.velocity[0]) == pytest.approx(linear + 2.0 * square * t + 3.0 * cube * t**2, abs=1e-7)


@pytest.mark.parametrize("index", [0, 100])
def test_a_parabola_is_met_exactly_at_both_ends(index: int) -> None:
    positions = np.stack([1.0 + 2.0 * TIMES - 3.0 * TIMES**2, TIMES], axis=1)
    at = state_at(TIMES, positions, index, reach=6)
    np.testing.assert_allclose(at.position, positions[index], atol=1e-12)
    np.testing.assert_allclose(at.velocity, [2.0 - 6.0 * TIMES[index], 1.0], atol=1e-10)


def test_errors_are_as_large_as_said() -> None:
    off = []
    for seed in range(300):
        noise = np.random.default_rng(seed).normal(0.0, 0.01, size=len(TIMES))
        at = state_at(TIMES, (np.sin(3.0 * TIMES) + noise)[:, None], 50, reach=6)
        off.append(
            [
                (at.position[0] - math.sin(0.6)) / at.position_error[0],
                (at.velocity[0] - 3.0 * math.cos(0.6)) / at.velocity_error[0],
            ]
        )
    spread = np.std(off, axis=0)  # Student's t with 9 degrees of freedom: 1.13
    assert ((spread > 0.95) & (spread < 1.35)).all(), spread
