"""Stack keeps the contracts, its expert solves it, and a cube that is still held is not stacked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.errors import StateError
from sim2real_envs.testing import EnvContract, ParameterContract
from tests.support.episodes import successes


class TestStack(EnvContract):
    env_id = "PandaStack-v0"


class TestParametersOfStack(ParameterContract):
    env_id = "PandaStack-v0"


def test_the_expert_stacks_the_cubes() -> None:
    assert successes("PandaStack-v0", range(15)) >= 14


def test_success_needs_open_fingers() -> None:
    env: Any = sim2real_envs.make("PandaStack-v0").unwrapped
    env.reset(seed=0)
    in_place = False
    for _ in range(100):
        action = env.expert_action()
        action[3] = -1.0 if in_place else action[3]
        *_, terminated, _, _ = env.step(action)
        assert not terminated
        cube, support = (env.state().object_poses[name][:3] for name in ("object", "support"))
        in_place = in_place or bool(np.linalg.norm(cube - support - [0.0, 0.0, 0.04]) < 0.01)
    assert in_place
    env.close()


def test_goals_are_told_relative_to_the_support() -> None:
    env: Any = sim2real_envs.make("PandaStack-v0", goal_conditioned=True, reward="sparse").unwrapped
    observation, _ = env.reset(seed=0)
    poses = env.state().object_poses
    assert observation["achieved_goal"][:3] == pytest.approx(poses["object"][:3] - poses["support"][:3], abs=1e-6)
    there = observation["desired_goal"]
    assert there.tolist() == pytest.approx([0.0, 0.0, 0.04, 0.0, 0.0, 0.0, 0.0])
    held, moving = there.copy(), there.copy()
    held[6], moving[3] = 1.0, 0.05
    goals = np.array([there, held, moving, observation["achieved_goal"]])
    assert env.compute_reward(goals, np.tile(there, (4, 1)), None).tolist() == [0.0, -1.0, -1.0, -1.0]
    env.close()


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"object.pose": [0.5, 0.0, 0.0, 0, 0, 0, 1]}, "into the table"),
        ({"support.pose": [0.9, 0.0, 0.02, 0, 0, 0, 1]}, "out of reach"),
        ({"object.pose": [0.5, 0, 0.02, 0, 0, 0, 1], "support.pose": [0.51, 0, 0.02, 0, 0, 0, 1]}, "in each other"),
    ],
)
def test_starts_that_cannot_be_are_refused(start: dict[str, Any], message: str) -> None:
    env = sim2real_envs.make("PandaStack-v0")
    with pytest.raises(StateError, match=message):
        env.reset(seed=0, options={"start": start})
    env.close()
