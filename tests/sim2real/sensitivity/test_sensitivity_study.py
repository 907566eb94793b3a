"""Screenings of real environments: what is found, that it can be repeated, and what is refused."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

import sim2real_envs
from sim2real.cli import main
from sim2real.errors import PolicyError, RunFolderError
from sim2real.policy import MlpPolicy
from sim2real.rollouts import World
from sim2real.sensitivity import Driver, Findings, driver_of_run, parameters_named, prepare
from sim2real.sensitivity.repeats import PLACED, repeated
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.state import WorldState

REACH = parameters_named({"actuator.delay": (0.0, 0.1), "sensor.joint_velocity_noise": None})


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, captured.out, captured.err


def numbers(found: Findings) -> str:
    return json.dumps(found.to_dict())


def reach_policy(folder: Path) -> None:
    layers = ((np.zeros((3, 9), dtype=np.float32), np.zeros(3, dtype=np.float32)),)
    MlpPolicy("PandaReach-v0", "PPO", layers, "tanh", "clip", np.zeros(9), np.ones(9)).save(folder)


# -- What is found -----------------------------------------------------------------------------------------------


def test_friction_matters_for_a_push_and_what_nobody_looks_at_does_not() -> None:
    space = parameters_named({"object.friction": None, "sensor.joint_velocity_noise": None})
    found = prepare("PandaPush-v0", space=space, blocks=20).run(workers=2)
    friction, noise = found.verdicts
    assert found.driver.kind == "expert"
    assert {"peak_force", "duration"} & set(friction.changes)
    assert noise.changes == ()
    assert noise.sentence == "changes nothing that is measured: leave it out"
    assert float(np.abs(found.indices.effects[:, 1]).max()) == 0.0  # common random numbers: not nearly, but nothing
    assert found.ranked[0].parameter == "object.friction"
    assert any("true state" in note for note in found.notes)


def test_a_screening_is_the_same_for_any_number_of_workers_and_differs_by_seed() -> None:
    study = prepare("PandaReach-v0", space=REACH, blocks=10, seed=3)
    one = study.run(workers=0)
    assert numbers(one) == numbers(study.run(workers=2))
    assert numbers(one) != numbers(prepare("PandaReach-v0", space=REACH, blocks=10, seed=4).run(workers=0))
    assert one.episodes == study.episodes == 10 * 5


def test_sobol_screens_too_and_its_table_has_both_shares() -> None:
    found = prepare("PandaReach-v0", space=REACH, blocks=16, method="sobol").run(workers=2)
    table = found.table().set_index(["parameter", "outcome"])
    assert {"S1", "S1_low", "size", "floor", "n"} <= set(table.columns)
    assert float(table["size"].loc[("actuator.delay", "duration")]) > 0.5
    assert found.verdicts[0].word == "identify"


def test_where_there_is_no_expert_the_same_random_actions_move_every_domain() -> None:
    study = prepare("PandaReach-v0", options={"control": "joint_delta"}, space=REACH, blocks=10)
    assert study.driver.kind == "random"
    found = study.run(workers=0)
    assert found.verdicts[0].changes
    assert any("Random actions" in note for note in found.notes)
    assert found.driver.actions(5, 4, 2) is not None


def test_a_policy_of_a_run_drives_with_the_options_that_it_was_trained_under(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "spec.yaml").write_text("name: run\nenv: {id: PandaReach-v0, horizon: 12}\n")
    reach_policy(run / "pieces" / "PandaReach-v0-late-uniform-s0" / "policy")
    driver = driver_of_run(run)
    study = prepare("PandaReach-v0", space=REACH, driver=driver, blocks=10)
    assert study.driver.kind == "policy"
    assert "at most 600 env steps" in study.cost
    with pytest.raises(PolicyError, match="cannot act in PandaPush-v0"):
        prepare("PandaPush-v0", driver=driver)
    reach_policy(run / "pieces" / "PandaReach-v0-late-fixed-s0" / "policy")
    with pytest.raises(PolicyError, match=r"has 2 policies: name one"):
        driver_of_run(run)
    assert driver_of_run(run / "PandaReach-v0-late-fixed-s0").policy is not None


def test_a_trial_is_repeated_as_exactly_as_a_hand_can_and_what_is_held_stays_held() -> None:
    with sim2real_envs.make("PandaPush-v0") as env:
        env.reset(seed=0)
        start = cast(World, env.unwrapped).world_state()
    again = [repeated(start, seed).values["object.pose"] - start.values["object.pose"] for seed in range(200)]
    moved = np.array(again)
    assert moved[:, :2].std() == pytest.approx(PLACED[0], rel=0.2)
    assert float(np.abs(moved[:, 2]).max()) == 0.0
    np.testing.assert_array_equal(repeated(start, 7).values["object.pose"], repeated(start, 7).values["object.pose"])
    held = WorldState({**start.values, "finger.command": np.zeros(1)})
    assert repeated(held, 7) is held


def test_of_a_rig_it_is_seen_what_recordings_can_tell() -> None:
    if not (Path(os.environ.get("SIM2REAL_DATA", "")) / "cube_toss").is_dir():
        pytest.skip("SIM2REAL_DATA does not name a folder with cube tosses")
    space = parameters_named(
        {"object.friction": (0.05, 1.0), "object.mass": (0.2, 0.6), "recording.length_scale": None}
    )
    study = prepare("cube_toss", space=space, blocks=20)
    assert "simulated motions" in study.cost
    found = study.run(workers=2)
    known = {verdict.parameter: verdict for verdict in found.verdicts}
    assert "rest_height" in known["recording.length_scale"].changes
    assert "travel" in known["object.friction"].changes
    assert not known["object.mass"].changes  # it cancels
    assert found.nominal is None
    assert found.to_dict()["verdicts"][0]["success_change"]["value"] is None
    assert found.left_after(15)["object.friction"].value < 0.5


# -- What is refused ---------------------------------------------------------------------------------------------


def test_what_cannot_be_screened_is_refused_with_what_can() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'PandaPush-v0'"):
        prepare("PandaPsuh-v0")
    with pytest.raises(UnknownNameError, match=r"Did you mean 'object\.friction'"):
        prepare("PandaPush-v0", space=parameters_named({"object.frcition": None}))
    with pytest.raises(OptionError, match="a rig moves as it was recorded"):
        prepare("cube_toss", driver=Driver("random", "random actions"))
    with pytest.raises(OptionError, match="servo is replayed in servo, not in cube_toss"):
        prepare("cube_toss", data="servo")
    with pytest.raises(OptionError, match=r"recordings .* are for rigs"):
        prepare("PandaReach-v0", data="servo")
    with pytest.raises(OptionError, match="each has a range of no width"):
        prepare("PandaReach-v0", space=parameters_named({"actuator.delay": (0.1, 0.1)}))
    with pytest.raises(OptionError, match="`trajectories >= 10`"):
        prepare("PandaReach-v0", space=REACH, blocks=3)


def test_presets_and_ranges_choose_parameters() -> None:
    study = prepare("PandaReach-v0", space=parameters_named({"actuator": None, "sensor.delay": (0.0, 0.2)}))
    assert set(study.space) == {
        "actuator.delay",
        "actuator.stiffness_scale",
        "actuator.damping_scale",
        "actuator.strength_scale",
        "actuator.backlash",
        "sensor.delay",
    }
    assert study.space["sensor.delay"].high == 0.2
    assert 3000 < study.episodes <= 6000


# -- The command -------------------------------------------------------------------------------------------------


def test_the_command_says_the_cost_writes_its_files_and_does_not_write_over_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "found"
    command = ("sensitivity", "PandaReach-v0", "--parameters", "actuator.delay,joint.friction", "--trajectories", 10)
    code, out, err = call(capsys, *command, "-o", place, "--json", "--workers", 0)
    assert code == 0
    assert "10 trajectories of 5 episodes, 50 episodes, at most 4000 env steps" in err
    assert "about" in err
    found = json.loads(out)
    assert found == json.loads((place / "sensitivity.json").read_text())
    assert found["verdicts"][0]["parameter"] == "actuator.delay"
    assert found["nominal"]["n"] == 10
    table = pd.read_csv(place / "sensitivity.csv")
    assert len(table) == 2 * len(found["effects"]) / 2
    assert (place / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    code, _, err = call(capsys, *command, "-o", place)
    assert code == 2
    assert "--force" in err


def test_an_experiment_file_gives_parameters_and_ranges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_text(
        "name: tiny\nenv: {id: PandaReach-v0}\nparameters:\n  actuator.delay: {low: 0.0, high: 0.08}\n"
        "methods: [uniform]\nagent: {algorithm: PPO, preset: reach, warmup_steps: 4096, round_steps: 4096}\n"
        "targets:\n  late: {type: hidden, domain: {actuator.delay: 0.05}}\n"
    )
    command = ("sensitivity", "PandaReach-v0", "--experiment", file, "--trajectories", 10, "--workers", 0)
    code, out, _ = call(capsys, *command, "-o", tmp_path / "found")
    assert code == 0
    assert "0 … 0.08 s" in out
    code, _, err = call(capsys, "sensitivity", "PandaPush-v0", "--experiment", file, "-o", tmp_path / "other")
    assert code == 2
    assert "env.id is PandaReach-v0, but PandaPush-v0 was asked for" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("PandaPsuh-v0",), "Did you mean 'PandaPush-v0'"),
        (("PandaReach-v0", "--parameters", "actuator.dealy"), "Did you mean 'actuator.delay'"),
        (("PandaReach-v0", "--parameters", "actuator.delay=1"), "a range is low:high"),
        (("PandaReach-v0", "--policy", "nowhere"), "has no policy"),
        (("PandaReach-v0", "--samples", "64"), "morris takes --trajectories"),
        (("PandaReach-v0", "--method", "sobol", "--samples", "100"), "power of two"),
    ],
)
def test_a_mistake_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = call(capsys, "sensitivity", *arguments, "-o", tmp_path / "found")
    assert code == 2
    assert words in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert not (tmp_path / "found").exists()


def test_without_salib_it_is_said_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "SALib", None)
    code, _, err = call(capsys, "sensitivity", "PandaReach-v0", "-o", tmp_path / "found")
    assert code == 2
    assert "pip install 'sim2real[sensitivity]'" in err


def test_findings_are_not_written_over_by_accident(tmp_path: Path) -> None:
    from sim2real.report.sensitivity import check_folder

    (tmp_path / "sensitivity.json").write_text("{}")
    with pytest.raises(RunFolderError, match="holds findings already"):
        check_folder(tmp_path, force=False)
    check_folder(tmp_path, force=True)
