from __future__ import annotations

import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import yaml

import sim2real_envs
from sim2real.errors import RunFolderError
from sim2real.policy import MlpPolicy
from sim2real.report.video import BAR, SIZE, rollout_video, write_videos

PIECE = "PandaPush-v0-slippery-particles-s0"


@pytest.fixture
def filmable_run(train_run: Path) -> Path:
    """A run whose episodes are short, with a policy that always moves the same way."""
    spec = yaml.safe_load((train_run / "spec.yaml").read_text())
    spec["env"]["horizon"] = 5
    (train_run / "spec.yaml").write_text(yaml.safe_dump(spec))
    env = sim2real_envs.make("PandaPush-v0")
    size = int(np.prod(env.observation_space.shape or ()))
    env.close()
    layer = (np.zeros((2, size), dtype=np.float32), np.array([1.0, 0.5], dtype=np.float32))
    policy = MlpPolicy("PandaPush-v0", "PPO", (layer,), "tanh", "clip", np.zeros(size), np.ones(size))
    policy.save(train_run / "pieces" / PIECE / "policy")
    return train_run


def frames_of(path: Path) -> np.ndarray:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(command, check=True, capture_output=True)
    assert b" 25 fps" in decoded.stderr
    return np.frombuffer(decoded.stdout, dtype=np.uint8).reshape(-1, SIZE[1] + BAR, 2 * SIZE[0] + 2, 3)


def test_a_video_shows_both_sides_from_the_same_start_in_real_time(filmable_run: Path) -> None:
    path = rollout_video(filmable_run, episodes=1)
    assert path == filmable_run / "videos" / f"{PIECE}.mp4"
    assert path.stat().st_size < 500_000
    frames = frames_of(path).astype(float)
    assert frames.shape == (6 + 30, SIZE[1] + BAR, 2 * SIZE[0] + 2, 3)  # reset, 5 steps, 1.2 s of result
    left, right = frames[:, BAR:, : SIZE[0]], frames[:, BAR:, SIZE[0] + 2 :]
    assert np.abs(left[0] - right[0]).mean() < 1.0  # the same start
    assert np.abs(left[5] - right[5]).mean() > np.abs(left[0] - right[0]).mean()  # a delay on one side only
    assert np.abs(left[5] - left[0]).mean() > 0.3  # the arm has moved
    assert frames[0, :BAR].min() < 100  # a caption is there


def test_only_finished_pieces_with_a_policy_are_filmed(filmable_run: Path) -> None:
    with pytest.raises(RunFolderError, match=rf"'nothing' cannot be filmed.*Available: {PIECE}\."):
        rollout_video(filmable_run, "nothing")
    (filmable_run / "pieces" / PIECE / "truth.json").unlink()
    with pytest.raises(RunFolderError, match=r"there is nothing to film.*Available: none\."):
        rollout_video(filmable_run)


def test_no_episodes_are_refused(filmable_run: Path) -> None:
    with pytest.raises(ValueError, match=r"`episodes >= 1` must hold, but got 0"):
        rollout_video(filmable_run, episodes=0)


def test_an_identification_has_nothing_to_film(identify_run: Path) -> None:
    assert write_videos(identify_run) == ()


def test_the_default_is_the_best_piece_on_its_target(filmable_run: Path) -> None:
    pieces = filmable_run / "pieces"
    for method in ("fixed", "oracle"):
        policy = pieces / f"PandaPush-v0-slippery-{method}-s0" / "policy"
        policy.mkdir()
        for file in (pieces / PIECE / "policy").iterdir():
            (policy / file.name).write_bytes(file.read_bytes())
    for path in pieces.glob("*/done.json"):
        done = json.loads(path.read_text())
        done["result"]["real"]["rate"] = {"fixed": 0.9, "oracle": 1.0}.get(done["result"]["method"], 0.5)
        path.write_text(json.dumps(done))
    assert rollout_video(filmable_run, episodes=1).stem == "PandaPush-v0-slippery-fixed-s0"
