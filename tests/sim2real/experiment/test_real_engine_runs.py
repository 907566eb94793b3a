"""Whole experiments on the real engine, the real trainer and real recordings, as a user starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sim2real
from sim2real.errors import MissingDataError
from sim2real.experiment.spec import spec_from
from sim2real.recordings import data_path
from tests.support.kills import kill_until_done, random_delays

REACH = """
name: reach
env: {id: PandaReach-v0, horizon: 15}
parameters:
  actuator.delay: {low: 0.0, high: 0.2}
methods: [fixed, {method: particles, count: 64, designs: 8, sweeps: 1}]
agent: {warmup_steps: 2048, round_steps: 2048}
targets:
  laggy: {type: hidden, domain: {actuator.delay: 0.12}}
episodes: {real_per_round: 3, simulated_per_round: 3, final: 4}
"""
FILES = ("spec.yaml", "manifest.json", "summary.json", "rounds.csv", "episodes.parquet", "report.html", "done.json")


def sim2real_run(file: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", "from sim2real.cli import main; main()", "run", str(file), *arguments]


def without_times(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: without_times(value) for key, value in found.items() if key not in ("wall_s", "seconds")}
    return [without_times(value) for value in found] if isinstance(found, list) else found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("experiments") / "reach.yaml"
    path.write_text(REACH)
    return path


@pytest.fixture(scope="module")
def folder(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("results")
    done = subprocess.run(
        sim2real_run(file, "--output", str(output)), capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "Inference replays 3 real episodes" in done.stderr, "the cost is said before it is spent"
    (found,) = (output / "reach").iterdir()
    return found


def test_one_command_trains_measures_adapts_and_reports(folder: Path) -> None:
    for name in FILES:
        assert (folder / name).stat().st_size > 0, name
    assert len(list((folder / "videos").glob("*.mp4"))) == 2
    piece = folder / "pieces" / "PandaReach-v0-laggy-particles-s0"
    for name in ("policy/policy.npz", "curve.csv", "truth.json", "done.json", "randomizer/round-001.json"):
        assert (piece / name).stat().st_size > 0, name
    assert list((piece / "tensorboard" / "round-000").glob("events.*"))
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["methods"]["particles"]["real_episodes_used"] == 3
    assert summary["methods"]["particles"]["env_steps"] == 4096


def test_the_real_side_of_a_panda_is_what_its_sensors_measured(folder: Path) -> None:
    rows = pd.read_parquet(folder / "episodes.parquet")
    assert rows[rows.side == "real"]["domain.actuator.delay"].isna().all()
    assert (rows[rows.side == "nominal"]["domain.actuator.delay"] == 0.0).all()
    finals = rows[(rows.phase == "final") & (rows.side == "real")]
    assert len(finals) == 2 * 4
    assert finals["outcome.success"].isin([0.0, 1.0]).all()


def test_one_worker_gives_the_same_numbers_as_two(file: Path, folder: Path, tmp_path: Path) -> None:
    one = sim2real.run(file, output=tmp_path, overrides={"workers": 1}, report=False)
    two = json.loads((folder / "summary.json").read_text())
    assert without_times(one.summary) == without_times(two)


@pytest.mark.slow
def test_a_panda_run_that_is_killed_again_and_again_ends_with_the_same_numbers(
    file: Path, folder: Path, tmp_path: Path
) -> None:
    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            sim2real_run(file, "--output", str(tmp_path), "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    kills = kill_until_done(start, tmp_path, random_delays(seed=2, kills=8, longest=12.0))
    assert kills >= 3
    (found,) = (tmp_path / "reach").iterdir()
    expected = json.loads((folder / "summary.json").read_text())
    assert without_times(json.loads((found / "summary.json").read_text())) == without_times(expected)


def test_ctrl_c_ends_a_run_with_the_command_that_goes_on(file: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        sim2real_run(file, "--output", str(tmp_path), "--set", "agent.warmup_steps=100000000"),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "warm-up" in line:
            break
    time.sleep(2.0)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "--resume" in errors
    assert "Traceback" not in errors


needs_tosses = pytest.mark.skipif(
    not data_path("cube_toss").is_file(), reason="needs the cube tosses: set SIM2REAL_DATA"
)


@needs_tosses
def test_recordings_are_learned_from_and_the_others_predicted(tmp_path: Path) -> None:
    spec = spec_from(
        {
            "name": "tosses",
            "kind": "identify",
            "env": {"id": "cube_toss"},
            "parameters": {"object.friction": {"low": 0.05, "high": 0.5}},
            "methods": ["fixed", {"method": "particles", "count": 64, "designs": 16, "sweeps": 2}],
            "targets": {"tosses": {"type": "recording", "data": "cube_toss", "fit": 8}},
        }
    )
    result = sim2real.run(spec, output=tmp_path, report=False)
    stock, fitted = (result.summary["methods"][name]["identification"] for name in ("fixed", "particles"))
    assert fitted["held_out"]["position_error_mm"] < 20.0 < 80.0 < stock["held_out"]["position_error_mm"]
    assert (fitted["fitted_on"], stock["fitted_on"]) == (8, 0)
    friction = fitted["parameters"]["object.friction"]
    assert 0.12 < friction["low"] < friction["high"] < 0.25
    assert "real" not in result.summary["methods"]["particles"]
    rows = result.episodes
    predicted = rows[(rows.side == "simulated") & (rows.method == "particles")]
    assert predicted["outcome.position_error"].mean() * 1e3 == pytest.approx(fitted["held_out"]["position_error_mm"])
    piece = result.folder / "pieces" / "cube_toss-tosses-particles-s0"
    assert (piece / "predictions.npz").is_file()
    assert not (piece / "policy").exists()


def test_missing_recordings_are_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM2REAL_DATA", str(tmp_path / "empty"))
    spec = spec_from(
        {
            "name": "tosses",
            "kind": "identify",
            "env": {"id": "cube_toss"},
            "parameters": {"object.friction": {"low": 0.05, "high": 0.5}},
            "methods": ["fixed"],
            "targets": {"tosses": {"type": "recording", "data": "cube_toss"}},
        }
    )
    with pytest.raises(MissingDataError, match="sim2real data fetch cube-toss"):
        sim2real.run(spec, output=tmp_path / "results")
    assert not (tmp_path / "results").exists()
