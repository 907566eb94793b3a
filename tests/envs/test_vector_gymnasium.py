"""Our environments in Gymnasium's own hands: vector environments, wrappers and videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import imageio.v3 as imageio
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import FlattenObservation, RecordEpisodeStatistics, RecordVideo, TimeLimit
from gymnasium.wrappers.vector import RecordEpisodeStatistics as RecordVectorStatistics

import sim2real_envs
from sim2real_envs.vector import VectorWorlds
from sim2real_envs.wrappers import RandomizeOnReset

PUSH = "sim2real_envs:sim2real/PandaPush-v0"
HORIZON = 6


def run(env: gymnasium.vector.VectorEnv[Any, Any, Any], steps: int = 2 * HORIZON) -> list[Any]:
    try:
        seen: list[Any] = [env.reset(seed=3)[0]]
        for action in np.random.default_rng(0).uniform(-1.0, 1.0, (steps, *(env.action_space.shape or ()))):
            seen += env.step(action.astype(np.float32))[:4]
    finally:
        env.close()
    return [np.asarray(part).tobytes() for part in seen]


def test_all_three_ways_to_make_a_vector_env_give_the_same_numbers() -> None:
    same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
    sync = gymnasium.make_vec(PUSH, 3, vectorization_mode="sync", vector_kwargs=same_step, horizon=HORIZON)
    waiting = gymnasium.make_vec(PUSH, 3, vectorization_mode="async", vector_kwargs=same_step, horizon=HORIZON)
    ours = gymnasium.make_vec(PUSH, 3, vectorization_mode="vector_entry_point", horizon=HORIZON, workers=2)
    assert isinstance(sync, SyncVectorEnv)
    assert isinstance(waiting, AsyncVectorEnv)
    assert isinstance(ours, VectorWorlds)
    expected = run(sync)
    assert run(waiting) == expected
    assert run(ours) == expected


def test_our_worlds_are_what_gymnasium_makes_by_default() -> None:
    env = gymnasium.make_vec(PUSH, 2, horizon=HORIZON, workers=0)
    assert isinstance(env, VectorWorlds)
    assert env.spec is not None
    assert env.spec.id == "sim2real/PandaPush-v0"
    statistics = RecordVectorStatistics(env)
    statistics.reset(seed=0)
    lengths: list[int] = []
    for _ in range(2 * HORIZON):
        _, _, terminations, truncations, infos = statistics.step(env.action_space.sample())
        lengths += infos["episode"]["l"][terminations | truncations].tolist() if "episode" in infos else []
    assert lengths
    assert max(lengths) <= HORIZON
    env.close()


def test_goals_and_their_rewards_pass_through_the_worlds() -> None:
    env = gymnasium.make_vec(PUSH, 2, horizon=HORIZON, goal_conditioned=True, reward="sparse", workers=1)
    single = sim2real_envs.make("PandaPush-v0", horizon=HORIZON, goal_conditioned=True, reward="sparse")
    compute: Any = single.get_wrapper_attr("compute_reward")
    seen, _ = env.reset(seed=0)
    assert set(seen) == {"observation", "achieved_goal", "desired_goal"}
    for _ in range(HORIZON - 1):
        seen, rewards, terminations, truncations, _ = env.step(env.action_space.sample())
        if not (terminations | truncations).any():
            np.testing.assert_array_equal(rewards, compute(seen["achieved_goal"], seen["desired_goal"], {}))
    env.close()
    single.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # moviepy forgets its encoder's pipes
def test_a_recorded_video_can_be_played(tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="RecordVideo needs it: pip install moviepy")
    env = sim2real_envs.make("PandaReach-v0", render_mode="rgb_array", render_size=(96, 64), horizon=10)
    video = RecordVideo(env, str(tmp_path / "videos"), episode_trigger=lambda episode: True, disable_logger=True)
    video.reset(seed=0)
    steps, ended = 0, False
    while not ended:
        _, _, terminated, truncated, _ = video.step(video.action_space.sample())
        steps, ended = steps + 1, terminated or truncated
    video.close()  # type: ignore[no-untyped-call]
    (file,) = (tmp_path / "videos").glob("*.mp4")
    frames = imageio.imread(file, plugin="FFMPEG")
    assert frames.shape[1:] == (64, 96, 3)
    assert len(frames) in (steps, steps + 1)  # the encoder may keep the last one back
    assert (frames[0] != frames[-1]).any()
    assert imageio.immeta(file, plugin="FFMPEG")["fps"] == 25


def test_gymnasiums_wrappers_stand_around_ours() -> None:
    env: gymnasium.Env[Any, Any] = sim2real_envs.make("PandaReach-v0", goal_conditioned=True)
    env = RecordEpisodeStatistics(FlattenObservation(TimeLimit(RandomizeOnReset(env), 5)))
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    for _ in range(5):
        observation, _, _, truncated, info = env.step(np.zeros(3, np.float32))
    assert truncated
    assert info["episode"]["l"] == 5
    assert env.observation_space.contains(observation)
    env.close()


@pytest.mark.parametrize("worlds", [1, 2])
def test_a_vector_env_draws_what_its_worlds_look_like(worlds: int) -> None:
    env = gymnasium.make_vec(PUSH, worlds, render_mode="rgb_array", render_size=(48, 32), workers=1)
    alone = sim2real_envs.make("PandaPush-v0", render_mode="rgb_array", render_size=(48, 32))
    env.reset(seed=0)
    alone.reset(seed=0)
    pictures: Any = env.render()
    assert len(pictures) == worlds
    np.testing.assert_array_equal(pictures[0], alone.render())
    env.close()
    alone.close()
