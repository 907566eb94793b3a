"""A trainer that teaches nothing: it runs a few episodes in worlds drawn from the randomizer and tells it of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import sim2real_envs
from sim2real.policy import MlpPolicy, Policy
from sim2real.randomizers import Practice, Randomizer
from sim2real.rollouts import Job, run_episode
from sim2real.training.base import CurvePoint, Lesson

EPISODES = 8
"""Of one training."""


@dataclass(frozen=True)
class BriefTrainer:
    """Plays ``EPISODES`` episodes with a random linear policy, then reports them as one chunk of training."""

    env_id: str
    options: dict[str, object] = field(default_factory=dict)

    def train(
        self,
        policy: Policy | None,
        randomizer: Randomizer,
        steps: int,
        rng: np.random.Generator,
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Lesson:
        env = sim2real_envs.make(self.env_id, **self.options)
        if policy is None:
            shape = (*(env.action_space.shape or ()), *(env.observation_space.shape or ()))
            layer = (0.1 * rng.normal(size=shape).astype(np.float32), np.zeros(shape[0], dtype=np.float32))
            policy = MlpPolicy(self.env_id, "brief", (layer,), "tanh", "clip", np.zeros(shape[1]), np.ones(shape[1]))
        draws = randomizer.sample(rng, EPISODES)
        jobs = [Job(int(rng.integers(2**31)), randomizer.space.to_domain(row)) for row in draws.values]
        episodes = [run_episode(env, policy, job) for job in jobs]
        env.close()
        success = np.array([episode.success for episode in episodes])
        returns = np.array([episode.total_reward for episode in episodes])
        env_steps = sum(episode.steps for episode in episodes)
        taught = randomizer.update_from_training(Practice(draws, success, returns), rng)
        point = CurvePoint(env_steps, EPISODES, float(success.mean()), float(returns.mean()))
        return Lesson(policy, taught, env_steps, (point,))
