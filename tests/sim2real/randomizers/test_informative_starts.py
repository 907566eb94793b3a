"""Choosing starts by what they are expected to tell, in worlds whose information is known in closed form."""

from __future__ import annotations

import logging
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.informative_starts import expected_information, greedy, linear_information, whitened
from sim2real.randomizers.particles import Particles
from sim2real.testing import SLIDE_SPACE, SlideOffer, SlideReplay, slide_evidence
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


def _world(rng: np.random.Generator, candidates: int, dimension: int, outcomes: int = 2) -> tuple[Array, Array]:
    """Return slopes B (c, m, d) and information B'B / s^2 (c, d, d) of starts that differ in what they tell."""
    slopes = rng.normal(size=(candidates, outcomes, dimension)) * np.exp(rng.normal(size=(candidates, 1, 1)))
    return slopes, np.einsum("cmd,cme->cde", slopes, slopes) / 0.5**2


def _best(information: Array, count: int) -> float:
    sets = combinations(range(len(information)), count)
    return max(expected_information(information[list(chosen)]) for chosen in sets)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 4))
def test_with_one_unknown_the_greedy_choice_is_the_best_of_all_sets(seed: int, count: int) -> None:
    _, information = _world(np.random.default_rng(seed), 8, 1)
    assert expected_information(information[greedy(information, count)]) == pytest.approx(_best(information, count))


@given(seed=st.integers(0, 10_000))
def test_with_several_unknowns_it_is_as_near_to_the_best_as_submodularity_says(seed: int) -> None:
    _, information = _world(np.random.default_rng(seed), 8, 3)
    found = expected_information(information[greedy(information, 3)])
    assert (1.0 - 1.0 / np.e) * _best(information, 3) <= found <= _best(information, 3) + 1e-12


def test_with_several_unknowns_it_is_mostly_the_best_of_all_sets() -> None:
    same = 0
    for seed in range(60):
        _, information = _world(np.random.default_rng(seed), 8, 2)
        found = expected_information(information[greedy(information, 3)])
        same += found > _best(information, 3) - 1e-9
    assert same >= 57  # 59 or 60 in nine other streams


def test_in_a_linear_gaussian_world_it_leaves_less_variance_than_random_starts() -> None:
    """The posterior variance is tr (I + sum B'B / s^2)^-1 exactly, whatever is observed."""

    def left(information: Array) -> float:
        return float(np.trace(np.linalg.inv(np.eye(3) + information.sum(axis=0))))

    gains = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        slopes, information = _world(rng, 24, 3)
        white = whitened(rng.normal(size=(40, 3)))
        outcomes = np.einsum("kd,cmd->kcm", white, slopes)
        chosen = greedy(linear_information(white, outcomes, np.full(2, 0.5)), 4)
        gains.append(np.log(left(information[chosen]) / left(information[rng.permutation(24)[:4]])))
    interval = stats.t(len(gains) - 1, np.mean(gains), stats.sem(gains)).interval(0.999)
    assert interval[1] < np.log(0.2)  # 0.07 on average, and 0.11 at the interval's end


def test_the_information_of_a_linear_world_is_found_from_draws() -> None:
    rng = np.random.default_rng(0)
    slopes, information = _world(rng, 5, 2)
    white = whitened(rng.normal(size=(64, 2)) @ np.array([[1.0, 0.8], [0.0, 0.1]]) + 3.0)
    found = linear_information(white, np.einsum("kd,cmd->kcm", white, slopes) + 7.0, np.full(2, 0.5))
    assert found == pytest.approx(information, rel=1e-9, abs=1e-9)


def test_a_start_from_which_chance_decides_tells_little() -> None:
    rng = np.random.default_rng(1)
    white = whitened(rng.normal(size=(200, 2)))
    quiet, wild = 0.5 * white[:, :1], 20.0 * rng.normal(size=(200, 1))
    found = linear_information(white, np.stack([quiet, wild], axis=1), np.array([0.2]))
    assert expected_information(found[:1]) > 10.0 * expected_information(found[1:])
    assert greedy(found, 1) == [0]


def test_a_diverged_world_says_nothing_and_spoils_nothing() -> None:
    rng = np.random.default_rng(2)
    white = whitened(rng.normal(size=(64, 2)))
    outcomes = (white @ np.array([[1.0], [0.5]]))[:, None, :]
    outcomes[3] = np.nan
    found = linear_information(white, outcomes, np.array([0.2]))
    assert np.isfinite(found).all()
    assert expected_information(found) > 1.0


def test_more_starts_than_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="the number of candidates, must hold, but got 3"):
        greedy(np.zeros((2, 1, 1)), 3)


def test_starts_are_left_to_the_target_by_default() -> None:
    offer, rng = SlideOffer(SLIDE_SPACE), np.random.default_rng(0)
    assert Fixed.create(SLIDE_SPACE).choose_starts(offer, 4, rng) is None
    assert Particles.create(SLIDE_SPACE).choose_starts(offer, 4, rng) is None


def _speed(start: WorldState) -> float:
    return float(start.values["object.twist"][0])


def test_particles_choose_different_starts_of_those_on_offer() -> None:
    chooser = Particles.create(SLIDE_SPACE, starts="informative", candidates=8)
    chosen = chooser.choose_starts(SlideOffer(SLIDE_SPACE), 4, np.random.default_rng(0))
    assert chosen is not None
    offered = SlideOffer(SLIDE_SPACE).candidates(32, np.random.default_rng(0))
    speeds = [_speed(start) for start in chosen]
    assert set(speeds) < {_speed(start) for start in offered}
    assert len(set(speeds)) == 4


def test_a_block_is_pushed_where_its_friction_shows() -> None:
    """Of a known delay, distance and duration tell the friction, and fast pushes tell more."""
    space = SLIDE_SPACE.subset(["object.friction"])
    rng = np.random.default_rng(3)
    slow = slide_evidence(space, np.array([0.2]), rng, episodes=6, noise=0.3)
    learned = Particles.create(space, count=64, designs=24, starts="informative").update_from_evidence(slow, rng)
    chosen = learned.choose_starts(SlideOffer(space), 4, rng)
    assert chosen is not None
    assert min(_speed(start) for start in chosen) > 1.75  # the mean of what is offered


def test_looking_is_as_much_work_as_it_says(caplog: pytest.LogCaptureFixture) -> None:
    offer = SlideOffer(SLIDE_SPACE)
    with caplog.at_level(logging.INFO):
        Particles.create(SLIDE_SPACE, starts="informative").choose_starts(offer, 3, np.random.default_rng(0))
    assert caplog.records[0].getMessage() == (
        "Choosing 3 starts of 12 tries each in 32 simulated domains: at most 3,840 env steps."
    )
    (replay,) = offer.replays
    assert isinstance(replay, SlideReplay)
    assert len(replay.speeds) == 4 * 3


def test_a_way_of_choosing_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OptionError, match="'starts' must be one of 'random', 'informative', but got 'best'"):
        Particles.create(SLIDE_SPACE, starts="best")
