"""PickAndPlace keeps the contracts, and its expert solves it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.errors import StateError
from sim2real_envs.testing import EnvContract, ParameterContract
from tests.support.episodes import successes


class TestPickAndPlace(EnvContract):
    env_id = "PandaPickAndPlace-v0"


class TestParametersOfPickAndPlace(ParameterContract):
    env_id = "PandaPickAndPlace-v0"


def test_the_expert_brings_the_cube_to_the_goal() -> None:
    assert successes("PandaPickAndPlace-v0", range(20)) >= 19


def test_half_of_the_goals_are_in_the_air() -> None:
    env: Any = sim2real_envs.make("PandaPickAndPlace-v0").unwrapped
    rng = np.random.default_rng(0)
    heights = np.array([env.task.sample(rng).values["goal"][2] for _ in range(400)])
    assert abs((heights > 0.05).mean() - 0.5) < 0.08  # three standard deviations
    assert set(np.round(heights[heights < 0.05], 9)) == {0.02}
    env.close()


def test_success_needs_rest() -> None:
    env: Any = sim2real_envs.make("PandaPickAndPlace-v0").unwrapped
    still, moving = np.array([0.5, 0.0, 0.1, 0.0, 0.0, 0.0]), np.array([0.5, 0.0, 0.1, 0.0, 0.0, 0.03])
    goal = np.array([0.5, 0.03, 0.1, 0.0, 0.0, 0.0])
    assert env.task.reached(np.array([still, moving]), np.array([goal, goal])).tolist() == [True, False]
    env.close()


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"object.pose": [0.5, 0.0, 0.0, 0, 0, 0, 1]}, "into the table"),
        ({"object.pose": [0.9, 0.0, 0.02, 0, 0, 0, 1]}, "out of reach"),
        ({"finger.position": [0.05, 0.05]}, "'finger.position' must lie within"),
    ],
)
def test_starts_that_cannot_be_are_refused(start: dict[str, Any], message: str) -> None:
    env = sim2real_envs.make("PandaPickAndPlace-v0")
    with pytest.raises(StateError, match=message):
        env.reset(seed=0, options={"start": start})
    env.close()
