"""Logs of pseudo-real arms: joint commands and what the encoders said, and nothing of the domain behind them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import sim2real_envs
from sim2real.recordings.log import Log
from sim2real.recordings.sensed import FRAMES, facts_of, log_episode
from sim2real_envs.parameters import Domain


def arm_log(env_id: str, domain: Domain, *, episodes: int, steps: int, seed: int = 0, size: float = 0.5) -> Log:
    """Return episodes of smooth random actions of ``size`` in a hidden domain, logged by the simulated sensors."""
    env = sim2real_envs.make(env_id, horizon=steps, control="joint_delta")
    facts, rng = facts_of(env), np.random.default_rng(seed)
    joints = env.action_space.shape or ()
    memory = np.zeros(joints)

    def act(observation: object) -> NDArray[np.float32]:
        memory[:] = 0.8 * memory + 0.6 * size * rng.normal(size=joints)
        return np.clip(memory, -1.0, 1.0).astype(np.float32)

    logged = tuple(
        log_episode(env, act, number=number, seed=seed + number, domain=domain) for number in range(episodes)
    )
    env.close()
    return Log(
        signals=facts.signals,
        episodes=logged,
        rate=facts.rate,
        origin="pseudo-real",
        robot=facts.robot,
        joints=facts.joints,
        frames=FRAMES,
    )
