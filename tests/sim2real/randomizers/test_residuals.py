"""What is compared of recorded and simulated paths."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.randomizers.residuals import CAP, compare
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


def recording(length: int = 20, **path: Array) -> Episode:
    return Episode(WorldState({}), {}, True, "none", length - 1, 0.0, 0.1, actions=np.zeros((length - 1, 0)), path=path)


def ramp(length: int = 20, slope: float = 1.0) -> Array:
    return slope * np.linspace(0.0, 1.0, length)[:, None]


def simulated(values: Array) -> Array:
    return values[None, None, None]


def test_columns_of_other_units_count_alike() -> None:
    both = np.hstack([ramp(), ramp(slope=1000.0)])
    comparison = compare([recording(a=both)], ["a"])
    off = comparison.residuals({"a": simulated(both * 1.1)})[0].reshape(20, 2)
    np.testing.assert_allclose(off[:, 0], off[:, 1])


def test_the_start_and_what_lies_behind_the_end_do_not_count() -> None:
    short, long = ramp(10), ramp(20)
    comparison = compare([recording(10, a=short), recording(20, a=long)], ["a"])
    off = comparison.residuals({"a": np.stack([long + 0.5, long + 0.5])[None, :, None]})[0].reshape(2, 20)
    assert off[0, 0] == off[1, 0] == 0.0
    assert (off[0, 10:] == 0.0).all()
    assert (off[1, 1:] != 0.0).all()


def test_a_world_that_ended_early_holds_its_last_values_and_a_diverged_one_counts_a_lot() -> None:
    comparison = compare([recording(a=ramp())], ["a"])
    ended, diverged = ramp(), np.full((20, 1), np.nan)
    ended[10:] = np.nan
    path = np.stack([ended, diverged])[:, None, None]
    off = comparison.residuals({"a": path}).reshape(2, 20)
    assert np.isfinite(off).all()
    assert off[0, -1] == pytest.approx((ramp()[9, 0] - 1.0) / comparison.spread[0])
    assert (off[1, 1:] == CAP).all()


def test_a_quaternion_and_its_negative_are_one_rotation() -> None:
    angles = np.linspace(0.0, 3.0, 20)
    pose = np.zeros((20, 7))
    pose[:, 0], pose[:, 5], pose[:, 6] = angles, np.sin(angles), np.cos(angles)
    flipped = pose.copy()
    flipped[::3, 3:] *= -1.0
    named = {"object.pose": flipped}
    comparison = compare([Episode(WorldState({}), {}, True, "none", 19, 0.0, 0.1, path=named)], ["object.pose"])
    assert np.abs(comparison.residuals({"object.pose": simulated(pose)})).max() < 1e-12


def test_weights_make_every_column_count_by_what_is_left_of_it() -> None:
    rng = np.random.default_rng(0)
    both = np.hstack([ramp(200), ramp(200)])
    comparison = compare([recording(200, a=both)], ["a"])
    path = {"a": simulated(both + rng.normal(size=both.shape) * [0.01, 0.1])}
    first = comparison.residuals(path)[0]
    second = comparison.weighted(first).residuals(path)[0].reshape(200, 2)[1:]
    np.testing.assert_allclose(np.sqrt((second**2).mean(axis=0)), 1.0)
    before, after = comparison.rms(first), comparison.weighted(first).rms(second_of(comparison, first, path))
    assert before["a"] == pytest.approx(after["a"])


def second_of(comparison: object, first: Array, path: dict[str, Array]) -> Array:
    return comparison.weighted(first).residuals(path)[0]  # type: ignore[attr-defined, no-any-return]


def test_a_column_that_does_not_move_counts_for_nothing() -> None:
    still = np.hstack([ramp(), np.full((20, 1), 3.0)])
    comparison = compare([recording(a=still)], ["a"])
    off = comparison.residuals({"a": simulated(still + np.array([0.0, 1.0]))})
    assert (off == 0.0).all()


def test_autocorrelation_tells_noise_from_drift() -> None:
    rng = np.random.default_rng(1)
    comparison = compare([recording(500, a=ramp(500))], ["a"])
    noise = comparison.residuals({"a": simulated(ramp(500) + 0.1 * rng.normal(size=(500, 1)))})[0]
    drift = comparison.residuals({"a": simulated(ramp(500) + 0.1 * rng.normal(size=(500, 1)).cumsum(axis=0))})[0]
    assert abs(comparison.autocorrelation(noise)) < 4.0 / np.sqrt(500)
    assert comparison.autocorrelation(drift) > 0.9


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'b' is not a signal"):
        compare([recording(a=ramp())], ["a"], ["b"])
    with pytest.raises(InsufficientEvidence, match="must share a signal"):
        compare([recording(a=ramp())], ["b"])
    with pytest.raises(InsufficientEvidence, match="Nothing moves"):
        compare([recording(a=np.zeros((20, 1)))], ["a"])
