"""Domains of a training: one stream, in the order of (step, world), and every episode brings its draw back."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.vec_monitor import VecMonitor

import sim2real_envs
from sim2real.errors import TooManyDivergences
from sim2real.randomizers.uniform import Uniform
from sim2real.training.worlds import DomainSupply, TrainingWorlds
from sim2real_envs.vector import VectorWorlds
from tests.support.point_mass import ENV_ID, SPACE


def supply(randomizer: Uniform) -> DomainSupply:
    return DomainSupply(randomizer, np.random.default_rng(0), np.random.default_rng(1))


@pytest.fixture
def worlds(uniform: Uniform) -> Iterator[TrainingWorlds]:
    vector = VectorWorlds(partial(sim2real_envs.make, ENV_ID, horizon=7), 3, columns=uniform.space.names)
    training = TrainingWorlds(vector)
    training.begin(supply(uniform))
    yield training
    training.close()


def test_domains_come_from_one_stream_however_they_are_asked_for(uniform: Uniform) -> None:
    stream = np.random.default_rng(0)
    expected = np.concatenate([uniform.sample(stream, 64).values for _ in range(3)])
    asked = supply(uniform)
    got = np.concatenate([asked.take(count)[0] for count in (1, 60, 5, 2, 100)])
    np.testing.assert_array_equal(got, expected[:168])
    tags = [5, 0, 167, 64]
    np.testing.assert_array_equal(asked.draws(tags).values, expected[tags])
    assert asked.domain(64) == uniform.space.to_domain(expected[64])


def test_practice_holds_every_finished_episode_with_its_own_draw(worlds: TrainingWorlds, uniform: Uniform) -> None:
    worlds.reset()
    returns: list[float] = []
    running, rng = np.zeros(3), np.random.default_rng(2)
    infos_seen = []
    for _ in range(30):
        worlds.step_async(rng.uniform(-1.0, 1.0, (3, 1)).astype(np.float32))
        _, rewards, dones, infos = worlds.step_wait()
        running += rewards
        for world in np.flatnonzero(dones):
            returns.append(running[world])
            infos_seen.append(infos[world])
            running[world] = 0.0
        assert all(("terminal_observation" in info) == bool(done) for info, done in zip(infos, dones, strict=True))
    practice = worlds.practice()
    assert len(practice.draws) == len(returns) == 12  # four episodes of seven steps in each of three worlds
    np.testing.assert_allclose(practice.returns, returns)
    np.testing.assert_allclose([info["episode"]["r"] for info in infos_seen], returns)
    assert [info["episode"]["l"] for info in infos_seen] == [7] * 12
    assert all(info["TimeLimit.truncated"] for info in infos_seen)
    order = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]  # all worlds end together here, so that draws finish in their order
    np.testing.assert_array_equal(practice.draws.values, supply(uniform).take(12)[0][order])


def test_finished_episodes_are_told_once(worlds: TrainingWorlds) -> None:
    worlds.reset()
    for _ in range(8):
        worlds.step_async(np.zeros((3, 1)))
        worlds.step_wait()
    assert [episode.world for episode in worlds.take_finished()] == [0, 1, 2]
    assert worlds.take_finished() == []
    assert len(worlds.practice().success) == 3


def test_six_diverged_of_six_hundred_are_tolerated_and_of_fewer_are_not() -> None:
    friction = Uniform(SPACE.subset(["object.friction"]))

    def diverge(episodes: int) -> None:
        make = partial(sim2real_envs.make, ENV_ID, horizon=1)
        vector = VectorWorlds(make, 1, columns=friction.space.names)
        worlds = TrainingWorlds(vector)
        worlds.begin(supply(friction))
        worlds.reset()
        for episode in range(episodes + 6):
            worlds.step_async(np.full((1, 1), np.nan if episode >= episodes else 0.0))
            worlds.step_wait()
        worlds.close()

    diverge(600)
    with pytest.raises(TooManyDivergences, match="6 of 506 training episodes diverged, the last in domain"):
        diverge(500)


def test_wrappers_of_the_library_work_around_it(worlds: TrainingWorlds) -> None:
    monitored = VecMonitor(worlds)
    assert isinstance(monitored, VecEnv)
    monitored.reset()
    lengths = []
    for _ in range(20):
        _, _, _, infos = monitored.step(np.zeros((3, 1), dtype=np.float32))
        lengths += [info["episode"]["l"] for info in infos if "episode" in info]
    assert lengths == [7] * 6
    assert worlds.env_is_wrapped(VecMonitor) == [False] * 3
    with pytest.raises(NotImplementedError, match="take domains only"):
        worlds.env_method("reset")
