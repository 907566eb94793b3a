"""`sim2real export` on whole run folders: what is written, what is said, and that it fits the run."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import sim2real
import sim2real_envs
from sim2real.errors import RunFolderError
from sim2real.experiment.spec import ExperimentSpec, spec_from
from sim2real.exporting.domain import _to_the_ends
from sim2real.exporting.robot_model import write_robot
from sim2real.launch import run
from sim2real.policy import MlpPolicy
from sim2real.randomizers.fixed import Fixed
from sim2real_envs.cell import RobotCell
from sim2real_envs.errors import OptionError, UnknownNameError
from tests.sim2real.exporting.test_exported_policies import layer, small_camera_policy
from tests.support.exported_run import RANGES, posterior, spec_of, write_run
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy

PUSH = {"id": "PandaPush-v0", "horizon": 12, "past_actions": 2}
WIDE = {"object.friction": 1.0}
"""The posterior of friction is as wide as the prior: it was not identified."""


def push_policy(observation_size: int = 20, action_size: int = 2) -> MlpPolicy:
    rng = np.random.default_rng(0)
    hidden = layer(rng.normal(size=(16, observation_size)) / 4, np.zeros(16))
    layers = (hidden, layer(rng.normal(size=(action_size, 16)), np.zeros(action_size)))
    mean, variance = rng.normal(size=observation_size), rng.uniform(0.1, 1.0, observation_size)
    return MlpPolicy("PandaPush-v0", "PPO", layers, "tanh", "clip", mean, variance, learner={"critic": np.ones(4)})


@pytest.fixture(scope="module")
def push_spec() -> ExperimentSpec:
    return spec_of(PUSH, RANGES)


@pytest.fixture(scope="module")
def made(push_spec: ExperimentSpec, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, sim2real.Bundle]:
    folder = tmp_path_factory.mktemp("results") / "run-1"
    write_run(folder, push_spec, posterior(push_spec, WIDE), push_policy())
    (bundle,) = sim2real.export(folder, episodes=2)
    return folder, bundle


def test_every_file_is_there_named_and_signed(made: tuple[Path, sim2real.Bundle]) -> None:
    folder, bundle = made
    assert bundle.folder == folder / "export" / "PandaPush-v0-rough-particles-s0"
    manifest = json.loads((bundle.folder / "manifest.json").read_text())
    found = {path.relative_to(bundle.folder).as_posix() for path in bundle.folder.rglob("*") if path.is_file()}
    assert found - {"manifest.json"} == set(manifest["files"])
    for name, entry in manifest["files"].items():
        content = (bundle.folder / name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["bytes"])
    policy = {"policy.npz", "policy.json", "policy.onnx", "run_policy.py", "examples.npz", "schema.json"}
    assert {f"policy/{name}" for name in policy} | {"robot/panda.urdf", "robot/scene.xml", "domain.yaml"} <= found
    assert manifest["from"]["run"] == "run-1"
    assert manifest["from"]["run_commit"] == "c0ffee"
    readme = (bundle.folder / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in bundle.files)
    assert str(folder) not in readme + json.dumps(manifest), "nothing of this machine leaves it"


def test_the_python_of_its_readme_runs(made: tuple[Path, sim2real.Bundle]) -> None:
    _, bundle = made
    blocks = re.findall(r"```python\n(.*?)```", (bundle.folder / "README.md").read_text(), flags=re.DOTALL)
    assert len(blocks) == 2
    begin = "import numpy\nobservation = numpy.load('policy/examples.npz')['observations'][0].astype('float32')\n"
    code = "\n".join([begin, *blocks, "print(abs(action - actions[0]).max() < 1e-5)"])
    done = subprocess.run([sys.executable, "-c", code], cwd=bundle.folder, capture_output=True, text=True, check=False)
    assert done.stdout == "True\n", done.stderr


def test_the_policies_are_the_original(made: tuple[Path, sim2real.Bundle]) -> None:
    _, bundle = made
    checks = json.loads((bundle.folder / "checks.json").read_text())["policies"]
    assert checks["numpy"]["max_abs_difference"] == 0.0
    assert 0.0 < checks["onnx"]["max_abs_difference"] < 1e-5
    for check in checks.values():
        assert check["observations"]["random"] == 1000
        assert check["observations"]["simulated"] >= 20
        assert check["alike"]["success"] == check["episodes"] == 2
        assert check["holds"]
    assert bundle.notes == []


def test_the_robot_has_the_identified_values(made: tuple[Path, sim2real.Bundle]) -> None:
    _, bundle = made
    values = yaml.safe_load((bundle.folder / "domain.yaml").read_text())["identified"]
    for what in ("panda.urdf in PyBullet", "panda.urdf in MuJoCo", "scene.xml in MuJoCo"):
        check = bundle.robot[what]
        assert check["holds"]
        for name in ("joint.friction", "joint.mass_scale"):
            assert check["read_back"][name] == pytest.approx(values[name]["value"], rel=1e-12)
    assert bundle.robot["scene.xml in MuJoCo"]["read_back"]["object.friction"] == values["object.friction"]["nominal"]
    robot = json.loads((bundle.folder / "robot" / "robot.json").read_text())
    assert robot["domain"]["actuator.delay"]["value"] == pytest.approx(values["actuator.delay"]["value"], abs=0.001)
    assert "actuator.delay" in robot["not_in_urdf_or_mjcf"]
    assert not {"object.friction", "physics.contact_stiffness"} & set(robot["not_in_urdf_or_mjcf"])


def test_what_was_not_identified_is_marked_and_nominal(
    push_spec: ExperimentSpec, made: tuple[Path, sim2real.Bundle]
) -> None:
    _, bundle = made
    found = yaml.safe_load((bundle.folder / "domain.yaml").read_text())
    friction, delay = found["identified"]["object.friction"], found["identified"]["actuator.delay"]
    assert (friction["verdict"], friction["value_is"]) == ("not identified", "nominal")
    assert friction["value"] == push_spec.space()["object.friction"].nominal != friction["mean"]
    assert found["parameters"]["object.friction"] == {"low": 0.05, "high": 1.0}
    assert delay["verdict"] == "identified"
    assert delay["value"] == delay["mean"]
    assert 0.0 < delay["low"] < delay["mean"] < delay["high"] < 0.2
    assert delay["unit"] == "s"
    assert "value_is" not in delay


def test_the_samples_are_the_particles(push_spec: ExperimentSpec, made: tuple[Path, sim2real.Bundle]) -> None:
    _, bundle = made
    lines = (bundle.folder / "domain_samples.csv").read_text().splitlines()
    assert lines[0].split(",") == list(RANGES)
    read = np.array([[float(word) for word in line.split(",")] for line in lines[1:]])
    particles = posterior(push_spec, WIDE)
    assert np.array_equal(read, particles.space.from_unit(particles.unit))


def test_the_blocks_can_be_pasted_into_an_experiment(
    push_spec: ExperimentSpec, made: tuple[Path, sim2real.Bundle]
) -> None:
    _, bundle = made
    found = yaml.safe_load((bundle.folder / "domain.yaml").read_text())
    data = push_spec.to_dict()
    pasted = spec_from({**data, "parameters": found["parameters"], "targets": {**data["targets"], **found["targets"]}})  # type: ignore[dict-item]
    target = pasted.targets["rough_identified"]
    assert dict(target.domain) == {name: entry["value"] for name, entry in found["identified"].items()}  # type: ignore[union-attr]


def test_the_schema_names_every_number(made: tuple[Path, sim2real.Bundle]) -> None:
    _, bundle = made
    schema = json.loads((bundle.folder / "policy" / "schema.json").read_text())
    numbers = schema["observation"]["numbers"]
    assert [number["index"] for number in numbers] == list(range(20))
    assert (numbers[0]["name"], numbers[0]["unit"], numbers[0]["high"]) == ("tool_position[0]", "m", 2.0)
    names = [number["name"] for number in numbers[16:]]
    assert names == ["past_action[-2].x", "past_action[-2].y", "past_action[-1].x", "past_action[-1].y"]
    assert [number["name"] for number in schema["action"]["numbers"]] == ["x", "y"]
    assert schema["action"]["numbers"][0]["at_1"] == 0.05
    assert (schema["control_period_s"], schema["env"]["options"]) == (0.04, {"horizon": 12, "past_actions": 2})
    assert (schema["provenance"]["run"], schema["provenance"]["seed"]) == ("run-1", 0)
    assert schema["provenance"]["run_versions"] == {"sim2real": "0"}
    policy = push_policy()
    assert schema["normalization"]["mean"] == policy.mean.tolist()


def test_exporting_again_replaces_the_bundle_by_the_same_bytes(
    made: tuple[Path, sim2real.Bundle], tmp_path: Path
) -> None:
    folder, bundle = made
    for _ in range(2):
        (again,) = sim2real.export(folder, out=tmp_path, episodes=2, piece=bundle.piece)
    assert (again.folder / "manifest.json").read_bytes() == (bundle.folder / "manifest.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [bundle.piece], "nothing half written is left"


def test_a_folder_that_is_no_bundle_is_not_replaced(made: tuple[Path, sim2real.Bundle], tmp_path: Path) -> None:
    folder, bundle = made
    (tmp_path / bundle.piece).mkdir()
    (tmp_path / bundle.piece / "thesis.tex").write_text("three years")
    with pytest.raises(RunFolderError, match="is there and is no bundle"):
        sim2real.export(folder, out=tmp_path)
    assert (tmp_path / bundle.piece / "thesis.tex").exists()


def test_without_the_extras_everything_else_is_written(
    made: tuple[Path, sim2real.Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnx", "onnxruntime", "mujoco"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("sim2real_envs.backends.mujoco")]:
        if not name.endswith(("mujoco_scene", "mujoco_arm")):
            monkeypatch.delitem(sys.modules, name)
    (bundle,) = sim2real.export(made[0], out=tmp_path, episodes=1)
    assert set(bundle.policies) == {"numpy"}
    assert set(bundle.robot) == {"panda.urdf in PyBullet"}
    assert not (bundle.folder / "policy" / "policy.onnx").exists()
    assert "pip install 'sim2real[export]'" in bundle.notes[0]
    assert "pip install 'sim2real[mujoco]'" in bundle.notes[1]
    readme = (bundle.folder / "README.md").read_text()
    assert all(note in readme for note in bundle.notes)


def test_a_damaged_policy_is_said_and_the_rest_is_written(push_spec: ExperimentSpec, tmp_path: Path) -> None:
    piece = write_run(tmp_path / "run", push_spec, posterior(push_spec, {}), push_policy())
    (piece / "policy" / "policy.npz").write_bytes(b"PK")
    (bundle,) = sim2real.export(tmp_path / "run", episodes=1)
    assert bundle.notes[0].startswith("No policy: ")
    assert not (bundle.folder / "policy").exists()
    assert (bundle.folder / "robot" / "panda.urdf").exists()


def test_a_method_that_identifies_nothing_gives_nominal_values(tmp_path: Path) -> None:
    spec = spec_of({"id": "PandaReach-v0", "horizon": 10}, {"actuator.delay": {"low": 0.0, "high": 0.1}}, "fixed")
    write_run(tmp_path / "run", spec, Fixed.create(spec.space()), push_policy(9, 3), round_index=0)
    (bundle,) = sim2real.export(tmp_path / "run", episodes=1)
    found = yaml.safe_load((bundle.folder / "domain.yaml").read_text())
    assert found["identified"]["actuator.delay"]["value_is"] == "nominal"
    assert found["samples"] is None
    assert "'fixed' identifies nothing" in bundle.notes[0]


def test_a_policy_for_images_is_exported_with_its_images(tmp_path: Path) -> None:
    env = {"id": "PandaReach-v0", "observation": "pixels", "image_size": [26, 30], "horizon": 4}
    spec = spec_of(env, {"actuator.delay": {"low": 0.0, "high": 0.1}})
    write_run(tmp_path / "run", spec, posterior(spec, {}), small_camera_policy())
    (bundle,) = sim2real.export(tmp_path / "run", episodes=1)
    assert bundle.policies["numpy"].max_abs_difference == 0.0
    assert all(agreement.holds for agreement in bundle.policies.values()), bundle.sentences()
    schema = json.loads((bundle.folder / "policy" / "schema.json").read_text())
    assert (schema["observation"]["kind"], schema["observation"]["shape"]) == ("image", [30, 26, 3])


@pytest.mark.parametrize(
    ("options", "kind"), [({"control": "joint_torque"}, "Nm"), ({"backend": "mujoco"}, "m"), ({"timestep": 0.004}, "m")]
)
def test_options_of_the_environment_are_followed(options: dict[str, Any], kind: str, tmp_path: Path) -> None:
    env = sim2real_envs.make("PandaPush-v0", **options)
    cell = env.unwrapped
    assert isinstance(cell, RobotCell)
    env.reset(seed=0, options={"domain": {"joint.friction": 0.3}})
    control, applied = options.get("control", "ee_delta"), cell.applied_domain()
    robot = write_robot(cell.task.scene, cell.parameter_space, applied, tmp_path / "robot", control=control)
    assert all(check["holds"] for check in robot.checks.values())
    read = robot.checks["scene.xml in MuJoCo"]["read_back"]
    assert read["physics.timestep"] == options.get("timestep", 0.002)
    assert ("actuator.stiffness_scale" in read) == (kind == "m")
    env.close()


def test_an_identification_has_a_domain_and_says_that_it_has_no_policy(tmp_path: Path) -> None:
    spec = spec_from(
        {
            "name": "tosses",
            "kind": "identify",
            "env": {"id": "cube_toss"},
            "parameters": {"object.friction": {"low": 0.05, "high": 0.5}},
            "methods": ["particles"],
            "targets": {"rough": {"type": "recording", "data": "cube_toss", "fit": 8}},
        }
    )
    write_run(tmp_path / "run", spec, posterior(spec, {}), None)
    (bundle,) = sim2real.export(tmp_path / "run")
    assert {path.name for path in bundle.folder.iterdir()} == {
        *("README.md", "checks.json", "domain.yaml", "domain_samples.csv", "manifest.json")
    }
    assert bundle.notes == ["No policy and no robot model: an identification has no policy, and cube_toss no arm."]
    found = yaml.safe_load((bundle.folder / "domain.yaml").read_text())
    assert spec_from({**spec.to_dict(), "parameters": found["parameters"]})
    assert "targets" not in found


def test_an_identified_arm_is_exported_as_a_robot(tmp_path: Path) -> None:
    spec = spec_from(
        {
            "name": "made",
            "kind": "identify",
            "env": {"id": "arm", "arm": "Panda", "period": 0.02, "stiffness": [300.0] * 7},
            "parameters": {
                "joint.friction": {"low": 0.01, "high": 2.0},
                "actuator.stiffness_scale": {"low": 0.5, "high": 1.5},
            },
            "methods": ["particles"],
            "targets": {"rough": {"type": "recording", "data": "arm_log.parquet"}},
        }
    )
    write_run(tmp_path / "run", spec, posterior(spec, {}), None)
    (bundle,) = sim2real.export(tmp_path / "run")
    assert bundle.notes == ["No policy: an identification has none."]
    values = yaml.safe_load((bundle.folder / "domain.yaml").read_text())["identified"]
    for what in ("panda.urdf in PyBullet", "panda.urdf in MuJoCo", "scene.xml in MuJoCo"):
        assert bundle.robot[what]["holds"]
        assert bundle.robot[what]["read_back"]["joint.friction"] == values["joint.friction"]["value"]
    robot = json.loads((bundle.folder / "robot" / "robot.json").read_text())
    text = (bundle.folder / "domain.yaml").read_text()
    assert "Scales of gains count from the `stiffness` of `env` above" in text
    pasted = spec_of({"id": "PandaReach-v0"}, yaml.safe_load(text)["parameters"]).to_dict()
    assert spec_from({**pasted, "targets": yaml.safe_load(text)["targets"]})
    gain = 300.0 * values["actuator.stiffness_scale"]["value"]
    assert robot["joints"][0]["kp_Nm_rad"] == pytest.approx(gain)
    assert robot["control_period_s"] == 0.02


@pytest.fixture(scope="module")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    small = toy(
        methods=["fixed", {"method": "particles", "count": 64, "designs": 16}],
        agent={"warmup_steps": 3000, "round_steps": 1000},
    )
    return run(small, output=tmp_path_factory.mktemp("toys"), trainer=GainSearch(), report=False).folder


def test_every_piece_of_a_whole_run_is_exported_and_checked_on_what_it_logged(toy_folder: Path) -> None:
    bundles = sim2real.export(toy_folder)
    assert [bundle.piece.split("-rough-")[1] for bundle in bundles] == ["fixed-s0", "particles-s0"]
    for bundle in bundles:
        for agreement in bundle.policies.values():
            assert agreement.holds, bundle.sentences()
            assert agreement.observations["real"] > 100
            assert agreement.successes == agreement.original_successes > 0
        assert any("its arm is not known" in note for note in bundle.notes)
    particles = yaml.safe_load((bundles[1].folder / "domain.yaml").read_text())
    assert particles["samples"]["rows"] == 64


def test_a_piece_that_does_not_exist_is_named_with_those_that_do(toy_folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="is not a piece of toy"):
        sim2real.export(toy_folder, piece="nobody")


def test_an_unfinished_piece_is_refused_with_the_way_on(push_spec: ExperimentSpec, tmp_path: Path) -> None:
    piece = write_run(tmp_path / "run", push_spec, posterior(push_spec, {}), push_policy())
    (piece / "done.json").unlink()
    with pytest.raises(RunFolderError, match="no finished piece"):
        sim2real.export(tmp_path / "run")
    with pytest.raises(RunFolderError, match="is not finished yet"):
        sim2real.export(tmp_path / "run", piece=piece.name)


def test_no_episodes_are_refused(made: tuple[Path, sim2real.Bundle]) -> None:
    with pytest.raises(OptionError, match="episodes >= 1"):
        sim2real.export(made[0], episodes=0)


def test_the_command_prints_where_and_what_was_checked(
    made: tuple[Path, sim2real.Bundle], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sim2real.cli.app import main

    arguments: list[Any] = ["export", str(made[0]), "--out", str(tmp_path), "--episodes", "1"]
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / made[1].piece) in shown
    assert "numpy policy: largest difference 0.0e+00 (must be below 1e-12) on 1000 random" in shown
    assert "scene.xml in MuJoCo" in shown


def test_the_command_refuses_a_folder_that_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sim2real.cli.app import main

    with pytest.raises(SystemExit) as end:
        main(["export", str(tmp_path)])
    assert end.value.code == 2
    assert "is not the folder of a run" in capsys.readouterr().err


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_range_to_train_with_holds_its_interval_and_goes_on_to_an_end_that_is_near(one: float, other: float) -> None:
    interval, whole = {"low": min(one, other), "high": max(one, other)}, {"low": 0.0, "high": 1.0}
    low, high = _to_the_ends(interval, whole)
    assert low == (0.0 if interval["low"] < 0.02 else interval["low"])
    assert high == (1.0 if 1.0 - interval["high"] < 0.02 else interval["high"])
