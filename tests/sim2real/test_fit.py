"""A pseudo-real robot's log, fitted: the hidden domain is found, and what was not fitted is predicted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from sim2real.cli import main
from sim2real.errors import InsufficientEvidence, RecordingError, SpecError
from sim2real.experiment.spec import load_spec
from sim2real.fitting import Fitted, arm_of, fit_logs
from sim2real.recordings import joint_log
from sim2real.recordings.excitation import excitation_warnings
from sim2real.recordings.log import Log, read_log, write_log
from sim2real_envs.errors import OptionError, UnknownNameError
from tests.support.arm_logs import arm_log

NOISE = 0.0005
TRUTH = {"joint.friction": 0.3, "actuator.delay": 0.018, "actuator.stiffness_scale": 0.85}
SENSORS = {"sensor.joint_position_noise": NOISE, "sensor.joint_velocity_noise": 0.02}


@pytest.fixture(scope="module")
def log() -> Log:
    return arm_log("PandaReach-v0", {**TRUTH, **SENSORS}, episodes=3, steps=34)


@pytest.fixture(scope="module")
def path(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("logs") / "arm.parquet", log)


@pytest.fixture(scope="module")
def fitted(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    out = tmp_path_factory.mktemp("out")
    return fit_logs([path], "PandaPush-v0", parameters=dict.fromkeys(TRUTH), output=out, workers=2, report=False)


def test_the_hidden_domain_is_found(fitted: Fitted) -> None:
    found = fitted.to_dict()["parameters"]
    for name, truth in TRUTH.items():
        margin = 0.5 * (found[name]["high"] - found[name]["low"])  # 90 % intervals, of one world
        assert found[name]["low"] - margin <= truth <= found[name]["high"] + margin, name
        assert found[name]["verdict"] == "identified"


def test_what_was_not_fitted_is_predicted_to_the_noise_of_the_encoders(fitted: Fitted) -> None:
    errors = fitted.held_out
    assert errors.after < 0.2 * errors.before
    assert errors.after == pytest.approx(1e3 * NOISE, rel=0.25)
    assert errors.low <= errors.after <= errors.high
    assert fitted.origin == "pseudo-real"


def test_the_run_folder_can_be_run_again_and_its_domain_be_trained_with(fitted: Fitted) -> None:
    spec = load_spec(fitted.result.folder / "spec.yaml")
    assert (spec.kind, spec.env.id) == ("identify", "arm")
    ranges = yaml.safe_load((fitted.result.folder / "domain.yaml").read_text())["parameters"]
    assert set(ranges) == set(TRUTH)
    assert ranges["actuator.delay"]["low"] < 0.02


def test_a_robot_that_hardly_moves_is_said_before_anything_is_fitted(log: Log) -> None:
    assert excitation_warnings(joint_log.windows(log, 0.5)) == ()
    still = tuple(
        replace(episode, values={**episode.values, "joint.position": 0.001 * np.ones_like(episode["joint.position"])})
        for episode in log.episodes
    )
    quiet = excitation_warnings(joint_log.windows(replace(log, episodes=still), 0.5))
    assert len(quiet) == 1
    assert "identifies nothing" in quiet[0]
    held = tuple(
        replace(
            episode,
            values={**episode.values, "joint.position": episode["joint.position"] * np.array([1, 1, 1, 1, 1, 1, 0])},
        )
        for episode in log.episodes
    )
    assert "Joint 7 hardly moves" in excitation_warnings(joint_log.windows(replace(log, episodes=held), 0.5))[0]


def test_the_arm_is_that_of_the_environment() -> None:
    assert [arm_of(env) for env in ("PandaPush-v0", "KukaReach-v0", "XArm6Slide-v0")] == ["Panda", "Kuka", "XArm6"]
    for env in ("PandaPsh-v0", "nobody/Nothing-v0", "CartPole-v1"):
        with pytest.raises(UnknownNameError):
            arm_of(env)


def test_what_cannot_be_fitted_is_refused(path: Path, log: Log, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="0 < held_out < 1"):
        fit_logs([path], "PandaPush-v0", held_out=1.0, output=tmp_path)
    with pytest.raises(OptionError, match="an arm of 6 joints, but the log has 7"):
        fit_logs([path], "XArm6Reach-v0", output=tmp_path)
    with pytest.raises(UnknownNameError, match=r"joint\.frction"):
        fit_logs([path], "PandaPush-v0", parameters={"joint.frction": None}, output=tmp_path)
    with pytest.raises(SpecError, match="low <= high"):
        fit_logs([path], "PandaPush-v0", parameters={"joint.friction": (0.5, 0.1)}, output=tmp_path)
    short = write_log(tmp_path / "short.parquet", replace(log, episodes=log.episodes[:1]))
    with pytest.raises(InsufficientEvidence, match="At least two windows"):
        fit_logs([short], "PandaPush-v0", window=5.0, output=tmp_path)
    other = write_log(tmp_path / "other.parquet", replace(log, robot="another"))
    with pytest.raises(RecordingError, match="one robot at one rate"):
        fit_logs([path, other], "PandaPush-v0", output=tmp_path)


def test_a_mistake_on_the_command_line_ends_with_plain_words(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["fit", str(path), "--env", "PandaPush-v0", "--parameters", "actuator.delay=0-0.1"])
    assert left.value.code == 2
    assert "a range is low:high" in capsys.readouterr().err


@pytest.mark.slow
def test_several_logs_are_fitted_together_from_the_command_line(
    log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [log.episodes[:1], log.episodes[1:]]
    paths = [str(write_log(tmp_path / f"{k}.parquet", replace(log, episodes=part))) for k, part in enumerate(parts)]
    with pytest.raises(SystemExit) as left:
        main(
            ["fit", *paths, "--env", "PandaReach-v0", "--parameters", "actuator.delay=0:0.1,actuator.stiffness_scale",
             "--out", str(tmp_path / "out"), "--json"]
        )  # fmt: skip
    assert left.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert set(found["parameters"]) == {"actuator.delay", "actuator.stiffness_scale"}
    assert found["held_out"]["after"] < 0.5 * found["held_out"]["before"]
    assert (Path(found["folder"]) / "report.html").is_file()
    assert len(read_log(tmp_path / "out" / "fit-0" / "logs.parquet").episodes) == 3
