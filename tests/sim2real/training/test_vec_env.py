"""Sb3Worlds in the hands of Stable-Baselines3's own algorithms, buffers and wrappers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC, HerReplayBuffer
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize, VecTransposeImage, is_vecenv_wrapped

from sim2real import Sb3Worlds
from sim2real.randomizers.base import Practice
from sim2real.randomizers.uniform import Uniform
from sim2real.training.vec_env import AdaptRandomizer
from sim2real_envs.errors import OptionError
from tests.support.point_mass import ENV_ID
from tests.support.senses import SPACE, DotEnv

DOT = "tests.support.senses:sim2real_tests/Dot-{}-v0"
SPEED = Uniform(SPACE)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def rollout(worlds: Sb3Worlds, steps: int = 30) -> list[Any]:
    actions = np.random.default_rng(0)
    seen: list[Any] = [worlds.reset()]
    for _ in range(steps):
        seen += worlds.step(actions.uniform(-1.0, 1.0, (worlds.num_envs, *(worlds.action_space.shape or ()))))[:3]
    return [{key: a.tobytes() for key, a in (s if isinstance(s, dict) else {"": s}).items()} for s in seen]


def test_one_seed_decides_everything_and_workers_nothing() -> None:
    runs = []
    for workers in (0, 2):
        worlds = Sb3Worlds(DOT.format("senses"), 3, workers, randomizer=SPEED, seed=4)
        runs.append(rollout(worlds))
        worlds.seed(4)
        assert rollout(worlds) == runs[-1]
        worlds.seed(5)
        assert rollout(worlds) != runs[-1]
        worlds.close()
        worlds.close()
    assert runs[0] == runs[1]


def test_domains_come_from_a_randomizer_a_function_or_stay_nominal() -> None:
    env = Sb3Worlds(ENV_ID, 2, 0, randomizer=lambda rng: {"object.friction": float(rng.uniform(0.1, 0.2))}, seed=0)
    env.reset()
    frictions = env.practice().draws.values
    for _ in range(130):
        env.step(np.zeros((2, 1)))
    practice = env.practice()
    assert len(frictions) == 0
    assert len(practice.success) == 4
    assert ((practice.draws.values[:, 0] >= 0.1) & (practice.draws.values[:, 0] <= 0.2)).all()
    assert (practice.draws.values[:, 1:] == 0.0).all()  # what the function does not name stays nominal
    env.close()
    nominal, same = Sb3Worlds(ENV_ID, 1, 0, randomizer=lambda rng: {}, seed=0), Sb3Worlds(ENV_ID, 1, 0, seed=0)
    assert rollout(nominal) == rollout(same)
    nominal.close()
    same.close()


def test_a_preset_draws_its_parameters_evenly() -> None:
    env = Sb3Worlds(ENV_ID, 1, 0, randomizer="object", seed=0)
    assert env.randomizer.space.names == ("object.friction",)
    assert isinstance(env.randomizer, Uniform)
    env.close()


@dataclass(frozen=True, eq=False)
class Narrowing(Uniform):
    """Halves its range whenever it learns."""

    updates: int = 0

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        assert len(practice.success) > 0
        (name,), parameter = self.space.names, self.space[self.space.names[0]]
        middle = (parameter.low + parameter.high) / 2.0
        return replace(self, space=self.space.with_ranges({name: (parameter.low, middle)}), updates=self.updates + 1)


def test_a_randomizer_adapts_while_any_script_learns() -> None:
    worlds = Sb3Worlds(DOT.format("goal"), 4, 0, randomizer=Narrowing(SPACE), seed=0)
    model = PPO("MultiInputPolicy", worlds, n_steps=32, batch_size=32, n_epochs=1, device="cpu")
    model.learn(512, callback=AdaptRandomizer(worlds, every=200))
    assert isinstance(worlds.randomizer, Narrowing)
    assert worlds.randomizer.updates == 2
    for _ in range(40):
        worlds.step(np.zeros((4, 2)))
    last = worlds.practice().draws.values[-4:, 0]
    assert (last <= worlds.randomizer.space["dot.speed"].high).all()
    worlds.close()
    plain = Sb3Worlds(DOT.format("goal"), 1, 0)
    with pytest.raises(OptionError, match="Only a Randomizer can adapt"):
        plain.adapt()
    plain.close()


def test_hindsight_replay_computes_rewards_without_a_world() -> None:
    worlds = Sb3Worlds(DOT.format("goal"), 2, 2, randomizer=SPEED, seed=0)
    model = SAC(
        "MultiInputPolicy",
        worlds,
        replay_buffer_class=HerReplayBuffer,
        learning_starts=60,
        train_freq=8,
        gradient_steps=2,
        batch_size=64,
        policy_kwargs={"net_arch": [16]},
        seed=0,
        device="cpu",
    )
    model.learn(200)
    assert model.replay_buffer is not None
    replayed: Any = model.replay_buffer.sample(256)
    goals, reached = replayed.observations["desired_goal"], replayed.next_observations["achieved_goal"]
    expected = DotEnv.compute_reward(reached.numpy(), goals.numpy(), {})
    np.testing.assert_array_equal(replayed.rewards.numpy()[:, 0], expected)
    assert (expected == 0.0).any()
    with pytest.raises(NotImplementedError, match="compute_reward only, not 'reset'"):
        worlds.env_method("reset")
    worlds.close()


@pytest.mark.parametrize(("sees", "policy"), [("pixels", "CnnPolicy"), ("senses", "MultiInputPolicy")])
def test_images_reach_convolutions_as_they_are(sees: str, policy: str) -> None:
    worlds = Sb3Worlds(DOT.format(sees), 2, 2, seed=0)
    model = PPO(policy, worlds, n_steps=16, batch_size=16, n_epochs=1, device="cpu", seed=0)
    assert is_vecenv_wrapped(model.get_env(), VecTransposeImage)  # type: ignore[arg-type]
    model.learn(64)
    assert len(model.ep_info_buffer or ()) > 0
    worlds.close()


def test_wrappers_of_the_library_stand_around_it() -> None:
    worlds = Sb3Worlds(DOT.format("goal"), 3, 0, seed=0)
    wrapped = VecNormalize(VecMonitor(worlds), norm_obs_keys=["observation"])
    wrapped.reset()
    lengths: list[int] = []
    for _ in range(30):
        observations, _, dones, infos = wrapped.step(np.zeros((3, 2)))
        lengths += [info["episode"]["l"] for info in infos if "episode" in info]
        for world in np.flatnonzero(dones):
            assert set(infos[world]["terminal_observation"]) == {"observation", "achieved_goal", "desired_goal"}
    assert lengths
    assert isinstance(observations, dict)
    assert wrapped.get_attr("spec")[0].id == "sim2real_tests/Dot-goal-v0"
    worlds.close()


def test_pictures_are_tiled_where_a_render_mode_is_given() -> None:
    worlds = Sb3Worlds(DOT.format("goal"), 4, 2, env_options={"render_mode": "rgb_array", "size": 20})
    worlds.reset()
    picture = worlds.render()
    assert picture is not None
    assert picture.shape == (40, 40, 3)
    worlds.close()


def test_the_past_is_remembered_so_far_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim2real.training.vec_env._REMEMBERED", 5)
    worlds = Sb3Worlds(DOT.format("goal"), 2, 0, randomizer=SPEED, seed=0)
    rollout(worlds, 200)
    assert len(worlds.practice().success) == 5
    assert len(worlds._supply._given) <= 5 + 2 * 2 + 2
    worlds.close()


def test_misuse_is_refused() -> None:
    with pytest.raises(OptionError, match="give them inside the function"):
        Sb3Worlds(DotEnv, env_options={"size": 3})
    with pytest.raises(OptionError, match="has no parameter_space"):
        Sb3Worlds(partial(gymnasium.make, "CartPole-v1"), 1, 0, randomizer=lambda rng: {})
    with pytest.raises(OptionError, match="`every >= 1`"):
        AdaptRandomizer(None, 0)  # type: ignore[arg-type]
