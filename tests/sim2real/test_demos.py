"""Demonstrations: what is in the file, that it can be read by pandas alone, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim2real_envs
from sim2real.cli import main
from sim2real.demos import read_header, record
from sim2real.errors import RunFolderError
from sim2real_envs.errors import OptionError, UnknownNameError


def test_every_row_is_what_the_environment_gives_when_it_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "push.parquet"
    done = record("PandaPush-v0", path, episodes=3, domain="range", options={"past_actions": 1}, workers=0)
    frame = pd.read_parquet(path)
    assert (len(frame), frame["episode"].nunique()) == (done.rows, 3)
    assert int(frame.groupby("episode")["success"].first().sum()) == done.success.k
    with sim2real_envs.make("PandaPush-v0", past_actions=1) as env:
        for _, rows in frame.groupby("episode"):
            first = rows.iloc[0]
            domain = {
                name.removeprefix("domain."): first[name] for name in map(str, frame) if name.startswith("domain.")
            }
            observation, _ = env.reset(seed=int(first["seed"]), options={"domain": domain})
            for row in rows.itertuples():
                np.testing.assert_array_equal(np.asarray(row.observation), observation)
                observation, reward, terminated, truncated, info = env.step(np.asarray(row.action))
                assert (row.reward, row.terminated, row.truncated) == (reward, terminated, truncated)
            assert {name: first[f"outcome.{name}"] for name in info["outcome"]} == info["outcome"]
            assert (first["success"], first["failure_mode"]) == (info["is_success"], info["failure_mode"])


def test_the_header_says_what_the_numbers_mean(tmp_path: Path) -> None:
    record("PandaReach-v0", tmp_path / "reach.parquet", episodes=2, seed=5, workers=0)
    header = pd.read_parquet(tmp_path / "reach.parquet").attrs
    assert header == read_header(tmp_path / "reach.parquet")
    assert (header["env_id"], header["seed"], header["domain"], header["options"]) == (
        "PandaReach-v0",
        5,
        "nominal",
        {},
    )
    assert sum(field["size"] for field in header["fields"]) == header["shapes"]["observation"][0]
    assert header["fields"][0] == {"name": "tool_position", "size": 3, "unit": "m"}
    assert header["outcomes"]["duration"] == "s"
    assert header["parameters"]["actuator.delay"] == "s"


def test_the_file_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    for workers in (0, 2):
        record("PandaReach-v0", tmp_path / f"{workers}.parquet", episodes=5, domain="range", workers=workers)
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    frame = pd.read_parquet(tmp_path / "0.parquet")
    assert frame["domain.actuator.delay"].nunique() == 5


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "reach.parquet"
    with pytest.raises(UnknownNameError, match=r"Did you mean 'PandaReach-v0'"):
        record("PandaReech-v0", path, episodes=1)
    with pytest.raises(OptionError, match="`episodes >= 1` must hold"):
        record("PandaReach-v0", path, episodes=0)
    with pytest.raises(UnknownNameError, match="'colour' is not an option of PandaReach-v0"):
        record("PandaReach-v0", path, episodes=1, options={"colour": 3})
    with pytest.raises(OptionError, match=r"'gymnasium:CartPole-v1' cannot be made with these options: .*colour"):
        record("gymnasium:CartPole-v1", path, episodes=1, options={"colour": 3})
    with pytest.raises(OptionError, match="Experts act under control='ee_delta'"):
        record("PandaReach-v0", path, episodes=1, options={"control": "joint_delta"})
    with pytest.raises(OptionError, match=r"CartPole-v1 has no expert"):
        record("gymnasium:CartPole-v1", path, episodes=1)
    assert list(tmp_path.iterdir()) == []
    path.write_bytes(b"mine")
    with pytest.raises(RunFolderError, match="is there already; give another name, or --force"):
        record("PandaReach-v0", path, episodes=1)
    with pytest.raises(RunFolderError, match="is not a Parquet file that can be read"):
        read_header(path)
    assert path.read_bytes() == b"mine"
    record("PandaReach-v0", path, episodes=1, workers=0, force=True)
    assert read_header(path)["schema"] == 1


def test_the_command_reports_how_often_the_expert_succeeded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["demos", "PandaReach-v0", "--episodes", "4", "--workers", "0", "--set", "past_actions=1"]
    arguments += ["-o", str(tmp_path / "reach.parquet")]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "The expert succeeded in 4 of 4 (51% to 100%, 95 % interval)." in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "is there already" in capsys.readouterr().err
