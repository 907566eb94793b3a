"""The networks: NumPy equal to torch, the lean rollout equal to the formulas of PPO."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

import sim2real_envs
from sim2real.randomizers.base import Randomizer
from sim2real.training import models
from sim2real.training.normalizer import Normalizer
from sim2real.training.ppo import LeanPPO
from sim2real.training.worlds import DomainSupply, TrainingWorlds
from sim2real_envs.vector import VectorWorlds
from tests.support.point_mass import ENV_ID
from tests.support.small_presets import PRESETS


class Nothing(BaseCallback):
    def _on_step(self) -> bool:
        return True


@pytest.fixture
def worlds(uniform: Randomizer) -> Iterator[TrainingWorlds]:
    vector = VectorWorlds(partial(sim2real_envs.make, ENV_ID), 4, columns=uniform.space.names)
    training = TrainingWorlds(vector)
    training.begin(DomainSupply(uniform, np.random.default_rng(0), np.random.default_rng(1)))
    yield training
    training.close()


def settled(normalizer: Normalizer, steps: int = 50) -> None:
    """Give a normalizer something to normalize by."""
    normalizer.reset()
    rng = np.random.default_rng(3)
    for _ in range(steps):
        normalizer.step(rng.uniform(-1.0, 1.0, (normalizer.num_envs, 1)).astype(np.float32))


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_policy_acts_as_the_library_predicts(worlds: TrainingWorlds, algorithm: str, activation: Any) -> None:
    torch.manual_seed(0)
    normalizer = Normalizer(worlds, gamma=0.95)
    settled(normalizer)
    model = models.build(algorithm, replace(PRESETS[algorithm], activation=activation), normalizer)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(3.0)
        if algorithm == "PPO":
            model.policy.get_submodule("action_net").weight.mul_(100.0)  # type: ignore[operator]  # reaches the bounds
    policy = models.to_policy(model, normalizer, ENV_ID)
    rng = np.random.default_rng(0)
    observations = (rng.normal(size=(300, 2)) * [1.0, 3.0]).astype(np.float32)
    expected, _ = model.predict(np.asarray(normalizer.normalize_obs(observations)), deterministic=True)
    ours = np.array([policy(observation) for observation in observations])
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    if algorithm == "PPO":
        assert (np.abs(ours) == 1.0).any()
    assert (np.abs(ours) < 0.9).any()


def test_a_lean_rollout_holds_what_the_formulas_of_ppo_say(worlds: TrainingWorlds) -> None:
    torch.manual_seed(0)
    normalizer = Normalizer(worlds, gamma=0.95)
    model = models.build("PPO", replace(PRESETS["PPO"], options={**PRESETS["PPO"].options, "n_steps": 150}), normalizer)
    assert isinstance(model, LeanPPO)
    model.exploration = np.random.default_rng(5)
    heard: list[tuple[Any, ...]] = []
    step_wait = normalizer.step_wait

    def listen() -> Any:
        heard.append(step_wait())
        return heard[-1]

    normalizer.step_wait = listen  # type: ignore[method-assign]
    _, callback = model._setup_learn(600, Nothing())
    model.collect_rollouts(normalizer, callback, model.rollout_buffer, 150)
    buffer = model.rollout_buffer

    observations, actions = torch.as_tensor(buffer.observations), torch.as_tensor(buffer.actions)
    with torch.no_grad():
        distribution: Any = model.policy.get_distribution(observations.reshape(600, 2)).distribution
        log_prob = distribution.log_prob(actions.reshape(600, 1)).sum(-1).reshape(150, 4).numpy()
        values = model.policy.predict_values(observations.reshape(600, 2)).reshape(150, 4).numpy()
        last = model.policy.predict_values(torch.as_tensor(heard[-1][0]))[:, 0].numpy()
    np.testing.assert_allclose(buffer.log_probs, log_prob, atol=1e-5)
    np.testing.assert_allclose(buffer.values, values, atol=1e-5)
    noise = ((buffer.actions.reshape(600, 1) - distribution.mean.numpy()) / distribution.stddev.numpy())[:, 0]
    np.testing.assert_allclose(noise, np.random.default_rng(5).standard_normal(600, dtype=np.float32), atol=1e-4)

    timeouts = 0
    advantage = np.zeros(4)
    for t in reversed(range(150)):
        _, rewards, dones, infos = heard[t]
        expected = rewards.astype(np.float64).copy()
        for world in np.flatnonzero(dones):
            if infos[world]["TimeLimit.truncated"]:
                timeouts += 1
                with torch.no_grad():
                    end = model.policy.predict_values(torch.as_tensor(infos[world]["terminal_observation"])[None])
                expected[world] += 0.95 * float(end)
        np.testing.assert_allclose(buffer.rewards[t], expected, atol=1e-5)
        following = last if t == 149 else values[t + 1]
        delta = expected + 0.95 * following * ~dones - values[t]
        advantage = delta + 0.95 * 0.9 * ~dones * advantage
        np.testing.assert_allclose(buffer.advantages[t], advantage, atol=1e-4)
        np.testing.assert_array_equal(buffer.episode_starts[t], heard[t - 1][2] if t else np.ones(4, dtype=bool))
    assert timeouts > 0


def test_a_normalizer_comes_back_from_its_arrays(worlds: TrainingWorlds) -> None:
    first, second = Normalizer(worlds), Normalizer(worlds)
    settled(first)
    second.restore(first.arrays())
    assert {k: v.tobytes() for k, v in second.arrays().items()} == {k: v.tobytes() for k, v in first.arrays().items()}
    observations = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_array_equal(first.normalize_obs(observations), second.normalize_obs(observations))
    assert first.arrays()["observation.count"] == pytest.approx(
        204.0, abs=0.01
    )  # a reset and fifty steps of four worlds
