"""VectorWorlds with images and with observations of several arrays."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Dict, Text, Tuple
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import sim2real_envs
from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.vector import VectorWorlds
from tests.support.senses import DotEnv


class PushWithSenses(gymnasium.ObservationWrapper[Any, Any, Any]):
    """PandaPush whose observation is a Dict with an image made of the numbers."""

    def __init__(self) -> None:
        super().__init__(sim2real_envs.make("PandaPush-v0", horizon=8))
        image = gymnasium.spaces.Box(0, 255, (4, 4, 3), np.uint8)
        assert self.env.observation_space.shape is not None
        self.observation_space = Dict({"numbers": self.env.observation_space, "rgb": image})

    def observation(self, observation: Any) -> Any:
        image = np.frombuffer(observation.tobytes()[:48], np.uint8).reshape(4, 4, 3)
        return {"numbers": observation, "rgb": image}


def leaves(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"": value}


def as_bytes(value: Any) -> dict[str, bytes]:
    return {key: array.tobytes() for key, array in leaves(value).items()}


def run(make: Any, workers: int, start_method: str | None = None, steps: int = 30) -> list[Any]:
    env = VectorWorlds(make, 3, workers, start_method=start_method)
    actions = np.random.default_rng(0)
    try:
        seen: list[Any] = [as_bytes(env.reset(seed=5)[0])]
        for _ in range(steps):
            env.step_async(actions.uniform(-1, 1, env.action_space.shape or ()))
            step = env.step_wait()
            seen.append((as_bytes(step.observations), step.rewards.tobytes(), step.terminations.tobytes()))
            seen += [(e.world, e.steps, e.total_reward, as_bytes(e.observation)) for e in step.finished]
    finally:
        env.close()
    return seen


@pytest.mark.parametrize("make", [partial(DotEnv, sees) for sees in ("pixels", "senses", "goal")] + [PushWithSenses])
def test_every_kind_of_observation_is_bit_equal_in_any_number_of_workers(make: Any) -> None:
    in_this_process = run(make, 0)
    for workers in (1, 2, 3):
        assert run(make, workers, "fork") == in_this_process


def test_dicts_arrive_from_spawned_workers_too() -> None:
    make = partial(DotEnv, "senses")
    assert run(make, 2, "spawn") == run(make, 0)


@pytest.mark.parametrize("sees", ["pixels", "senses", "goal"])
@pytest.mark.parametrize("workers", [0, 2])
def test_spaces_observations_and_last_observations_equal_gymnasiums_own(sees: str, workers: int) -> None:
    make = partial(DotEnv, sees)
    ours, theirs = VectorWorlds(make, 3, workers), SyncVectorEnv([make] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        assert ours.observation_space == theirs.observation_space
        mine, yours = ours.reset(seed=2)[0], theirs.reset(seed=2)[0]
        assert as_bytes(mine) == as_bytes(yours)
        assert ours.observation_space.contains(mine)
        actions, ended = np.random.default_rng(0), 0
        for _ in range(40):
            chosen = actions.uniform(-1, 1, (3, 2)).astype(np.float32)
            got, wanted = ours.step(chosen), theirs.step(chosen)
            assert as_bytes(got[0]) == as_bytes(wanted[0])
            for world in np.flatnonzero(got[2] | got[3]):
                assert as_bytes(got[4]["final_obs"][world]) == as_bytes(wanted[4]["final_obs"][world])
                ended += 1
        assert ended > 5
    finally:
        ours.close()
        theirs.close()


def test_observations_belong_to_the_caller() -> None:
    env = VectorWorlds(partial(DotEnv, "senses"), 2, 1)
    try:
        before, _ = env.reset(seed=0)
        kept = as_bytes(before)
        env.step(np.ones((2, 2), np.float32))
        assert as_bytes(before) == kept
    finally:
        env.close()


class Blinding(DotEnv):
    """A dot whose depth camera answers NaN at step 3, or from the beginning."""

    def __init__(self, step: int = 3) -> None:
        super().__init__("senses")
        self._blind_at = step

    def _observe(self) -> Any:
        seen = super()._observe()
        if self._steps == self._blind_at:
            seen["depth"][0, 0] = np.nan
        return seen


def test_one_array_that_is_not_finite_ends_the_episode_as_diverged() -> None:
    env = VectorWorlds(Blinding, 1)
    env.reset(seed=0)
    for _ in range(3):
        env.step_async(np.zeros((1, 2)))
        step = env.step_wait()
    (episode,) = step.finished
    assert episode.failure_mode == "diverged"
    assert np.isfinite(leaves(episode.observation)["depth"]).all()
    env.close()
    with pytest.raises(StateError, match="starts in a state that is not finite"):
        VectorWorlds(partial(Blinding, 0), 1).reset(seed=0)


class Odd(DotEnv):
    """A dot with a space that is not of arrays."""

    def __init__(self, observation_space: Any = None, action_space: Any = None) -> None:
        super().__init__("pixels")
        self.observation_space = observation_space or self.observation_space
        self.action_space = action_space or self.action_space


def test_spaces_that_are_not_arrays_are_refused_with_the_remedy() -> None:
    box = gymnasium.spaces.Box(0.0, 1.0, (2,))
    for space in (Text(3), Tuple([box, box]), Dict({"inner": Dict({"x": box})})):
        with pytest.raises(OptionError, match="FlattenObservation"):
            VectorWorlds(partial(Odd, space), 1)
    with pytest.raises(OptionError, match="Actions must be arrays"):
        VectorWorlds(partial(Odd, None, Dict({"x": box})), 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_of_all_worlds_are_drawn_where_a_render_mode_asks_for_them(workers: int) -> None:
    env = VectorWorlds(partial(DotEnv, "pixels", render_mode="rgb_array"), 3, workers)
    try:
        observations, _ = env.reset(seed=0)
        pictures = env.render()
        assert pictures is not None
        np.testing.assert_array_equal(np.stack(pictures), observations)  # its observation is the picture
    finally:
        env.close()
    env = VectorWorlds(partial(DotEnv, "pixels"), 1)
    assert env.render() is None
    env.close()
