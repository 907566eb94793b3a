"""Real outcomes and their replays, as arrays."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sim2real.errors import InsufficientEvidence
from sim2real.randomizers.trials import SQUASH, Trials, comparable_outcomes, differences, real_outcomes, segments
from sim2real.testing import SLIDE_SPACE, slide_evidence
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.outcomes import Outcome

OUTCOMES = (Outcome("distance", "m", 0.1), Outcome("success", "-", 1.0, "binary"))
TRIALS = Trials(OUTCOMES, np.array([[0.5, 1.0], [0.8, 0.0]]), np.array([[0.2], [0.4]]), np.zeros((2, 2, 2)))
EVIDENCE = slide_evidence(SLIDE_SPACE, np.array([0.3, 0.05, 0.5]), np.random.default_rng(0))


def test_a_small_difference_is_in_units_of_the_scale_and_a_large_one_grows_like_a_logarithm() -> None:
    simulated = np.array([[[0.501, 1.0], [0.8, 1.0]], [[10.5, 1.0], [1e4, 1.0]]])
    compared = differences(TRIALS, simulated)[:, :, 0]
    assert compared[0] == pytest.approx([0.01, 0.0], rel=1e-4)
    assert compared[1, 0] == pytest.approx(SQUASH * np.log(2 * 100 / SQUASH), rel=1e-3)
    assert compared[1, 1] < 60.0


def test_a_binary_outcome_stays_what_it_is() -> None:
    simulated = np.array([[[0.5, 1.0], [0.5, 0.0]]])
    assert differences(TRIALS, simulated)[0, :, 1].tolist() == [1.0, 0.0]


def test_a_diverged_world_counts_as_the_worst() -> None:
    simulated = np.array([[[0.4, 1.0], [0.9, 0.0]], [[0.9, 1.0], [0.5, 0.0]], [[np.nan, np.nan], [np.nan, np.nan]]])
    compared = differences(TRIALS, simulated)
    assert compared[2, :, 0].tolist() == [compared[1, 0, 0], compared[1, 1, 0]]
    assert compared[2, :, 1].tolist() == [0.0, 1.0]


def test_an_outcome_without_a_single_replay_stays_unknown() -> None:
    assert np.isnan(differences(TRIALS, np.full((3, 2, 2), np.nan))[:, :, 0]).all()


def test_trials_come_back_from_json_with_their_gaps() -> None:
    trials = replace(TRIALS, simulated=np.array([[[np.nan, 1.0], [1 / 3, 0.0]]] * 2))
    restored = Trials.from_dict(json.loads(json.dumps(trials.to_dict(), allow_nan=False)))
    assert restored.outcomes == trials.outcomes
    assert np.array_equal(restored.simulated, trials.simulated, equal_nan=True)
    assert (restored.observed == trials.observed).all()


def test_only_episodes_with_a_finite_outcome_are_used_in_an_order_of_their_own() -> None:
    diverged = replace(EVIDENCE.real[0], outcome={"distance": float("nan"), "duration": float("nan")})
    real = (*EVIDENCE.real, diverged)
    episodes, observed = real_outcomes(real, EVIDENCE.replay.outcomes)
    backwards, same = real_outcomes(real[::-1], EVIDENCE.replay.outcomes)
    assert len(episodes) == 12
    assert [real[index] for index in episodes] == [real[::-1][index] for index in backwards]
    assert (observed == same).all()


def test_an_outcome_that_nobody_measured_is_left_out() -> None:
    real = tuple(replace(episode, outcome={"duration": episode.outcome["duration"]}) for episode in EVIDENCE.real)
    assert [o.name for o in comparable_outcomes(replace(EVIDENCE, real=real), None)] == ["duration"]


def test_outcomes_can_be_chosen_by_name() -> None:
    assert [o.name for o in comparable_outcomes(EVIDENCE, ["distance"])] == ["distance"]
    with pytest.raises(UnknownNameError, match="Did you mean 'distance'"):
        comparable_outcomes(EVIDENCE, ["distanse"])


def test_real_episodes_without_any_outcome_are_refused() -> None:
    with pytest.raises(InsufficientEvidence, match="At least one real episode must have a finite outcome"):
        comparable_outcomes(replace(EVIDENCE, real=()), None)


def test_the_policy_drives_where_the_replay_has_one() -> None:
    assert {segment.drive for segment in segments(EVIDENCE, [0, 3])} == {"policy"}
