"""``parameters: {preset: …}``: what is written out, and what is said about mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sim2real_envs
from sim2real.errors import SpecError
from sim2real.experiment.spec import ExperimentSpec, json_schema, load_spec, spec_from
from sim2real_envs.parameters import ParameterSpace

TRAIN = """\
name: presets
env: {id: PandaReach-v0}
parameters: %s
methods: [uniform]
targets:
  other: {type: hidden, domain: {actuator.delay: 0.02}}
"""


@pytest.fixture(scope="module")
def space() -> ParameterSpace:
    env: Any = sim2real_envs.make("PandaReach-v0")
    env.close()
    found: ParameterSpace = env.unwrapped.parameter_space
    return found


def load(tmp_path: Path, parameters: str, *overrides: str) -> ExperimentSpec:
    """Read an experiment with these ``parameters``."""
    file = tmp_path / "experiment.yaml"
    file.write_text(TRAIN % parameters)
    return load_spec(file, overrides)


def problems(tmp_path: Path, parameters: str, *overrides: str) -> list[str]:
    """Return what is wrong with these ``parameters``."""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, parameters, *overrides)
    return list(caught.value.problems)


def test_a_preset_stands_for_its_parameters_with_the_ranges_of_the_environment(
    tmp_path: Path, space: ParameterSpace
) -> None:
    spec = load(tmp_path, "{preset: actuator}")
    assert spec.space() == space.preset("actuator")


def test_presets_join_in_the_order_of_the_environment(tmp_path: Path, space: ParameterSpace) -> None:
    spec = load(tmp_path, "{preset: [sensor, joint]}")
    assert spec.space() == space.preset("joint", "sensor")


def test_an_entry_goes_before_a_preset_and_may_give_one_end(tmp_path: Path, space: ParameterSpace) -> None:
    spec = load(
        tmp_path,
        "{preset: joint, joint.damping: {low: 0.4, high: 0.6}, joint.friction: {high: 0.3}, "
        "actuator.delay: {low: 0.0, high: 0.1}}",
    )
    ranges = {name: (entry.low, entry.high) for name, entry in spec.parameters.items()}
    assert tuple(ranges) == (*space.preset("joint").names, "actuator.delay")
    assert ranges["joint.damping"] == (0.4, 0.6)
    assert ranges["joint.friction"] == (space["joint.friction"].low, 0.3)
    assert ranges["joint.armature"] == (space["joint.armature"].low, space["joint.armature"].high)
    assert ranges["actuator.delay"] == (0.0, 0.1)


def test_a_completed_experiment_names_every_parameter_and_reads_back(tmp_path: Path) -> None:
    spec = load(tmp_path, "{preset: [joint, actuator]}")
    assert "preset" not in spec.to_dict()["parameters"]  # type: ignore[operator]
    assert spec_from(spec.to_dict()) == spec


def test_presets_can_be_set_from_the_command_line(tmp_path: Path, space: ParameterSpace) -> None:
    assert load(tmp_path, "{}", "parameters.preset=joint").space() == space.preset("joint")
    spec = load(
        tmp_path, "{preset: joint}", "parameters.preset=[joint, actuator]", "parameters.actuator.delay.high=0.2"
    )
    assert spec.parameters["actuator.delay"].high == 0.2
    assert spec.space().names == space.preset("joint", "actuator").names


def test_presets_serve_recordings_too() -> None:
    target = {"type": "recording", "data": "cube_toss"}
    data = {"name": "a", "kind": "identify", "env": {"id": "cube_toss"}, "methods": ["particles"]}
    spec = spec_from({**data, "parameters": {"preset": "object"}, "targets": {"tosses": target}})
    assert spec.parameters
    assert all(name.startswith(("object.", "table.")) for name in spec.parameters)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (
            "{preset: actuators}",
            "line 3, parameters.preset: 'actuators' is not a preset of parameters. Did you mean 'actuator'?",
        ),
        ("{preset: [joint, nothing]}", "line 3, parameters.preset.1: 'nothing' is not a preset of parameters."),
        (
            "{preset: appearance}",
            "line 3, parameters.preset: 'appearance' holds no parameter of this environment. Presets that do: ",
        ),
        ("{preset: 3}", "line 3, parameters.preset: must be the name of a preset, or a list of names, but got 3"),
        ("{preset: [3]}", "line 3, parameters.preset.0: must be the name of a preset, or a list of names, but got 3"),
        (
            "{preset: {low: 1}}",
            "line 3, parameters.preset: must be the name of a preset, or a list of names, but got a",
        ),
        ("{preset: []}", "line 3, parameters.preset: must not be empty"),
        ("{preset: }", "line 3, parameters.preset: must be the name of a preset, or a list of names, but got nothing"),
        (
            "{preset: [joint, joint]}",
            "line 3, parameters.preset.1: must differ from all others, but 'joint' occurs more than once",
        ),
        (
            "{preset: joint, joint.friction: {low: 9.0}}",
            "line 3, parameters.joint.friction: `low <= high` must hold, but got (low=9, high=0.5)",
        ),
        ("{preset: joint, joint.friction: 3}", "line 3, parameters.joint.friction: must be a mapping, but got 3"),
        (
            "{preset: joint, joint.frction: {low: 0.1, high: 0.2}}",
            "line 3, parameters.joint.frction: 'joint.frction' is not a parameter of PandaReach-v0. Did you mean",
        ),
    ],
)
def test_a_wrong_preset_is_one_mistake_with_its_place(tmp_path: Path, parameters: str, problem: str) -> None:
    found = problems(tmp_path, parameters)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_a_preset_is_not_blamed_for_another_mistake(tmp_path: Path) -> None:
    found = problems(tmp_path, "{preset: joint}", "env.id=PandaRaech-v0", "methods=[particles]")
    assert [problem.partition(":")[0] for problem in found] == ["env.id"]
    found = problems(tmp_path, "{preset: joints}", "env.horizon=-1", "rounds=-1")
    places = [problem.partition(":")[0].rpartition(" ")[2] for problem in found]
    assert sorted(places) == ["env.horizon", "parameters.preset", "rounds"]


def test_the_schema_knows_presets() -> None:
    schema: Any = json_schema()
    assert "visual" in json.dumps(schema["properties"]["parameters"]["properties"]["preset"])
