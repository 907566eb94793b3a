"""What trials found, against closed forms and counts by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim2real.gap.statistics import newcombe_paired, wilson
from sim2real.trials.drift import SHUFFLES, drift
from sim2real.trials.log import Trial
from sim2real.trials.order import planned_order
from sim2real.trials.results import results, write_results

DAY = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def trials_of(verdicts: dict[str, list[bool]], minutes: float = 2.0) -> list[Trial]:
    """Return trials in planned order with the given verdicts, block by block."""
    blocks = len(next(iter(verdicts.values())))
    trials = []
    for index, slot in enumerate(planned_order(list(verdicts), blocks, blocks, seed=0)):
        won, began = verdicts[slot.policy][slot.block - 1], DAY + timedelta(minutes=minutes * index)
        trials.append(Trial(slot, 1, began, 10.0, won, won, "none" if won else "timeout", 80, {}, 0, 0, "", ""))
    return trials


def test_rates_and_paired_differences_are_the_closed_forms() -> None:
    verdicts = {"a": [True] * 8 + [False] * 2, "b": [True] * 3 + [False] * 7}
    found = results(trials_of(verdicts), ["a", "b"], planned=20, seed=0)
    assert found.rates["a"] == wilson(8, 10)
    pair = found.comparisons[0]
    assert (pair.first, pair.second, pair.blocks) == ("a", "b", 10)
    expected = newcombe_paired(both=3, first_only=5, second_only=0, neither=2)
    assert (pair.difference.value, pair.difference.low, pair.difference.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert pair.difference.mcnemar_p == pytest.approx(2 * 0.5**5)
    assert found.failures == {"a": {"timeout": 2}, "b": {"timeout": 7}}


def test_spoiled_trials_do_not_count_and_pairs_need_both() -> None:
    trials = trials_of({"a": [True, True], "b": [False, True]})
    spoiled = [Trial(**{**vars(each), "spoiled": "slipped"}) if each.slot.number == 1 else each for each in trials]
    found = results(spoiled, ["a", "b"], planned=4, seed=0)
    assert found.done == 3
    assert found.comparisons[0].blocks == 1
    assert sum(found.spoiled.values()) == 1


def test_drift_sees_a_robot_that_gets_worse_and_not_one_that_is_steady() -> None:
    rng = np.random.default_rng(0)
    worse = {name: [bool(rng.random() < 1.0 - index / 30) for index in range(30)] for name in "ab"}
    found = results(trials_of(worse), ["a", "b"], planned=60, seed=0)
    assert found.drifts["trial"].p < 0.01
    assert found.drifts["trial"].slope < 0
    assert found.drifts["hour"].slope < 0
    assert {name: each["trial"].n for name, each in found.drifts_of.items()} == {"a": 30, "b": 30}
    p = [drift(range(40), rng.random(40) < 0.5, ["a", "b"] * 20, np.random.default_rng(i)).p for i in range(60)]
    # uniform under no drift: of 60, at most 9 below 0.05 with 99.9 %
    assert sum(value < 0.05 for value in p) <= 9


def test_a_better_policy_that_came_later_is_no_drift() -> None:
    won = [False] * 20 + [True] * 20
    policies = ["a"] * 20 + ["b"] * 20
    found = drift(range(40), won, policies, np.random.default_rng(0))
    assert found.slope == pytest.approx(0.0)
    assert found.p == 1.0


def test_a_clock_that_stands_still_says_nothing() -> None:
    found = drift([3.0] * 10, [True] * 10, ["a"] * 10, np.random.default_rng(0))
    assert np.isnan(found.slope)
    assert np.isnan(found.p)
    quick = results(trials_of({"a": [True, False] * 5}, minutes=1.0), ["a"], planned=10, seed=0)
    assert np.isnan(quick.drifts["hour"].slope), "ten minutes are no time of day"


def test_p_values_count_the_observed_order() -> None:
    found = drift(range(12), [False] * 6 + [True] * 6, ["a"] * 12, np.random.default_rng(0))
    assert found.p >= 1 / (SHUFFLES + 1)
    assert found.p < 0.02  # 2 of 924 orders are as steep


def test_the_files_can_be_read_by_others(tmp_path: Path) -> None:
    trials = trials_of({"a": [True, True], "b": [False, True]})
    write_results(tmp_path, results(trials, ["a", "b", "c"], planned=6, seed=0), trials)
    rates = pd.read_csv(tmp_path / "rates.csv")
    assert rates.to_dict("records") == [
        {"policy": "a", "real": 1.0, "trials": 2},
        {"policy": "b", "real": 0.5, "trials": 2},
    ]
    assert len(pd.read_csv(tmp_path / "trials.csv")) == 4
    summary = json.loads((tmp_path / "summary.json").read_text())
    nothing = {"rate": None, "low": None, "high": None}
    unmoved = {"n": 0, "slope": None, "p": None}
    assert summary["policies"]["c"] == {
        **{
            "k": 0,
            "n": 0,
            "failures": {},
            "spoiled": 0,
            "late_minus_early": {"value": None, "low": None, "high": None},
        },
        "drift": {"trial": {"per": "10 trials", **unmoved}, "hour": {"per": "hour of the day", **unmoved}},
        **nothing,
    }
