"""VectorWorlds around the real engine: the worlds of PandaPush, in any number of workers."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sim2real_envs
from sim2real_envs.vector import VectorWorlds

COLUMNS = ("object.friction", "object.mass", "actuator.delay")
HORIZON = 12


def make_push() -> Any:
    return sim2real_envs.make("PandaPush-v0", horizon=HORIZON)


def domains(count: int) -> NDArray[np.float64]:
    low, high = np.array([0.05, 0.1, 0.0]), np.array([1.0, 0.5, 0.1])
    rows: NDArray[np.float64] = low + (high - low) * np.random.default_rng(2).random((count, 3))
    return rows


def run(workers: int, start_method: str | None = None) -> list[Any]:
    env = VectorWorlds(make_push, 3, workers, columns=COLUMNS, start_method=start_method)
    values, actions, given = domains(30), np.random.default_rng(0), 0

    def send(worlds: list[int]) -> None:
        nonlocal given
        tags = np.arange(given, given + len(worlds))
        env.assign(worlds, values[tags], 1000 + tags, tags)
        given += len(worlds)

    try:
        send([0, 1, 2])
        seen: list[Any] = [env.reset()[0].tobytes()]
        send([0, 1, 2])
        for _ in range(3 * HORIZON):
            env.step_async(actions.uniform(-1.0, 1.0, env.action_space.shape))
            step = env.step_wait()
            seen.append((step.observations.tobytes(), step.rewards.tobytes(), step.terminations.tobytes()))
            seen += [(e.tag, e.steps, e.total_reward, e.failure_mode, e.observation.tobytes()) for e in step.finished]
            if step.finished:
                send([episode.world for episode in step.finished])
    finally:
        env.close()
    return seen


@pytest.fixture(scope="module")
def in_this_process() -> list[Any]:
    return run(0)


@pytest.mark.parametrize(("workers", "start_method"), [(2, "fork"), (3, "fork"), (2, "spawn")])
def test_pushing_is_bit_equal_in_any_number_of_workers(
    in_this_process: list[Any], workers: int, start_method: str
) -> None:
    assert run(workers, start_method) == in_this_process


def test_an_episode_in_a_world_equals_the_same_one_in_a_fresh_environment() -> None:
    """The second episode of a world, behind an automatic reset, in its own domain."""
    env, alone = VectorWorlds(make_push, 2, 2, columns=COLUMNS), make_push()
    values, actions = domains(4), np.random.default_rng(0).uniform(-1.0, 1.0, (2 * HORIZON, 2, 2)).astype(np.float32)
    try:
        env.assign([0, 1], values[:2], [1, 2], [0, 1])
        env.reset()
        env.assign([0, 1], values[2:], [3, 4], [2, 3])
        for action in actions[:HORIZON]:
            env.step_async(action)
            step = env.step_wait()
        assert [episode.tag for episode in step.finished] == [0, 1]
        expected, _ = alone.reset(seed=4, options={"domain": dict(zip(COLUMNS, values[3].tolist(), strict=True))})
        applied = alone.unwrapped.applied_domain()
        np.testing.assert_allclose([applied[name] for name in COLUMNS], values[3], atol=1e-3)  # delays in physics steps
        total = 0.0
        for action in actions[HORIZON:]:
            assert step.observations[1].tobytes() == expected.tobytes()
            env.step_async(action)
            step = env.step_wait()
            expected, reward, *_ = alone.step(action[1])
            total += reward
            assert step.rewards[1] == reward
        (episode,) = (episode for episode in step.finished if episode.world == 1)
        assert (episode.tag, episode.steps, episode.total_reward) == (3, HORIZON, total)
        assert episode.observation.tobytes() == expected.tobytes()
    finally:
        env.close()
        alone.close()


def test_an_action_that_is_not_a_number_ends_the_episode_as_diverged_and_the_world_goes_on() -> None:
    env = VectorWorlds(make_push, 2, 1)
    try:
        env.reset(seed=0)
        env.step_async(np.array([[np.nan, 0.0], [0.0, 0.0]]))
        step = env.step_wait()
        assert [(e.world, e.failure_mode, e.terminated) for e in step.finished] == [(0, "diverged", True)]
        env.step_async(np.zeros((2, 2)))
        step = env.step_wait()
        assert not step.finished
        assert np.isfinite(step.observations).all()
    finally:
        env.close()


@pytest.mark.parametrize(
    "options",
    [
        {"observation": "pixels"},
        {"observation": "multimodal", "cameras": ("front", "wrist"), "image_size": (24, 32)},
        {"goal_conditioned": True, "reward": "sparse"},
    ],
    ids=["pixels", "multimodal", "goals"],
)
def test_images_senses_and_goals_of_real_worlds_are_bit_equal_too(options: dict[str, Any]) -> None:
    runs = []
    for workers in (0, 2):
        env = VectorWorlds(partial(sim2real_envs.make, "PandaPush-v0", horizon=4, **options), 2, workers)
        seen: list[Any] = [env.reset(seed=3)[0]]
        assert env.observation_space.contains(seen[0])
        for action in np.random.default_rng(0).uniform(-1.0, 1.0, (6, 2, 2)):
            env.step_async(action)
            step = env.step_wait()
            seen += [step.observations, *(episode.observation for episode in step.finished)]
        env.close()
        runs.append(
            [array.tobytes() for part in seen for array in (part.values() if isinstance(part, dict) else [part])]
        )
    assert runs[0] == runs[1]
