"""A pseudo-real target gives what a robot would, and nothing more."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence, TooManyDivergences
from sim2real.evidence import Need, Segment
from sim2real.experiment.simulator import Simulator
from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.uniform import Uniform
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from sim2real_envs.errors import OptionError, ParameterError, UnknownNameError
from tests.support import point_mass

POLICY = point_mass.PushAndBrake()
DOMAIN = {"object.friction": 0.1234567, "actuator.delay": 0.08, "sensor.object_position_noise": 0.005}
SPACE = point_mass.SPACE.subset(["object.friction", "actuator.delay"])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def rollouts() -> Rollouts:
    return Rollouts(point_mass.ENV_ID, workers=0)


@pytest.fixture(scope="module")
def real(rollouts: Rollouts) -> tuple[Episode, ...]:
    return HiddenTarget(rollouts, DOMAIN).collect(POLICY, 12, rng())


def test_an_episode_tells_neither_domain_nor_seed(real: tuple[Episode, ...]) -> None:
    for episode in real:
        assert episode.domain is None
        assert episode.seed is None
    assert np.float64(DOMAIN["object.friction"]).tobytes() not in pickle.dumps(real)


def test_the_start_is_the_measured_one_with_its_spread(rollouts: Rollouts, real: tuple[Episode, ...]) -> None:
    exact = HiddenTarget(rollouts, {**DOMAIN, "sensor.object_position_noise": 0.0}).collect(POLICY, 12, rng())
    errors = []
    for measured, true in zip(real, exact, strict=True):
        assert measured.start.spread["joint.position"] == pytest.approx(0.005)
        assert not true.start.spread
        errors.append(measured.start.values["joint.position"][0] - true.start.values["joint.position"][0])
    # 12 draws of N(0, 0.005): the sample's standard deviation lies in these bounds with 99.9 %
    assert 0.002 < np.std(errors) < 0.0095


def test_it_begins_where_it_is_asked_to(rollouts: Rollouts) -> None:
    starts = rollouts.starts([3, 4, 5])
    target = HiddenTarget(rollouts, DOMAIN | {"sensor.object_position_noise": 0.0})
    episodes = target.collect(POLICY, 3, rng(), starts)
    for episode, start in zip(episodes, starts, strict=True):
        for name, value in start.values.items():
            np.testing.assert_allclose(episode.start.values[name], value, atol=1e-12)
    with pytest.raises(OptionError, match="got 3 starts for 2 episodes"):
        target.collect(POLICY, 2, rng(), starts)


def test_starts_of_a_task_differ_and_the_same_seeds_give_the_same(rollouts: Rollouts) -> None:
    first, again = rollouts.starts([3, 4, 3]), rollouts.starts([3, 4, 3])
    goals = [start.values["goal"].tolist() for start in first]
    assert goals[0] == goals[2] != goals[1]
    assert goals == [start.values["goal"].tolist() for start in again]


def test_what_it_offers_is_what_it_logs(rollouts: Rollouts) -> None:
    quiet = HiddenTarget(rollouts, DOMAIN, log="outcomes")
    assert quiet.offers is Need.OUTCOMES
    assert HiddenTarget(rollouts, DOMAIN).offers == Need.OUTCOMES | Need.TRAJECTORIES
    episode = quiet.collect(POLICY, 1, rng())[0]
    assert episode.observations is None
    assert episode.actions is None
    assert set(episode.outcome) == {"success", "object_x", "duration"}


def test_the_same_stream_gives_the_same_episodes(rollouts: Rollouts, real: tuple[Episode, ...]) -> None:
    again = HiddenTarget(rollouts, DOMAIN).collect(POLICY, 12, rng())
    assert [dict(episode.outcome) for episode in again] == [dict(episode.outcome) for episode in real]


def test_the_truth_is_complete_and_for_the_oracle_and_the_report(rollouts: Rollouts) -> None:
    assert HiddenTarget(rollouts, {"actuator.delay": 0.08}).truth == {
        **point_mass.SPACE.nominal(),
        "actuator.delay": 0.08,
    }


def test_a_domain_that_cannot_be_is_refused(rollouts: Rollouts) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'object\.friction'"):
        HiddenTarget(rollouts, {"object.frcition": 0.1})
    with pytest.raises(ParameterError, match="within its limits"):
        HiddenTarget(rollouts, {"object.friction": 7.0})


def test_too_many_divergences_do_not_give_the_hidden_domain_away() -> None:
    target = HiddenTarget(Rollouts(point_mass.ENV_ID, {"diverge_above": 0.05}, workers=0), DOMAIN)
    with pytest.raises(TooManyDivergences, match="12 of 12 pseudo-real episodes diverged") as caught:
        target.collect(POLICY, 12, rng())
    assert "0.12" not in str(caught.value)


def test_in_its_own_domain_a_replay_does_what_the_real_episode_did(rollouts: Rollouts) -> None:
    target = HiddenTarget(rollouts, {**DOMAIN, "sensor.object_position_noise": 0.0})
    real = target.collect(POLICY, 5, rng())
    replay = Simulator(rollouts, SPACE).replay(POLICY, real)
    truth = SPACE.to_array(target.truth)
    for drive in ("policy", "actions"):
        segments = [Segment(i, drive=drive) for i in range(5)]
        replayed = replay(np.stack([truth, SPACE.to_array(SPACE.nominal())]), segments, rng())
        for name in ("success", "object_x", "duration"):
            own, nominal = replayed.outcome[name][:, :, 0]
            np.testing.assert_array_equal(own, [episode.outcome[name] for episode in real])
        assert (replayed.outcome["object_x"][0] != replayed.outcome["object_x"][1]).any()
        assert nominal.shape == (5,)


def test_every_domain_of_a_replay_meets_the_same_noise(rollouts: Rollouts, real: tuple[Episode, ...]) -> None:
    replay = Simulator(rollouts, SPACE).replay(POLICY, real)
    row = SPACE.to_array({"object.friction": 0.1, "actuator.delay": 0.04})
    outcome = replay(np.stack([row, row, row]), [Segment(0), Segment(3)], rng(), repeats=4).outcome["object_x"]
    assert outcome.shape == (3, 2, 4)
    np.testing.assert_array_equal(outcome[0], outcome[1])
    assert len(np.unique(outcome[0, 0])) == 4, "repeats begin at starts drawn from the spread"
    once = replay(np.stack([row]), [Segment(0), Segment(3)], rng()).outcome["object_x"]
    np.testing.assert_array_equal(once[0, 0, 0], outcome[0, 0, 0])


def test_a_replay_says_its_cost_before_and_counts_it_after(rollouts: Rollouts, real: tuple[Episode, ...]) -> None:
    replay = Simulator(rollouts, SPACE).replay(POLICY, real)
    segments = [Segment(0), Segment(1)]
    assert replay.cost(3, segments, repeats=2) == 3 * 2 * 2 * point_mass.HORIZON
    replayed = replay(np.tile(SPACE.to_array(SPACE.nominal()), (3, 1)), segments, rng(), repeats=2, paths=True)
    lengths = np.isfinite(replayed.path["actions"][..., 0]).sum(axis=3)
    assert replayed.env_steps == lengths.sum() <= replay.cost(3, segments, repeats=2)
    assert replayed.path["observations"].shape == (3, 2, 2, point_mass.HORIZON + 1, 2)


def test_a_replay_refuses_what_it_cannot_do(rollouts: Rollouts, real: tuple[Episode, ...]) -> None:
    row = SPACE.to_array(SPACE.nominal())[None]
    with pytest.raises(
        InsufficientEvidence, match="needs its states, which episode 0 lacks, but got a segment with first=3"
    ):
        Simulator(rollouts, SPACE).replay(POLICY, real)(row, [Segment(0, first=3)], rng())
    silent = HiddenTarget(rollouts, DOMAIN, log="outcomes").collect(POLICY, 1, rng())
    with pytest.raises(InsufficientEvidence, match="no logged actions"):
        Simulator(rollouts, SPACE).replay(POLICY, silent)(row, [Segment(0, drive="actions")], rng())


def test_a_world_that_diverges_in_a_replay_is_nan_and_too_many_are_named() -> None:
    rollouts = Rollouts(point_mass.ENV_ID, {"diverge_above": 0.2}, workers=0)
    real = HiddenTarget(rollouts, {"object.friction": 0.1}).collect(POLICY, 2, rng())
    replay = Simulator(rollouts, SPACE).replay(POLICY, real)
    rows = np.array([[0.1, 0.0], [0.25, 0.0]])
    replayed = replay(rows, [Segment(0), Segment(1)], rng())
    assert np.isfinite(replayed.outcome["object_x"][0]).all()
    assert np.isnan(replayed.outcome["object_x"][1]).all()
    with pytest.raises(TooManyDivergences, match=r"replayed episodes diverged.*object\.friction=0\.25"):
        replay(np.repeat(rows[1:], 5, axis=0), [Segment(0)], rng())


def test_simulated_episodes_are_drawn_from_the_randomizer(rollouts: Rollouts) -> None:
    simulator = Simulator(rollouts, SPACE)
    episodes = simulator.collect(POLICY, Uniform.create(SPACE), 10, rng(4))
    drawn = [(e.domain or {})["object.friction"] for e in episodes]
    expected = rng(4)
    expected.integers(2**31 - 1, size=10)
    np.testing.assert_array_equal(drawn, Uniform.create(SPACE).sample(expected, 10).values[:, 0])
    assert {(e.domain or {})["sensor.object_position_noise"] for e in episodes} == {0.0}


def test_nominal_is_one_domain(rollouts: Rollouts) -> None:
    episodes = Simulator(rollouts, SPACE).collect(POLICY, Fixed.create(SPACE), 3, rng())
    assert all(dict(e.domain or {}) == point_mass.SPACE.nominal() for e in episodes)
    assert all(math.isfinite(e.total_reward) for e in episodes)
