"""The start of a flight is recovered from all of its samples, in the recording's own lengths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sim2real.recordings.free_flight import start_of_flight
from sim2real_envs.parameters import Array
from tests.support.tosses import sample_times

VELOCITY, TURNING, GRAVITY = np.array([0.9, -0.4, 0.3]), np.array([2.0, -5.0, 1.0]), 9.61
ORIENTATION = Rotation.from_rotvec([0.3, 0.2, -1.0])


def flight(count: int, rng: np.random.Generator | None = None, noise_m: float = 0.0, noise_rad: float = 0.0) -> Array:
    times = sample_times(count)
    positions = np.array([0.1, 0.2, 0.3]) + np.outer(times, VELOCITY)
    positions[:, 2] -= 0.5 * GRAVITY * times**2
    turns = Rotation.from_rotvec(np.outer(times, TURNING)) * ORIENTATION
    if rng is not None:
        positions += rng.normal(0.0, noise_m, positions.shape)
        turns = Rotation.from_rotvec(rng.normal(0.0, noise_rad, (count, 3))) * turns
    return np.concatenate([positions, turns.as_quat()], axis=1)


@pytest.mark.parametrize("count", [5, 15, 36])
def test_an_exact_flight_gives_its_start_exactly(count: int) -> None:
    start = start_of_flight(sample_times(count), flight(count))
    np.testing.assert_allclose(start.values["object.pose"][:3], [0.1, 0.2, 0.3], atol=1e-12)
    np.testing.assert_allclose(start.values["object.twist"], [*VELOCITY, *TURNING], atol=1e-9)
    turned = Rotation.from_quat(start.values["object.pose"][3:]) * ORIENTATION.inv()
    assert turned.magnitude() < 1e-12
    assert start.spread["object.twist"].max() < 1e-9


def test_the_spread_is_the_error_that_is_made() -> None:
    rng, flights = np.random.default_rng(0), 400
    starts = [start_of_flight(sample_times(15), flight(15, rng, 2e-5, 2e-4)) for _ in range(flights)]
    twists = np.array([start.values["object.twist"] for start in starts])
    told = np.sqrt(np.mean([start.spread["object.twist"] ** 2 for start in starts], axis=0))
    made = np.sqrt(((twists - [*VELOCITY, *TURNING]) ** 2).mean(axis=0))
    # The standard deviation of n values is known to 1/sqrt(2 n): 3.5 % here; four of those.
    np.testing.assert_allclose(told, made, rtol=4.0 / np.sqrt(2.0 * flights))
    one_difference = np.sqrt(2.0) * 2e-5 * 148.0
    assert (made[:3] < one_difference / 2.0).all()
