"""Minari: what is exported is loaded by Minari itself, offline, and sampled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces

from sim2real.errors import RecordingError
from sim2real.recordings.log import Log, LogEpisode, Signal
from sim2real.recordings.minari import write_minari
from tests.support.logs import ROWS, good_log

minari = pytest.importorskip("minari", reason="the extra `minari` is not installed")


@pytest.fixture(autouse=True)
def datasets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


def policy_log(success: bool) -> Log:
    """Return a log of a policy: what it saw, what it gave, and joints beside."""
    rng = np.random.default_rng(0)
    signals = {
        "observation": Signal("observation", "m", (4,)),
        "action": Signal("action", "-", (2,)),
        "goal": Signal("state", "m", (3,), frame="base"),
    }
    action = rng.uniform(-1.0, 1.0, size=(9, 2))
    action[-1] = np.nan
    values = {"observation": rng.normal(size=(9, 4)), "action": action, "goal": np.ones((9, 3))}
    failure = "" if success else "timeout"
    episode = LogEpisode(0, np.arange(9) / 25.0, values, "", success, failure, {"error": 0.02})
    return Log(signals, (episode,), 25.0, "pseudo-real", "Pushes.", extra={"driver": "expert"})


def test_minari_loads_and_samples_what_was_exported(tmp_path: Path) -> None:
    log = policy_log(success=True)
    write_minari(tmp_path / "push-v0", log, author="A", author_email="a@b.c", code_permalink="https://example.org")
    data = minari.load_dataset("push-v0")
    assert (data.total_episodes, data.total_steps, data.id) == (1, 8, "push-v0")
    (episode,) = data.sample_episodes(1)
    wanted = log.episodes[0]
    np.testing.assert_array_equal(episode.observations, wanted["observation"])
    np.testing.assert_array_equal(episode.actions, wanted["action"][:-1])
    assert episode.rewards.tolist() == [0.0] * 7 + [1.0]
    assert episode.terminations.tolist() == [False] * 7 + [True]
    assert not episode.truncations.any()
    np.testing.assert_array_equal(episode.infos["goal"], wanted["goal"])
    np.testing.assert_array_equal(episode.infos["time"], wanted.times)
    assert data.action_space == spaces.Box(-1.0, 1.0, (2,), dtype=np.float64)
    assert data.observation_space.shape == (4,)


def test_the_units_and_outcomes_go_with_it(tmp_path: Path) -> None:
    write_minari(tmp_path / "push-v0", policy_log(success=False))
    data = minari.load_dataset("push-v0")
    said = data.storage.metadata
    assert said["sim2real"]["signals"]["observation"]["unit"] == "m"
    assert said["sim2real"]["origin"] == "pseudo-real"
    assert (said["description"], said["algorithm_name"]) == ("Pushes.", "expert")
    (facts,) = data.storage.get_episode_metadata([0])
    assert (facts["outcome"]["error"], facts["failure_mode"], bool(facts["success"])) == (0.02, "timeout", False)
    (episode,) = data.iterate_episodes()
    assert episode.rewards.sum() == 0.0
    assert episode.truncations.tolist() == [False] * 7 + [True]
    assert list(minari.list_local_datasets()) == ["push-v0"]


def test_several_signals_are_a_dict_of_boxes(tmp_path: Path) -> None:
    write_minari(tmp_path / "arm-v1", good_log())
    data = minari.load_dataset("arm-v1")
    assert set(data.observation_space.spaces) == {"joint.position", "joint.velocity", "tool.force", "object.pose"}
    for episode, wanted in zip(data.iterate_episodes(), good_log().episodes, strict=True):
        np.testing.assert_array_equal(episode.observations["tool.force"], wanted["tool.force"])
        np.testing.assert_array_equal(episode.actions, wanted["joint.command"][:-1])
        assert len(episode.rewards) == ROWS - 1


def test_what_is_seen_and_sent_can_be_chosen_and_rewards_are_taken_where_there_are_any(tmp_path: Path) -> None:
    log = policy_log(success=True)
    values = {**log.episodes[0].values, "reward": np.arange(9.0)}
    fields = {name: getattr(log, name) for name in log.__dataclass_fields__}
    fields["signals"] = {**log.signals, "reward": Signal("state", "-")}
    fields["episodes"] = (LogEpisode(0, log.episodes[0].times, values),)
    write_minari(tmp_path / "goal-v0", Log(**fields), observations=["goal", "observation"])
    (episode,) = minari.load_dataset("goal-v0").iterate_episodes()
    assert set(episode.observations) == {"goal", "observation"}
    assert episode.rewards.tolist() == list(np.arange(1.0, 9.0))


def test_what_cannot_be_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="must end in a version, such as push-v0"):
        write_minari(tmp_path / "push", policy_log(success=True))
    with pytest.raises(RecordingError, match="must name signals of the log"):
        write_minari(tmp_path / "push-v0", policy_log(success=True), observations=["obs"])
    only = Log({"x": Signal("observation", "m")}, (LogEpisode(0, np.zeros(1), {"x": np.zeros(1)}),), 10.0, "robot")
    with pytest.raises(RecordingError, match="needs actions, but the log has only x"):
        write_minari(tmp_path / "push-v0", only)
    assert list(tmp_path.iterdir()) == []
    write_minari(tmp_path / "push-v0", policy_log(success=True))
    with pytest.raises(RecordingError, match="is there already"):
        write_minari(tmp_path / "push-v0", policy_log(success=True))
