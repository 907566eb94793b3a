"""A run may be stopped at any moment, and goes on to the same numbers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim2real.errors import Interrupted, RunFolderError
from sim2real.experiment.result import Result
from sim2real.experiment.run_folder import RunFolder, choose
from sim2real.launch import run
from tests.support.gain_search import GainSearch
from tests.support.kills import kill_until_done, random_delays, wait_for_life
from tests.support.toy_run import toy

ROOT = Path(__file__).parents[3]


def summary_without_times(folder: Path) -> Any:
    def bare(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: bare(value) for key, value in found.items() if key not in ("wall_s", "seconds")}
        return [bare(value) for value in found] if isinstance(found, list) else found

    return bare(json.loads((folder / "summary.json").read_text()))


def assert_same_run(folder: Path, undisturbed: Path) -> None:
    """Everything that a run computes agrees, to the last bit."""
    assert summary_without_times(folder) == summary_without_times(undisturbed)
    assert (folder / "rounds.csv").read_text() == (undisturbed / "rounds.csv").read_text()
    ours, theirs = (pd.read_parquet(each / "episodes.parquet") for each in (folder, undisturbed))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    for pattern in ("pieces/*/randomizer/*.json", "pieces/*/curve.csv", "pieces/*/truth.json"):
        expected = sorted(undisturbed.glob(pattern))
        assert expected
        for path in expected:
            assert (folder / path.relative_to(undisturbed)).read_bytes() == path.read_bytes()
    for path in sorted(undisturbed.glob("pieces/*/policy/policy.npz")):
        with np.load(path) as first, np.load(folder / path.relative_to(undisturbed)) as second:
            assert first.files == second.files
            for name in first.files:
                np.testing.assert_array_equal(first[name], second[name])
    assert not list(folder.rglob(".*.tmp"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(toy(), output=tmp_path_factory.mktemp("undisturbed"), trainer=GainSearch(), report=False).folder


def start(output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Run the toy experiment in a process group of its own, from where it was stopped."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.toy_run", str(output), *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, start_new_session=True)


def run_folder(output: Path) -> Path:
    """Return the one run there is."""
    folders = [path for path in (output / "toy").iterdir() if path.is_dir()]
    assert len(folders) == 1, "a resumed run goes on in its folder"
    return folders[0]


def test_a_run_that_is_killed_at_random_times_ends_with_the_same_results(undisturbed: Path, tmp_path: Path) -> None:
    kills = kill_until_done(lambda: start(tmp_path), tmp_path, random_delays(seed=1, kills=4, longest=1.0))
    assert kills >= 1
    assert_same_run(run_folder(tmp_path), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_run_that_is_killed_many_times_ends_with_the_same_results(
    undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    kills = kill_until_done(lambda: start(tmp_path), tmp_path, random_delays(seed=seed, kills=20, longest=0.4))
    assert kills >= 3
    assert_same_run(run_folder(tmp_path), undisturbed)


def test_a_kill_before_anything_is_written_is_resumed_too(undisturbed: Path, tmp_path: Path) -> None:
    process = start(tmp_path)
    time.sleep(0.05)
    process.kill()
    process.communicate()
    assert_same_run(run(toy(), output=tmp_path, resume=True, trainer=GainSearch(), report=False).folder, undisturbed)


class Stopping(GainSearch):
    """A trainer during whose second training the user presses Ctrl-C."""

    calls = 0

    def train(self, *args: Any, **kwargs: Any) -> Any:
        type(self).calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().train(*args, **kwargs)


def test_ctrl_c_says_how_to_go_on_and_going_on_ends_with_the_same_results(undisturbed: Path, tmp_path: Path) -> None:
    Stopping.calls = 0
    with pytest.raises(Interrupted, match=r"sim2real run \S+spec\.yaml --resume \S+") as caught:
        run(toy(), output=tmp_path, trainer=Stopping(), report=False)
    folder = Path(str(caught.value).split()[-1])
    assert not (folder / "done.json").exists()
    again = run(folder / "spec.yaml", resume=folder, trainer=GainSearch(), report=False)
    assert again.folder == folder
    assert_same_run(folder, undisturbed)


def test_ctrl_c_reaches_a_run_with_workers_and_leaves_none_behind(tmp_path: Path) -> None:
    process = start(tmp_path, "1000000000")
    wait_for_life(process, tmp_path)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Interrupted: Stopped." in errors.decode()
    assert errors.decode().count("Traceback") <= 1, "workers must not print tracebacks of their own"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


class Untouchable(GainSearch):
    """A trainer that must not be called."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("nothing was left to train")


def test_a_finished_run_is_returned_as_it_is(undisturbed: Path) -> None:
    before = (undisturbed / "summary.json").stat().st_mtime_ns
    again = run(toy(), output=undisturbed.parents[1], resume=True, trainer=Untouchable())
    assert again.folder == undisturbed
    assert (undisturbed / "summary.json").stat().st_mtime_ns == before


def test_without_resume_a_new_run_begins(undisturbed: Path) -> None:
    output = undisturbed.parents[1]
    names = {choose(toy(), output, None).path, choose(toy(), output, False).path}
    assert undisturbed not in names


Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(name: str, *, finished: bool = False, **changes: Any) -> Path:
        path = tmp_path / "toy" / name
        path.mkdir(parents=True)
        (path / "spec.yaml").write_text(toy(**changes).to_yaml())
        if finished:
            (path / "done.json").write_text("{}")
        return path

    return make


def test_resume_takes_the_newest_unfinished_run_of_the_same_experiment(made: Made, tmp_path: Path) -> None:
    made("2026-01-01_00-00-00")
    wanted = made("2026-01-02_00-00-00")
    made("2026-01-03_00-00-00", finished=True)
    made("2026-01-04_00-00-00", rounds=2)
    assert choose(toy(), tmp_path, True).path == wanted


def test_a_changed_experiment_is_refused_with_the_keys_that_differ(made: Made, tmp_path: Path) -> None:
    made("2026-01-01_00-00-00", rounds=2, agent={"warmup_steps": 10, "round_steps": 3000})
    with pytest.raises(RunFolderError, match=r"the experiment has changed since in: agent\.warmup_steps, rounds\."):
        choose(toy(), tmp_path, True)
    with pytest.raises(RunFolderError, match=r"the experiment has changed since in: agent\.warmup_steps, rounds\."):
        choose(toy(), tmp_path, "2026-01-01_00-00-00")


def test_a_run_can_be_named_by_its_name_or_its_folder(made: Made, tmp_path: Path) -> None:
    wanted = made("2026-01-01_00-00-00")
    made("2026-01-02_00-00-00")
    assert choose(toy(), tmp_path, wanted.name).path == wanted
    assert choose(toy(), tmp_path / "elsewhere", wanted).path == wanted


def test_a_run_that_does_not_exist_is_refused_with_those_that_do(made: Made, tmp_path: Path) -> None:
    made("2026-01-01_00-00-00")
    with pytest.raises(RunFolderError, match=r"'yesterday' is not a run of 'toy'\. Runs in .*: 2026-01-01_00-00-00\."):
        choose(toy(), tmp_path, "yesterday")


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_output_that_cannot_be_written_is_said_before_training(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"output folder .* cannot be written: .*--output"):
        run(toy(), output=tmp_path / place, trainer=Untouchable())


HOLD = """
import sys, time
from pathlib import Path
from sim2real.experiment.run_folder import RunFolder
from tests.support.kills import kill_until_done, random_delays, wait_for_life
from tests.support.toy_run import toy
with RunFolder(Path(sys.argv[1])).writing(toy()):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    folder, environment = tmp_path / "toy" / "run", {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(RunFolderError, match="is being written by another process"):
            run(toy(), output=tmp_path, resume="run", trainer=Untouchable())
        other.kill()
    with RunFolder(folder).writing(toy()):
        pass


def test_the_manifest_says_what_the_numbers_were_made_with(undisturbed: Path) -> None:
    manifest = json.loads((undisturbed / "manifest.json").read_text())
    assert manifest["seeds"] == [0]
    assert {"python", "numpy", "gymnasium"} <= set(manifest["versions"])
    assert manifest["machine"]["processors"] == os.cpu_count()
    assert {"started", "command", "git", "resumed"} <= set(manifest)


def test_only_the_folder_of_a_run_has_results(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not the folder of a run"):
        Result(tmp_path)
