"""Recordings as logs: every number that is known, and a word about those that are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sim2real.errors import InsufficientEvidence
from sim2real.experiment.spec import ExperimentSpec, load_spec, spec_from
from sim2real.record_episodes import record_target
from sim2real.recordings import load
from sim2real.recordings.data_sets import FOLDER_VARIABLE
from sim2real.recordings.log import check_log, read_log
from sim2real.units import UNITS
from sim2real_envs import rigs
from sim2real_envs.errors import OptionError
from tests.support import tosses

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExperimentSpec:
    tosses.write(tmp_path, tosses.simulated_table({"object.friction": 0.2}, 5))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return spec_from(
        {
            "name": "tossed",
            "kind": "identify",
            "env": {"id": "cube_toss"},
            "parameters": {"object.friction": {"low": 0.05, "high": 1.0}},
            "methods": ["fixed"],
            "targets": {"tosses": {"type": "recording", "data": "cube_toss", "fit": 3}},
        }
    )


@pytest.fixture
def real_recordings() -> Path:
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        pytest.skip(f"{FOLDER_VARIABLE} does not name a folder with recordings")
    return Path(folder)


def test_a_log_of_recordings_has_their_numbers_to_the_last_bit(spec: ExperimentSpec, tmp_path: Path) -> None:
    done = record_target(spec, "tosses", tmp_path / "tosses", episodes=4)
    assert done.success is None
    assert not [finding for finding in check_log(done.path) if finding.level == "error"]
    log = read_log(done.path)
    known = {recording.name: recording for recording in load("cube_toss")}
    assert len(log.episodes) == 4
    assert log.rate == pytest.approx(148.0)
    for episode in log.episodes:
        assert (episode["object.pose"] == known[episode.label].values["object.pose"]).all()
        assert (episode.times == known[episode.label].times).all()


def test_more_recordings_than_there_are_are_refused(spec: ExperimentSpec, tmp_path: Path) -> None:
    with pytest.raises(InsufficientEvidence, match="`episodes <= 5` must hold, the recordings of"):
        record_target(spec, "tosses", tmp_path / "tosses", episodes=6)


def test_nobody_drives_recordings(spec: ExperimentSpec, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="leave out --policy and --expert"):
        record_target(spec, "tosses", tmp_path / "tosses", episodes=1, driver="expert")


@pytest.mark.parametrize("rig", sorted(rigs.RIGS))
def test_every_rig_says_what_drives_it_in_units_that_a_log_has(rig: str) -> None:
    made = rigs.make(rig)
    assert all(UNITS[control.unit].si == control.unit for control in made.controls)
    assert len({control.name for control in made.controls}) == len(made.controls)
    made.close()


def test_volts_and_angles_of_a_rotary_pendulum_are_logged(tmp_path: Path, real_recordings: Path) -> None:
    done = record_target(load_spec(EXPERIMENTS / "furuta.yaml"), "chirps", tmp_path / "chirps", episodes=60)
    log = read_log(done.path)
    assert set(log.signals) == {"joint.position", "motor.voltage_command"}
    assert np.isfinite(log.episodes[0]["motor.voltage_command"][:-1]).all()
    assert not log.extra["left_out"]


def test_what_is_not_known_at_every_sample_is_left_out_and_named(tmp_path: Path, real_recordings: Path) -> None:
    done = record_target(load_spec(EXPERIMENTS / "planar_push.yaml"), "poses", tmp_path / "pushes", episodes=3)
    assert "object.pose" in done.log.extra["left_out"]
    assert "pusher.command" in done.log.signals
