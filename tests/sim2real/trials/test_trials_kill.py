"""Trials that are killed with -9 again and again end with every trial of the plan, once, in the planned order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim2real.experiment.strict_yaml import dump
from sim2real.trials import plan_from
from sim2real.trials.log import LOG, TrialLog
from tests.support.trials import plan_data

_COMMAND = "from sim2real.cli import main; main()"


def start(folder: Path) -> subprocess.Popen[bytes]:
    answers = (folder / "answers").open("rb")
    command = [sys.executable, "-c", _COMMAND, "robot", "trials", str(folder / "plan.yaml")]
    command += ["-o", str(folder), "--resume"]
    with answers:
        return subprocess.Popen(
            command,
            stdin=answers,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def trials_in(folder: Path) -> int:
    return sum(path.read_bytes().count(b'"event": "trial"') for path in folder.glob(f"reach/*/{LOG}"))


@pytest.mark.parametrize(
    "kills", [[(1, 0.15)], pytest.param([(0, 0.0), (1, 0.1), (1, 0.3), (3, 0.0), (5, 0.2)], marks=pytest.mark.slow)]
)
def test_trials_survive_kills(kills: list[tuple[int, float]], tmp_path: Path) -> None:
    """Each kill comes so long [s] after so many trials are done: in the midst of the next one."""
    data = plan_data(trials=3)
    (tmp_path / "plan.yaml").write_text(dump(data))
    (tmp_path / "answers").write_text("go\nenter\n" * 20)
    for trials, moment in kills:
        process = start(tmp_path)
        while process.poll() is None and trials_in(tmp_path) < trials:
            time.sleep(0.005)
        time.sleep(moment)
        process.kill()
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, errors.decode()
    process = start(tmp_path)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    (folder,) = (tmp_path / "reach").iterdir()
    plan = plan_from(data)
    log = TrialLog(folder, plan)
    assert [trial.slot for trial in log.history.trials] == list(plan.order)
    assert [event["event"] for event in log.events].count("session") >= 2
    for trial in log.history.trials:
        assert log.read_episode(trial).steps == trial.steps
    assert len(list((folder / "episodes").iterdir())) == len(plan.order)
    log.close()
