"""What counts as the same policy, and that a wrong one is found out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import sim2real_envs
from sim2real.exporting.agreement import Agreement, Alike, Trial
from sim2real.policy import Policy
from sim2real_envs.parameters import Array
from tests.support import point_mass
from tests.support.gain_search import linear_policy

POLICY = linear_policy(np.array([9.0, -3.0]))


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    env: gymnasium.Env[Array, Array] = sim2real_envs.make(point_mass.ENV_ID)
    yield Trial.of(POLICY, env, {}, 25, tmp_path_factory.mktemp("piece"))
    env.close()


def test_the_original_agrees_with_itself(trial: Trial) -> None:
    found = trial.compare(POLICY, 1e-12)
    assert found.holds
    assert found.max_abs_difference == 0.0
    assert found.jittered is None
    assert found.alike.success == found.alike.ending == found.episodes == 25
    assert found.successes == found.original_successes > 0


def _wrong_sign(observation: Array) -> Array:
    return -POLICY(observation)


def _sometimes_nan(observation: Array) -> Array:
    return np.full(1, np.nan) if observation[0] > 9.0 else POLICY(observation)


def _a_little_off(observation: Array) -> Array:
    return POLICY(observation) + 2e-5


@pytest.mark.parametrize("wrong", [_wrong_sign, _sometimes_nan, _a_little_off])
def test_a_policy_that_is_not_the_original_is_found_out(trial: Trial, wrong: Policy) -> None:
    assert not trial.compare(wrong, 1e-5).holds


def test_a_policy_within_the_bound_is_shown_beside_the_original_with_such_errors(trial: Trial) -> None:
    found = trial.compare(lambda observation: POLICY(observation) + 1e-7, 1e-5)
    assert found.holds
    assert found.jittered is not None
    assert "the original with errors of that size on its actions" in found.sentence()


def test_the_same_trial_gives_the_same_numbers(trial: Trial, tmp_path: Path) -> None:
    again = Trial.of(POLICY, trial.env, {}, 25, tmp_path)
    assert again.endings == trial.endings
    for kind, rows in trial.observations.items():
        assert np.array_equal(rows, again.observations[kind])


@pytest.mark.parametrize(
    ("difference", "alike", "holds"),
    [
        (0.0, Alike(50, 50, 1.0), True),
        (0.0, Alike(50, 49, 1.0), False),  # equal bits, and yet another episode
        (1e-6, Alike(47, 40, 0.25), True),
        (1e-6, Alike(40, 35, 0.002), False),
        (1e-4, Alike(50, 50, 1.0), False),
    ],
)
def test_what_holds(difference: float, alike: Alike, holds: bool) -> None:
    assert Agreement({"random": difference}, 1e-5, {"random": 1000}, 50, 40, 40, alike).holds == holds
