"""Scripted experts: they solve their tasks, and say the same in the same state."""

from __future__ import annotations

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.experts import EXPERTS


def successes(env_id: str, episodes: int) -> int:
    """Count the expert's successes on seeds 0, 1, … in the nominal domain."""
    count = 0
    with sim2real_envs.make(env_id) as env:
        for seed in range(episodes):
            env.reset(seed=seed)
            over = False
            while not over:
                _, _, terminated, truncated, info = env.step(env.unwrapped.expert_action())  # type: ignore[attr-defined]
                over = terminated or truncated
            count += bool(info["is_success"])
    return count


@pytest.mark.parametrize("env_id", ["PandaReach-v0", "PandaPush-v0"])
def test_the_expert_solves_95_of_100_nominal_episodes(env_id: str) -> None:
    assert successes(env_id, 100) >= 95


@pytest.mark.parametrize("task", ["Push", "Reach"])
def test_an_expert_is_a_function_of_the_state(task: str) -> None:
    with sim2real_envs.make(f"Panda{task}-v0") as env:
        env.reset(seed=3)
        for _ in range(10):
            action = env.unwrapped.expert_action()  # type: ignore[attr-defined]
            assert action.shape == env.action_space.shape
            assert np.abs(action).max() <= 1.0
            assert env.unwrapped.expert_action().tobytes() == action.tobytes()  # type: ignore[attr-defined]
            env.step(action)
    assert task in EXPERTS
