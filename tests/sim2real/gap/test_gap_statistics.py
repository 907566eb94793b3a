from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim2real.gap.statistics import (
    Difference,
    Estimate,
    Rate,
    bootstrap_paired,
    interquartile_mean,
    mcnemar,
    mean_difference,
    newcombe,
    newcombe_paired,
    paired_mean_difference,
    stratified_bootstrap,
    wilson,
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 500))
    return draw(st.integers(0, n)), n


@given(counts(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_is_scipys_wilson(count: tuple[int, int], level: float) -> None:
    k, n = count
    rate = wilson(k, n, level)
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0.0 <= rate.low <= rate.rate <= rate.high <= 1.0


@given(counts())
def test_wilson_of_failures_mirrors_wilson_of_successes(count: tuple[int, int]) -> None:
    k, n = count
    successes, failures = wilson(k, n), wilson(n - k, n)
    assert (successes.low, successes.high) == pytest.approx((1 - failures.high, 1 - failures.low), abs=1e-12)


def test_a_rate_of_no_trials_has_no_value_and_no_interval() -> None:
    rate = wilson(0, 0)
    assert (rate.k, rate.n) == (0, 0)
    assert all(math.isnan(value) for value in (rate.rate, rate.low, rate.high))
    assert rate.to_dict() == {"k": 0, "n": 0, "rate": None, "low": None, "high": None}


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"`0 <= k <= n` must hold"):
        wilson(k, n)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, math.nan])
def test_impossible_levels_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"`0 < level < 1` must hold"):
        wilson(1, 2, level)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),  # Newcombe (1998), Statistics in Medicine 17:873, Table II, method 10
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
    ],
)
def test_newcombe_gives_the_papers_intervals(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    difference = newcombe(*first, *second)
    assert difference.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (difference.low, difference.high) == pytest.approx((low, high), abs=5.1e-5)


@given(counts(), counts())
def test_exchanging_the_sides_changes_the_sign_of_newcombe(first: tuple[int, int], second: tuple[int, int]) -> None:
    forth, back = newcombe(*first, *second), newcombe(*second, *first)
    assert (forth.value, forth.low, forth.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)
    assert -1.0 <= forth.low <= forth.value <= forth.high <= 1.0


def test_newcombe_without_trials_on_one_side_is_not_a_number() -> None:
    assert newcombe(3, 4, 0, 0).to_dict() == {"value": None, "low": None, "high": None}


def test_newcombe_paired_gives_the_papers_interval() -> None:
    # Newcombe (1998), Statistics in Medicine 17:2635, method 10: a, b, c, d = 36, 12, 2, 0.
    difference = newcombe_paired(36, 12, 2, 0)
    assert (difference.value, difference.low, difference.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(lambda table: sum(table) > 0))
def test_newcombe_paired_is_antisymmetric_and_contains_its_value(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    forth, back = newcombe_paired(a, b, c, d), newcombe_paired(a, c, b, d)
    assert (forth.value, forth.low, forth.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)
    assert forth.low - 1e-12 <= forth.value <= forth.high + 1e-12


def test_newcombe_paired_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    cells = np.array([0.45, 0.25, 0.1, 0.2])
    truth = cells[1] - cells[2]
    tables = rng.multinomial(30, cells, size=2000)
    intervals = [newcombe_paired(*map(int, table)) for table in tables]
    coverage = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.93 < coverage < 0.98  # 95 %, one std of this estimate is 0.5 %


def test_agreeing_pairs_still_leave_an_interval() -> None:
    difference = newcombe_paired(8, 0, 0, 2)
    assert difference.value == 0.0
    assert difference.low < -0.05
    assert difference.high > 0.05


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_is_the_exact_binomial_test_of_discordant_pairs(first: int, second: int) -> None:
    expected = stats.binomtest(first, first + second, 0.5).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        mcnemar(-1, 2)


def test_mean_difference_is_scipys_welch_interval() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(1.0, 2.0, 14), rng.normal(0.0, 0.5, 31)
    expected = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.9)
    difference = mean_difference(x, y, 0.9)
    assert difference.value == pytest.approx(x.mean() - y.mean())
    assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))


def test_paired_mean_difference_is_scipys_paired_interval() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(1.0, 2.0, 14)
    y = x + rng.normal(0.3, 0.1, 14)
    expected = stats.ttest_rel(x, y).confidence_interval(0.95)
    difference = paired_mean_difference(x, y)
    assert (difference.low, difference.high) == pytest.approx((expected.low, expected.high))


def test_pairs_with_a_nan_are_left_out() -> None:
    with_nan = paired_mean_difference([1.0, 2.0, math.nan, 4.0], [0.5, 1.0, 1.0, 2.0])
    assert with_nan == paired_mean_difference([1.0, 2.0, 4.0], [0.5, 1.0, 2.0])


@pytest.mark.parametrize("function", [mean_difference, paired_mean_difference])
def test_one_value_a_side_has_a_difference_but_no_interval(function: object) -> None:
    assert callable(function)
    assert function([2.0], [0.5]).to_dict() == {"value": 1.5, "low": None, "high": None}
    assert function([], []).to_dict() == {"value": None, "low": None, "high": None}


def test_two_constant_sides_differ_by_exactly_their_difference() -> None:
    assert mean_difference([1.0, 1.0], [0.25, 0.25, 0.25]) == Difference(0.75, 0.75, 0.75)


def test_pairs_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape \(n,\)"):
        paired_mean_difference([1.0, 2.0], [1.0])


def test_bootstrap_of_pairs_is_seeded_and_agrees_with_the_normal_interval_of_many_pairs() -> None:
    data = np.random.default_rng(5)
    x = data.normal(0.2, 1.0, 400)
    y = np.zeros(400)
    interval = bootstrap_paired(x, y, np.random.default_rng(7))
    assert interval == bootstrap_paired(x, y, np.random.default_rng(7))
    assert interval != bootstrap_paired(x, y, np.random.default_rng(8))
    half = 1.96 * x.std() / np.sqrt(400)
    # The 2.5 % quantile of 2 000 resamples has a std of sqrt(.025 * .975 / 2000) / pdf = 0.06 standard errors.
    assert interval.value == pytest.approx(x.mean())
    assert interval.low == pytest.approx(x.mean() - half, abs=0.3 * half / 1.96)
    assert interval.high == pytest.approx(x.mean() + half, abs=0.3 * half / 1.96)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
def test_interquartile_mean_is_scipys_trimmed_mean(values: list[float]) -> None:
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-9)


def test_interquartile_mean_ignores_outliers() -> None:
    assert interquartile_mean([-1e9, 1.0, 2.0, 1e9]) == 1.5
    assert math.isnan(interquartile_mean([]))


def test_stratified_bootstrap_resamples_within_groups() -> None:
    # Two constant groups: resampling across them would give a wide interval, within them none.
    estimate = stratified_bootstrap(
        [np.zeros(10), np.ones(10)], lambda groups: float(np.concatenate(groups).mean()), np.random.default_rng(0)
    )
    assert estimate == Estimate(0.5, 0.5, 0.5)


def test_stratified_bootstrap_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        groups = [rng.normal(0.0, 1.0, 40), rng.normal(1.0, 1.0, 40)]
        interval = stratified_bootstrap(groups, lambda g: float(np.mean([x.mean() for x in g])), rng, 0.9, 300)
        hits += interval.low <= 0.5 <= interval.high
    assert 165 <= hits <= 195  # 180 expected, one std is 4.2


def test_an_empty_group_has_no_estimate() -> None:
    estimate = stratified_bootstrap([[], [1.0]], lambda groups: 0.0, np.random.default_rng(0))
    assert estimate.to_dict() == {"value": None, "low": None, "high": None}


@given(st.integers(0, 3), st.integers(0, 3))
def test_json_of_any_result_has_no_nan(n: int, m: int) -> None:
    results: list[Rate | Estimate] = [wilson(0, n), newcombe(0, n, 0, m), mean_difference([1.0] * n, [0.0] * m)]
    json.dumps([result.to_dict() for result in results], allow_nan=False)
