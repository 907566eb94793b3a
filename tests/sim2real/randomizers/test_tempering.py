"""The power of the likelihood: 1 where the emulator is as good as it says, less where it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sim2real.randomizers.likelihood import build
from sim2real.randomizers.tempering import COVERED, POWERS, Exam, _answers, likelihood_power
from sim2real.randomizers.trials import Trials
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array

ACTIVE = np.array([True, True])
DESIGNS = 48


def _smooth(points: Array, episode: int) -> Array:
    return np.sin((1.0 + 0.3 * episode) * points[:, 0]) + 0.5 * points[:, 1]


def _cliff(points: Array, episode: int) -> Array:
    """Falls off where the push just misses, at a place that differs with the episode."""
    return _smooth(points, episode) + 3.0 * (np.sin(13.0 * points[:, 0] + 7.0 * points[:, 1] + episode) > 0.0)


def _trials(world: Callable[[Array, int], Array], episodes: int = 8, copies: int = 1, seed: int = 0) -> Trials:
    """Return real outcomes at (0.4, 0.6) and replays in designs; ``copies`` repeat every episode."""
    designs = np.random.default_rng(seed).random((DESIGNS, 2))
    truth = np.array([[0.4, 0.6]])
    indices = [index for index in range(episodes) for _ in range(copies)]
    simulated = np.stack([world(designs, index) for index in indices], axis=1)[:, :, None]
    observed = np.array([[world(truth, index)[0]] for index in indices])
    return Trials((Outcome("place", "m", 0.1),), observed, designs, simulated)


def _power(trials: Trials, misfit: float = 0.2) -> float:
    model = build([trials], ACTIVE, np.ones(len(trials.outcomes)), 0.05)
    return likelihood_power(model, trials, ACTIVE, _exam(trials), np.full(len(trials.outcomes), misfit))


def _exam(trials: Trials) -> Exam:
    return Exam(np.arange(len(trials.designs)), np.random.default_rng(9).random((256, 2)))


def test_a_good_emulator_is_believed() -> None:
    assert _power(_trials(_smooth)) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_an_emulator_that_misses_cliffs_is_believed_less(seed: int) -> None:
    assert _power(_trials(_cliff, seed=seed)) < 0.6


@pytest.mark.parametrize("seed", range(3))
def test_episodes_that_err_alike_count_as_few(seed: int) -> None:
    """Eight copies of an episode say what one says: the errors of the emulator do not cancel."""
    one, eight = (_power(_trials(_cliff, episodes=4, copies=copies, seed=seed)) for copies in (1, 8))
    assert eight < 0.3 * one


def test_errors_that_are_small_beside_the_misfit_do_not_count() -> None:
    assert _power(_trials(_cliff), misfit=100.0) == 1.0


@pytest.mark.parametrize("world", [_smooth, _cliff])
def test_at_that_power_the_true_domains_lie_where_they_should(world: Callable[[Array, int], Array]) -> None:
    trials = _trials(world)
    model = build([trials], ACTIVE, np.ones(1), 0.05)
    exam, misfit = _exam(trials), np.full(1, 0.2)
    power = likelihood_power(model, trials, ACTIVE, exam, misfit)
    own, others = _answers(model, trials, ACTIVE, exam, misfit)
    weights = np.exp(power * (others - others.max(axis=1, keepdims=True)))
    above = (weights * (others > own[:, None])).sum(axis=1) / weights.sum(axis=1)
    assert (above < COVERED).mean() >= COVERED


def test_replays_of_one_design_are_left_out_together() -> None:
    """Else its twin would tell the emulator of noise what to expect."""
    trials = _trials(_cliff)
    twice = replace(
        trials, designs=np.repeat(trials.designs, 2, axis=0), simulated=np.repeat(trials.simulated, 2, axis=0)
    )
    assert _power(twice) == pytest.approx(_power(trials), rel=0.5)


def test_a_diverged_replay_is_not_asked_where_it_came_from() -> None:
    trials = _trials(_smooth)
    simulated = trials.simulated.copy()
    simulated[:4, 2] = np.nan
    broken = replace(trials, simulated=simulated)
    model = build([broken], ACTIVE, np.ones(1), 0.05)
    own, others = _answers(model, broken, ACTIVE, _exam(broken), np.full(1, 0.2))
    assert own.shape == (DESIGNS - 4,)
    assert others.shape == (DESIGNS - 4, 256)
    assert np.isfinite(own).all()


def test_without_a_replay_that_ended_the_likelihood_is_left_as_it_is() -> None:
    trials = _trials(_smooth)
    exam = replace(_exam(trials), rows=np.empty(0, dtype=np.int64))
    model = build([trials], ACTIVE, np.ones(1), 0.05)
    assert likelihood_power(model, trials, ACTIVE, exam, np.full(1, 0.2)) == 1.0


def test_powers_fall_from_one() -> None:
    assert POWERS[0] == 1.0
    assert (np.diff(POWERS) < 0.0).all()


def test_the_power_of_a_round_is_kept_with_its_trials() -> None:
    trials = replace(_trials(_smooth), power=0.25)
    assert Trials.from_dict(trials.to_dict()).power == 0.25
    model = build([trials, _trials(_smooth)], ACTIVE, np.ones(1), 0.05)
    assert model.powers.tolist() == [0.25] * 8 + [1.0] * 8
