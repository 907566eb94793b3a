"""DAgger on the real arm: a taste of it in the fast tests, whole trainings by the shipped presets in the slow ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import sim2real_envs
from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.uniform import Uniform
from sim2real.training import DaggerTrainer
from sim2real.training.presets import find_imitation_preset

TINY = replace(find_imitation_preset("push"), worlds=2, hidden=(16, 16), chunk_steps=32, updates=5, last_updates=5)


def nominal(env_id: str) -> Fixed:
    env = sim2real_envs.make(env_id)
    env.close()
    return Fixed.create(env.unwrapped.parameter_space.subset(["actuator.delay"]))  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{}, {"observation": "pixels", "image_size": (32, 32)}])
def test_a_taste_of_imitation_is_bit_equal_in_and_out_of_workers(options: dict[str, object]) -> None:
    with sim2real_envs.make("PandaPush-v0", **options) as env:
        uniform = Uniform.create(env.unwrapped.parameter_space)  # type: ignore[attr-defined]
        observation, _ = env.reset(seed=0)
    actions = []
    for workers in (0, 2):
        trainer = DaggerTrainer("PandaPush-v0", {"horizon": 10} | options, TINY, workers)
        policy = trainer.train(None, uniform, 64, np.random.default_rng(0)).policy
        actions.append(policy(observation).tobytes())
    assert actions[0] == actions[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "preset", "steps"),
    [
        ("PandaReach-v0", "reach", 6_144),
        ("PandaPush-v0", "push", 16_384),
        ("PandaPickAndPlace-v0", "pick_place", 12_288),
    ],
)
def test_a_task_is_learned_from_its_expert(env_id: str, preset: str, steps: int) -> None:
    policy = DaggerTrainer(env_id, preset=preset).train(None, nominal(env_id), steps, np.random.default_rng(0)).policy
    successes = 0
    with sim2real_envs.make(env_id) as env:
        for seed in range(100):
            observation, _ = env.reset(seed=seed)
            over = False
            while not over:
                observation, _, terminated, truncated, info = env.step(policy(observation).astype(np.float32))
                over = terminated or truncated
            successes += bool(info["is_success"])
    assert successes >= 95
