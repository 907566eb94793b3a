"""How soon Reach is learned: our preset beside panda-gym with the recipe of its own documentation, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from stable_baselines3 import DDPG, HerReplayBuffer

import sim2real_envs
from sim2real import panda_gym
from sim2real.gap.statistics import Rate, wilson
from sim2real.randomizers.fixed import Fixed
from sim2real.training.streams import borrowed_globals
from sim2real.training.trainer import Sb3Trainer
from sim2real_envs.parameters import Array

Progress = Callable[[int, int], None]
STEPS, STOCK_STEPS = 40_000, 20_000
EPISODES = 100


@dataclass(frozen=True)
class Learned:
    """What one contestant reached: env steps and wall time [s] of its training, successes over fixed seeds after it."""

    name: str
    env_steps: int
    seconds: float
    success: Rate


def learning_speed(
    *,
    steps: int = STEPS,
    stock_steps: int = STOCK_STEPS,
    episodes: int = EPISODES,
    seed: int = 0,
    workers: int = 2,
    progress: Progress | None = None,
) -> tuple[Learned, Learned]:
    """Train a reach policy by the shipped PPO preset, then by DDPG with hindsight replay on panda-gym.

    panda-gym's goals lie within 15 cm of the tool and count within 5 cm, ours at least 8 cm away and within 2 cm.

    Args:
        steps: Env steps of ours.
        stock_steps: Env steps of theirs; their documentation trains for some 20 000.
        episodes: Fixed seeds that each is tried on afterwards.
        seed: Of both trainings.
        workers: Of ours.
        progress: Called with (env steps done, env steps of both).

    Raises:
        MissingExtraError: If panda-gym is not installed.
    """
    panda_gym.require()
    total = steps + stock_steps
    ours = _ours(steps, episodes, seed, workers, None if progress is None else lambda done, _: progress(done, total))
    stock = _stock(stock_steps, episodes, seed)
    if progress is not None:
        progress(total, total)
    return ours, stock


def _ours(steps: int, episodes: int, seed: int, workers: int, progress: Progress | None) -> Learned:
    env = sim2real_envs.make("PandaReach-v0")
    space = env.unwrapped.parameter_space.subset(["actuator.delay"])  # type: ignore[attr-defined]
    trainer = Sb3Trainer("PandaReach-v0", preset="reach", workers=workers)
    begun = time.perf_counter()
    lesson = trainer.train(None, Fixed(space, {}), steps, np.random.default_rng(seed), progress=progress)
    seconds = time.perf_counter() - begun
    success = _tried(env, lesson.policy, episodes)
    env.close()
    return Learned("PandaReach-v0, PPO with our preset", lesson.env_steps, seconds, success)


def _stock(steps: int, episodes: int, seed: int) -> Learned:
    env = panda_gym.make("PandaReach-v3")
    with borrowed_globals():
        torch.set_num_threads(2)
        model = DDPG("MultiInputPolicy", env, replay_buffer_class=HerReplayBuffer, seed=seed, device="cpu")
        begun = time.perf_counter()
        model.learn(steps)
        seconds = time.perf_counter() - begun
        success = _tried(env, lambda seen: model.predict(seen, deterministic=True)[0], episodes)
    env.close()
    return Learned("panda-gym PandaReach-v3, DDPG with hindsight replay", steps, seconds, success)


def _tried(env: gymnasium.Env[Array, Array], policy: Callable[[Array], Array], episodes: int) -> Rate:
    """Return how often the policy succeeds from the starts of the seeds 0, 1, 2, ..."""
    successes = 0
    for seed in range(episodes):
        seen, _ = env.reset(seed=seed)
        ended = False
        while not ended:
            seen, _, terminated, truncated, info = env.step(policy(seen))
            ended = terminated or truncated
        successes += bool(info["is_success"])
    return wilson(successes, episodes)
