from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sim2real.gap.metrics import (
    feature_errors,
    mean_gap,
    paired_success_gap,
    position_error,
    rotation_error,
    success_gap,
)
from sim2real.gap.statistics import mcnemar, newcombe


def test_the_success_gap_is_simulated_minus_real() -> None:
    gap = success_gap(simulated=[True] * 9 + [False], real=[True] * 3 + [False] * 7)
    assert gap == newcombe(9, 10, 3, 10)
    assert gap.value == pytest.approx(0.6)


def test_the_paired_gap_counts_discordant_pairs() -> None:
    simulated = [True, True, True, False, True]
    real = [True, False, False, False, True]
    gap = paired_success_gap(simulated=simulated, real=real)
    assert gap.value == pytest.approx(0.4)
    assert (gap.n, gap.mcnemar_p) == (5, mcnemar(2, 0))


def test_pairs_narrow_the_interval_where_the_sides_agree() -> None:
    outcomes = [True, False] * 25
    flipped = [False, *outcomes[1:]]
    paired = paired_success_gap(simulated=outcomes, real=flipped)
    unpaired = success_gap(simulated=outcomes, real=flipped)
    assert paired.high - paired.low < 0.7 * (unpaired.high - unpaired.low)


def test_pairs_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape \(n,\)"):
        paired_success_gap(simulated=[True], real=[True, False])


def test_the_gap_of_means_leaves_nan_out_and_says_how_many_were_left() -> None:
    gap = mean_gap(simulated=[1.0, 3.0, math.nan], real=[1.0, 1.0], paired=([1.0, math.nan, 3.0], [1.0, 1.0, 2.5]))
    assert (gap.simulated, gap.real, gap.simulated_n, gap.real_n, gap.pairs) == (2.0, 1.0, 2, 2, 2)
    assert gap.difference.value == 1.0
    assert gap.normalized == 0.5
    assert gap.paired is not None
    assert gap.paired.value == 0.25


def test_the_gap_of_nothing_is_null_in_json() -> None:
    gap = mean_gap(simulated=[], real=[1.0]).to_dict()
    assert gap["value"] is None
    assert gap["simulated"] is None
    assert gap["normalized"] is None


def test_position_error_is_the_mean_distance_over_the_times_that_both_have() -> None:
    recorded = np.zeros((2, 4, 3))
    recorded[1, 2:] = np.nan
    predicted = np.zeros((2, 4, 3)) + np.array([3.0, 4.0, 0.0])
    predicted[1, 0] = 0.0
    assert position_error(predicted=predicted, recorded=recorded) == pytest.approx([5.0, 2.5])


@given(st.floats(0.0, math.pi), st.integers(0, 2**31))
def test_rotation_error_is_the_angle_between_orientations(angle: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = Rotation.random(rng=rng)
    axis = rng.normal(size=3)
    second = first * Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle)
    for sign in (1.0, -1.0):
        error = rotation_error(predicted=first.as_quat()[None], recorded=sign * second.as_quat()[None])
        assert float(error) == pytest.approx(angle, abs=1e-6)


def test_feature_errors_are_mean_absolute_and_root_mean_square() -> None:
    predicted = np.array([[0.0, 1.0], [3.0, 1.0], [np.nan, 1.0]])
    first, second = feature_errors(predicted=predicted, recorded=np.zeros((3, 2)))
    assert first == pytest.approx([1.5, 1.0])
    assert second == pytest.approx([math.sqrt(4.5), 1.0])
