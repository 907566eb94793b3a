"""Training on the real PandaPush: a taste of it in the fast tests, the whole way in the slow ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sim2real_envs
from sim2real.policy import MlpPolicy, load_policy
from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.uniform import Uniform
from sim2real.training import Sb3Trainer
from sim2real.training.presets import find_preset
from sim2real_envs.parameters import Parameter, ParameterSpace

SPACE = ParameterSpace(
    [
        Parameter("object.friction", 0.5, 0.05, 1.0, (0.0, 2.0), "-"),
        Parameter("actuator.delay", 0.0, 0.0, 0.15, (0.0, 0.2), "s"),
    ]
)
TINY = replace(
    find_preset("push", "PPO"),
    worlds=4,
    chunk_steps=64,
    options={"n_steps": 16, "batch_size": 32, "n_epochs": 2, "gae_lambda": 0.9, "learning_rate": 5e-4},
)


def test_a_taste_of_pushing_is_bit_equal_in_and_out_of_workers_and_survives_the_disk(tmp_path: Path) -> None:
    policies = []
    for workers in (0, 2):
        trainer = Sb3Trainer("PandaPush-v0", {"horizon": 10, "past_actions": 2}, preset=TINY, workers=workers)
        policy = trainer.train(None, Uniform(SPACE), 192, np.random.default_rng(0)).policy
        assert isinstance(policy, MlpPolicy)
        policies.append(policy)
    policies[1].save(tmp_path)
    again = load_policy(tmp_path)
    assert isinstance(again, MlpPolicy)
    policies.append(again)
    size = policies[0].observation_size
    for observation in np.random.default_rng(0).normal(size=(20, size)).astype(np.float32):
        first, *others = (policy(observation).tobytes() for policy in policies)
        assert others == [first, first]
    with sim2real_envs.make("PandaPush-v0", past_actions=2) as env:
        assert env.observation_space.shape == (size,)


@pytest.mark.slow
def test_pushing_is_learned_from_nothing() -> None:
    trainer = Sb3Trainer("PandaPush-v0")
    lesson = trainer.train(None, Fixed.create(SPACE), 180_000, np.random.default_rng(0))
    env = sim2real_envs.make("PandaPush-v0")
    successes = 0
    for seed in range(100):
        observation, _ = env.reset(seed=seed)
        done = False
        while not done:
            observation, _, terminated, truncated, info = env.step(lesson.policy(observation))
            done = terminated or truncated
        successes += info["is_success"]
    env.close()
    assert successes >= 95
