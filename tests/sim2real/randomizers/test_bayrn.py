"""Bayesian domain randomization: where it begins, what it counts, and that it goes to where policies do best."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence
from sim2real.launch import run
from sim2real.randomizers import Json, Randomizer
from sim2real.randomizers.bayrn import NARROWEST, BayRn, BayRnOptions
from sim2real.testing import SLIDE_SPACE, RandomizerContract, slide_evidence
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, Parameter, ParameterSpace
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy


class TestBayRnContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return BayRn.create(space)


class TestBayRnWithWidthsContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return BayRn.create(space, widths="each", shape="uniform", score="return", bound="lower", warm_start=False)


SUCCESS_WIDTH = 0.2  # of the range, by which a policy's training may miss the truth


def _space(count: int) -> ParameterSpace:
    return ParameterSpace([Parameter(f"part.{i}", 1.0, 0.5, 1.5, (1e-3, 100.0), "-") for i in range(count)])


def _outcomes(success: Array) -> Evidence:
    evidence = slide_evidence(SLIDE_SPACE, np.array([0.3, 0.0, 0.5]), np.random.default_rng(0), episodes=len(success))
    real = tuple(
        replace(episode, success=bool(each), total_reward=10.0 * float(each))
        for episode, each in zip(evidence.real, success, strict=True)
    )
    return replace(evidence, real=real)


def _experiment(randomizer: BayRn, truth: Array, *, rounds: int, episodes: int, seed: int) -> BayRn:
    """A policy succeeds with probability exp(-d^2 / 2 w^2), d the distance between its x and the truth, (n,) each."""
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        miss = ((randomizer.law.quantile(np.array([[0.5]]))[0] - truth) ** 2).sum()
        success = rng.random(episodes) < np.exp(-0.5 * miss / SUCCESS_WIDTH**2)
        randomizer = randomizer.update_from_evidence(_outcomes(success), rng)
    return randomizer


def test_the_first_trial_is_nominal_which_the_policy_before_the_first_round_was_trained_at() -> None:
    randomizer = BayRn.create(SLIDE_SPACE, widths="common").update_from_evidence(
        _outcomes(np.array([True, False, False])), np.random.default_rng(0)
    )
    (trial,) = randomizer.trials
    assert trial.x[:3] == pytest.approx(SLIDE_SPACE.to_unit(SLIDE_SPACE.to_array(SLIDE_SPACE.nominal())))
    assert trial.x[3] == 0.0, "it knew of no width"
    assert trial.y == pytest.approx(1.0 / 3.0)
    assert trial.episodes == 3


def test_the_first_trial_counts_only_if_it_shall() -> None:
    randomizer, rng = BayRn.create(SLIDE_SPACE, count_first=False), np.random.default_rng(0)
    heard = randomizer.update_from_evidence(_outcomes(np.zeros(6)), rng)
    assert heard.trials == ()
    assert len(heard.update_from_evidence(_outcomes(np.ones(6)), rng).trials) == 1
    assert heard.final() == heard, "nothing was tried, so nothing can be chosen"


def test_a_trial_is_booked_where_the_policy_was_trained() -> None:
    randomizer, rng = BayRn.create(_space(2)), np.random.default_rng(0)
    at = []
    for success in (0.0, 1.0, 0.0, 1.0):
        at.append(tuple(randomizer.x.tolist()))
        randomizer = randomizer.update_from_evidence(_outcomes(np.full(6, success)), rng)
    assert [trial.x for trial in randomizer.trials] == at
    assert [trial.y for trial in randomizer.trials] == [0.0, 1.0, 0.0, 1.0]
    assert len(set(at)) == 4


def test_the_points_before_the_process_spread_over_the_range() -> None:
    randomizer, rng = BayRn.create(_space(1), initial=4), np.random.default_rng(0)
    points = []
    for _ in range(4):
        randomizer = randomizer.update_from_evidence(_outcomes(np.zeros(6)), rng)
        points.append(float(randomizer.x[0]))
    assert sorted(int(4.0 * point) for point in points) == [0, 1, 2, 3]


@pytest.mark.parametrize("shape", ["normal", "uniform"])
def test_the_law_stands_about_x_with_the_stated_width(shape: str) -> None:
    randomizer = BayRn.create(_space(2), shape=shape, width=0.05)
    values = randomizer.sample(np.random.default_rng(0), 20_000).values  # the range is 1 wide
    assert values.mean(axis=0) == pytest.approx([1.0, 1.0], abs=4.0 * 0.05 / np.sqrt(20_000))
    assert values.std(axis=0) == pytest.approx([0.05, 0.05], rel=4.0 / np.sqrt(2.0 * 20_000))


def test_searched_widths_are_the_law_s() -> None:
    each = replace(BayRn.create(_space(2), widths="each"), x=np.array([0.5, 0.5, 0.0, 1.0]))
    spread = each.sample(np.random.default_rng(0), 20_000).values.std(axis=0)
    assert spread[0] == pytest.approx(NARROWEST, rel=0.05)
    assert spread[1] > 0.2
    common = replace(BayRn.create(_space(2), widths="common"), x=np.array([0.5, 0.5, 0.0]))
    assert common.sample(np.random.default_rng(0), 20_000).values.std(axis=0) == pytest.approx(NARROWEST, rel=0.05)


def test_the_score_is_success_or_return_their_mean_or_a_lower_bound_of_it() -> None:
    evidence = _outcomes(np.array([1.0, 1.0, 1.0, 0.0]))

    def first(**options: Json) -> float:
        randomizer = BayRn.create(SLIDE_SPACE, **options)
        return randomizer.update_from_evidence(evidence, np.random.default_rng(0)).trials[0].y

    assert first() == 0.75
    assert first(score="return") == 7.5
    # of 4 resampled from 3 ones and a zero, P(mean <= 0.25) = 1 / 256 + 12 / 256 = 0.0508 and P(mean <= 0) = 0.004
    assert first(bound="lower") in (0.25, 0.5)
    assert first(score="return", bound="lower") in (2.5, 5.0)


def test_the_belief_goes_to_the_truth_at_eleven_tenths_of_nominal() -> None:
    """Within the distance at which the success falls by one standard error of a trial of 20 episodes."""
    space = _space(1)
    truth = space.to_unit(np.array([1.1]))
    share = 22.0 / 24.0
    tolerance = SUCCESS_WIDTH * np.sqrt(-2.0 * np.log(1.0 - np.sqrt(share * (1.0 - share) / 24.0)))
    assert tolerance < 0.1, "nominal must not pass"
    for seed in range(6):
        found = _experiment(BayRn.create(space), truth, rounds=10, episodes=20, seed=seed).final()
        assert abs(found.x[0] - truth[0]) < tolerance
        assert abs(found.describe().parameters["part.0"].mean - 1.1) < tolerance


def test_policies_that_are_trained_by_it_do_better_on_a_late_target_than_unrandomized_ones(tmp_path: Path) -> None:
    spec = toy(
        methods=["bayrn", "fixed"],
        parameters={"actuator.delay": {"low": 0.0, "high": 0.2}},
        targets={"late": {"type": "hidden", "domain": {"actuator.delay": 0.12}}},
        rounds=8,
        episodes={"real_per_round": 12, "simulated_per_round": 4, "final": 40},
    )
    result = run(spec, output=tmp_path, trainer=GainSearch(), report=False)
    bayrn, fixed = (result.summary["methods"][method]["real"] for method in ("bayrn", "fixed"))
    assert bayrn["low"] > fixed["high"]
    assert result.summary["methods"]["bayrn"]["real_episodes_used"] == 8 * 12


def test_five_rounds_of_six_episodes_work_and_say_that_they_mean_little() -> None:
    for count in (1, 4):
        randomizer = _experiment(BayRn.create(_space(count)), np.full(count, 0.6), rounds=5, episodes=6, seed=0).final()
        assert len(randomizer.trials) == 5
        messages = " ".join(randomizer.describe().messages)
        assert "too few" in messages
        assert "depends on all earlier rounds" in messages
        assert randomizer.describe().diagnostics["real_episodes"] == 30.0


def test_it_says_when_the_trials_differ_by_chance_only() -> None:
    alike, apart = BayRn.create(_space(1), initial=3), BayRn.create(_space(1), initial=3)
    rng = np.random.default_rng(0)
    for index in range(3):
        alike = alike.update_from_evidence(_outcomes(np.array([1.0, 0.0, 0.0, 1.0])), rng)
        apart = apart.update_from_evidence(_outcomes(np.full(30, float(index == 1))), rng)
    assert "by chance" in " ".join(alike.describe().messages)
    assert "by chance" not in " ".join(apart.describe().messages)


def test_without_a_warm_start_scores_stand_for_themselves() -> None:
    assert BayRn.create(_space(1)).warm_start
    cold = _experiment(BayRn.create(_space(1), warm_start=False), np.array([0.6]), rounds=2, episodes=6, seed=0)
    assert not cold.warm_start
    assert not cold.final().warm_start
    assert not BayRn.from_dict(cold.space, cold.to_dict()).warm_start
    assert "earlier rounds" not in " ".join(cold.describe().messages)


def test_where_all_trials_score_alike_the_first_is_kept() -> None:
    randomizer, rng = BayRn.create(_space(2)), np.random.default_rng(0)
    for _ in range(5):
        randomizer = randomizer.update_from_evidence(_outcomes(np.zeros(6)), rng)
    assert randomizer.final().x.tolist() == [0.5, 0.5]


def test_a_space_without_any_width_has_nothing_to_search() -> None:
    space = _space(1).with_ranges({"part.0": (1.0, 1.0)})
    randomizer = BayRn.create(space).update_from_evidence(_outcomes(np.ones(6)), np.random.default_rng(0))
    assert randomizer.trials == ()
    assert (randomizer.final().sample(np.random.default_rng(0), 5).values == 1.0).all()
    assert BayRn.from_dict(space, json.loads(json.dumps(randomizer.to_dict()))) == randomizer


SCRIPT = """
import json, sys
import numpy as np
from sim2real.randomizers import resolve
from sim2real.testing import SLIDE_SPACE, slide_evidence
randomizer = resolve("bayrn").from_dict(SLIDE_SPACE, json.load(sys.stdin))
evidence = slide_evidence(SLIDE_SPACE, SLIDE_SPACE.from_unit(np.full(3, 0.4)), np.random.default_rng(5))
print(json.dumps(randomizer.update_from_evidence(evidence, np.random.default_rng(3)).to_dict()))
"""


def test_another_process_proposes_the_same_point_bit_for_bit() -> None:
    evidence = slide_evidence(SLIDE_SPACE, SLIDE_SPACE.from_unit(np.full(3, 0.4)), np.random.default_rng(5))
    randomizer = _experiment(BayRn.create(SLIDE_SPACE), np.full(3, 0.6), rounds=4, episodes=6, seed=1)
    assert len(randomizer.planned) == 0
    here = randomizer.update_from_evidence(evidence, np.random.default_rng(3))
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(randomizer.to_dict()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == json.dumps(here.to_dict())
    assert there.stderr == ""


def test_the_package_and_the_method_load_without_learning_libraries_and_optuna() -> None:
    script = """
import sys
import sim2real
from sim2real.randomizers import resolve
resolve("bayrn")
print([name for name in ("torch", "optuna", "stable_baselines3") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_evidence_without_episodes_is_refused() -> None:
    nothing = replace(_outcomes(np.ones(1)), real=())
    with pytest.raises(InsufficientEvidence, match="0 episodes"):
        BayRn.create(SLIDE_SPACE).update_from_evidence(nothing, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"score": "reward"}, "'score' must be one of 'success', 'return', but got 'reward'"),
        ({"bound": "upper"}, "'bound' must be one of 'mean', 'lower'"),
        ({"initial": 0}, "'initial' must be a whole number from 1 to 1000, but got 0"),
        ({"width": 0.5}, "`0.02 <= width <= 0.3` must hold, but got 0.5"),
        ({"widths": "all"}, "'widths' must be one of 'fixed', 'common', 'each'"),
        ({"shape": "beta"}, "'shape' must be one of 'normal', 'uniform'"),
        ({"warm_start": 1}, "'warm_start' must be true or false, but got 1"),
        ({"count_first": "yes"}, "'count_first' must be true or false"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Json], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        BayRn.create(SLIDE_SPACE, **options)
    with pytest.raises(OptionError, match=said):
        BayRnOptions(**options)  # type: ignore[arg-type]
