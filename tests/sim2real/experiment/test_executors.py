"""Pieces in several processes, trainings that targets share, and episodes that no method sees."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim2real.experiment.result import Result
from sim2real.experiment.spec import ExperimentSpec
from sim2real.launch import run
from sim2real_envs.errors import WorkerError
from tests.sim2real.experiment.test_runner import without_times
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy

SLOW = {"object.friction": 0.15, "actuator.delay": 0.12}
RACY = {"object.friction": 0.02, "actuator.delay": 0.05}


def two_targets(**changes: Any) -> ExperimentSpec:
    targets = {name: {"type": "hidden", "domain": domain} for name, domain in (("slow", SLOW), ("racy", RACY))}
    episodes = {"real_per_round": 4, "watched_per_round": 10, "simulated_per_round": 4, "final": 10}
    return toy(**{"targets": targets, "episodes": episodes, "methods": ["uniform", "feedback"], "rounds": 2, **changes})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(two_targets(), output=tmp_path_factory.mktemp("alone"), trainer=GainSearch(), report=False)


def test_any_number_of_processes_gives_the_same_results(alone: Result, tmp_path: Path) -> None:
    together = run(two_targets(), output=tmp_path, trainer=GainSearch(), report=False, processes=3)
    assert without_times(together.summary) == without_times(alone.summary)
    one, other = (pd.read_parquet(result.folder / "episodes.parquet") for result in (alone, together))
    pd.testing.assert_frame_equal(one, other)


def test_what_needs_nothing_from_the_target_is_trained_once_and_charged_to_each(alone: Result) -> None:
    kept = sorted(path.name for path in (alone.folder / "trainings").iterdir())
    assert [name.partition("uniform")[2] for name in kept] == ["-s0-round-000", "-s0-round-001"]
    pieces = {(piece["method"], piece["target"]): piece for piece in alone.summary["pieces"]}
    assert pieces["uniform", "slow"]["env_steps"] == pieces["uniform", "racy"]["env_steps"]
    policies = [(alone.folder / "pieces").glob(f"*-{target}-uniform-s0") for target in ("slow", "racy")]
    one, other = (np.load(next(found) / "policy" / "policy.npz") for found in policies)
    assert all((one[name] == other[name]).all() for name in one.files)


def test_adding_a_target_does_not_change_what_the_first_one_gets(alone: Result, tmp_path: Path) -> None:
    single = two_targets(targets={"slow": {"type": "hidden", "domain": SLOW}})
    result = run(single, output=tmp_path, trainer=GainSearch(), report=False)
    of_slow = [piece for piece in alone.summary["pieces"] if piece["target"] == "slow"]
    assert without_times(result.summary["pieces"]) == without_times(of_slow)


def test_watched_episodes_are_in_the_tables_and_no_method_pays_for_them(alone: Result) -> None:
    rounds = pd.read_csv(alone.folder / "rounds.csv")
    assert (rounds["watched_n"] == 10).all()
    first = rounds[rounds["round"] == 0]
    assert first.groupby("target")["watched_k"].nunique().eq(1).all(), "all methods begin with the same policy"
    last = rounds[rounds["round"] == 2]
    assert (last["watched_k"] == last["real_k"]).all(), "at the end the final evaluation is what is watched"
    used = {piece["method"]: piece["real_episodes_used"] for piece in alone.summary["pieces"]}
    assert used == {"uniform": 0, "feedback": 8}
    episodes = pd.read_parquet(alone.folder / "episodes.parquet")
    assert len(episodes[episodes["phase"] == "watched"]) == 4 * 2 * 10


def test_without_watched_episodes_nothing_is_watched(tmp_path: Path) -> None:
    spec = toy(methods=["fixed"])
    rounds = pd.read_csv(run(spec, output=tmp_path, trainer=GainSearch(), report=False).folder / "rounds.csv")
    assert rounds["watched_n"].tolist() == [0, 20]
    assert math.isnan(rounds["watched_rate"][0])


def test_a_process_that_is_killed_is_named_and_the_rest_resumes_to_the_same_numbers(
    alone: Result, tmp_path: Path
) -> None:
    def kill_a_child() -> None:
        while not (children := _children()):
            time.sleep(0.01)
        time.sleep(1.5)
        os.kill(children[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_a_child)
    killer.start()
    with pytest.raises(WorkerError, match="go on with --resume"):
        run(two_targets(), output=tmp_path, trainer=GainSearch(), report=False, processes=2)
    killer.join()
    resumed = run(two_targets(), output=tmp_path, trainer=GainSearch(), report=False, processes=2, resume=True)
    assert without_times(resumed.summary) == without_times(alone.summary)


def _children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
