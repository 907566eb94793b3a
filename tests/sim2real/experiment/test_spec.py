"""Experiment files: what is read, what is completed, and what is said about mistakes."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim2real.errors import SpecError
from sim2real.experiment import catalogue
from sim2real.experiment.overrides import plain
from sim2real.experiment.spec import ExperimentSpec, json_schema, load_spec, spec_from
from sim2real.experiment.target_specs import RecordingTarget, RobotTarget

TRAIN = """\
name: quickstart
env: {id: PandaPush-v0, observation: state, control: ee_delta}
parameters:
  object.friction: {low: 0.05, high: 1.0}
  actuator.delay:  {low: 0.0,  high: 0.15}
methods: [fixed, uniform, {method: particles, count: 128}]
agent: {algorithm: PPO, preset: push, warmup_steps: 150000, round_steps: 100000}
targets:
  slippery: {type: hidden, domain: {object.friction: 0.08, actuator.delay: 0.1}}
"""
IDENTIFY = """\
name: cube_toss
kind: identify
env: {id: cube_toss}
parameters:
  object.friction: {low: 0.05, high: 1.0}
methods: [particles]
targets:
  tosses: {type: recording, data: cube_toss, fit: 30, split_seed: 0}
"""


def load(tmp_path: Path, text: str, *overrides: str, seed: int | None = None) -> ExperimentSpec:
    file = tmp_path / "experiment.yaml"
    file.write_text(text)
    return load_spec(file, overrides, seed)


def problems(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """Return the problems without their lines."""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, text, *overrides)
    return [problem.partition(", ")[2] if problem.startswith("line ") else problem for problem in caught.value.problems]


def changed(old: str, new: str, text: str = TRAIN) -> str:
    assert old in text
    return text.replace(old, new)


# -- What is read ------------------------------------------------------------------------------------------------


def test_defaults_complete_an_experiment(tmp_path: Path) -> None:
    spec = load(tmp_path, TRAIN)
    assert (spec.kind, spec.seeds, spec.rounds, spec.workers) == ("train", (0,), 1, 2)
    assert (spec.episodes.real_per_round, spec.episodes.simulated_per_round, spec.episodes.final) == (15, 50, 100)
    assert spec.env.options == {"observation": "state", "control": "ee_delta"}
    assert [entry.label for entry in spec.methods] == ["fixed", "uniform", "particles"]
    assert spec.methods[2].options == {"count": 128}
    target = spec.targets["slippery"]
    assert target.type == "hidden"
    assert target.log == "sensors"


def test_the_space_has_the_ranges_of_the_file_in_its_order(tmp_path: Path) -> None:
    space = load(tmp_path, TRAIN).space()
    assert space.names == ("object.friction", "actuator.delay")
    assert (space["object.friction"].low, space["object.friction"].high) == (0.05, 1.0)


def test_an_identify_experiment_has_the_space_of_its_rig(tmp_path: Path) -> None:
    spec = load(tmp_path, IDENTIFY)
    assert spec.space().names == ("object.friction",)
    assert not {"agent", "rounds", "episodes"} & set(spec.to_dict())


@pytest.mark.parametrize("text", [TRAIN, IDENTIFY])
def test_a_completed_experiment_reads_back_to_itself(tmp_path: Path, text: str) -> None:
    spec = load(tmp_path, text)
    assert load(tmp_path, spec.to_yaml()) == spec
    assert spec_from(spec.to_dict()) == spec
    assert load(tmp_path, spec.to_yaml()).to_yaml() == spec.to_yaml()


def test_a_target_is_exchanged_by_one_word(tmp_path: Path) -> None:
    spec = load(tmp_path, TRAIN + "  engine: {type: mujoco}\n  robot: {type: preset, preset: worn}\n")
    space = catalogue.parameter_space("train", "PandaPush-v0", {})
    hidden, engine, robot = (
        entry for entry in spec.targets.values() if not isinstance(entry, RecordingTarget | RobotTarget)
    )
    assert [entry.world_options for entry in (hidden, engine, robot)] == [{}, {"backend": "mujoco"}, {"flaws": "worn"}]
    assert hidden.truth(space) == {"object.friction": 0.08, "actuator.delay": 0.1}
    assert engine.truth(space) == {}
    assert robot.truth(space)["object.friction"] == 0.2
    assert space.complete(robot.truth(space))["actuator.delay"] == 0.05


def test_a_spec_is_frozen_and_goes_to_other_processes(tmp_path: Path) -> None:
    spec = load(tmp_path, TRAIN)
    with pytest.raises(ValidationError):
        spec.rounds = 3
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_methods_get_labels_that_differ(tmp_path: Path) -> None:
    methods = "[particles, {method: particles, count: 128}, {method: particles, count: 64, name: few}, uniform]"
    spec = load(tmp_path, changed("[fixed, uniform, {method: particles, count: 128}]", methods))
    assert [entry.label for entry in spec.methods] == ["particles", "particles-2", "few", "uniform"]


def test_a_method_by_import_path_is_called_by_its_class(tmp_path: Path) -> None:
    text = changed("[fixed, uniform, {method: particles, count: 128}]", '["sim2real.randomizers.uniform:Uniform"]')
    assert [entry.label for entry in load(tmp_path, text).methods] == ["Uniform"]


def test_an_environment_by_its_full_id_has_a_label_for_folders(tmp_path: Path) -> None:
    text = changed("id: PandaPush-v0", 'id: "sim2real_envs:sim2real/PandaPush-v0"')
    assert load(tmp_path, text).env.label == "sim2real_envs_sim2real_PandaPush-v0"


# -- Overrides ---------------------------------------------------------------------------------------------------


def test_overrides_reach_every_kind_of_place(tmp_path: Path) -> None:
    spec = load(
        tmp_path,
        TRAIN,
        "agent.round_steps=20000",
        "parameters.object.friction.low=0.1",
        "parameters.joint.damping={low: 0.1, high: 1}",
        "parameters.object.mass.low=0.1",
        "parameters.object.mass.high=5e-1",
        "targets.slippery.domain.object.friction=0.2",
        "targets.slippery.domain.joint.damping=1",
        "methods.2.count=64",
        "episodes.final=10",
        "env.horizon=40",
        seed=7,
    )
    assert spec.agent.round_steps == 20_000
    assert spec.parameters["object.friction"].low == 0.1
    assert spec.parameters["joint.damping"].high == 1.0
    assert spec.parameters["object.mass"].high == 0.5
    assert spec.methods[2].options == {"count": 64}
    assert spec.episodes.final == 10
    assert spec.env.options["horizon"] == 40
    assert spec.seeds == (7,)
    target = spec.targets["slippery"]
    assert target.type == "hidden"
    assert target.domain == {"object.friction": 0.2, "actuator.delay": 0.1, "joint.damping": 1.0}


def test_overrides_from_python_are_a_mapping_with_the_same_keys(tmp_path: Path) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(TRAIN)
    spec = load_spec(file, {"agent.round_steps": np.int64(500), "seeds": (1, 2), "methods": ["fixed"]})
    assert (spec.agent.round_steps, spec.seeds, len(spec.methods)) == (500, (1, 2), 1)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("agent.round_stpes=5", "agent.round_stpes: 'round_stpes' is not a key here. Did you mean 'round_steps'?"),
        ("agnet.round_steps=5", "agnet: 'agnet' is not a key here. Did you mean 'agent'?"),
        ("parameters.object.frcition.low=0.1", "parameters.object.frcition: 'object.frcition' is not a parameter of"),
        ("rounds", "--set rounds: must be key=value, such as --set agent.round_steps=20000"),
        ("=3", "--set =3: must be key=value"),
        ("rounds=[", "--set rounds=[: line 1, column 2: not valid YAML"),
        ("rounds=!!python/name:os.system x", "--set rounds=!!python/name:os.system x: line 1, column 1: the tag"),
        ("name.x=3", "--set name.x: name is 'quickstart' (text) and has no keys"),
        ("methods.7=fixed", "--set methods.7: '7' is not an item of methods; items are 0 to 2"),
        ("methods.x=fixed", "--set methods.x: 'x' is not an item of methods; items are 0 to 2"),
        ("agent.round_steps=1e5", "agent.round_steps: must be a whole number, but got 100000.0; write 100000"),
        ("rounds=", "rounds: must be a whole number, but got nothing"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, override: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(tmp_path, TRAIN, override))


def test_an_override_has_no_line_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, TRAIN, "parameters.object.friction={low: 9, high: x}")
    assert all(problem.startswith("parameters.object.friction") for problem in caught.value.problems)


def test_values_that_no_file_can_hold_are_refused(tmp_path: Path) -> None:
    for value in (object(), 10**400, {"a": {1, 2}}):
        with pytest.raises(SpecError):
            plain(value)
    with pytest.raises(SpecError, match="not something an experiment file can hold"):
        spec_from({"name": b"x"})


def test_differences_are_named_by_their_dotted_keys(tmp_path: Path) -> None:
    spec = load(tmp_path, TRAIN)
    assert spec.diff(load(tmp_path, TRAIN)) == ()
    other = load(tmp_path, TRAIN, "rounds=2", "targets.slippery.domain.object.friction=0.2", "methods=[fixed]", seed=1)
    assert spec.diff(other) == ("seeds", "methods", "targets.slippery.domain.object.friction", "rounds")
    more = load(tmp_path, TRAIN, "env.horizon=40")
    assert spec.diff(more) == more.diff(spec) == ("env.horizon",)


# -- Mistakes ----------------------------------------------------------------------------------------------------


def test_all_mistakes_are_listed_at_once_with_place_value_and_what_is_allowed(tmp_path: Path) -> None:
    text = """\
name: quick start
kind: trian
seeds: [0, 0, -1, true, 1.5]
seeds: [1]
env: {id: PandaPush-v0, observaton: state, substeps: 1}
parameters:
  object.frcition: {low: 0.05, high: 1.0}
  actuator.delay: {low: .nan, high: 9, mid: 1}
  object.friction: {low: 3, high: abc}
  joint.damping: {low: 3, high: 1}
methods: [fixed, unifrom, fixed, {method: uniform, cout: 3}, 5, {count: 3}, "a.b:C"]
agent: {algorithm: PP0, preset: pus, warmup_steps: -4, round_step: 5}
targets:
  sl ip: {type: hidden, domain: {object.friction: 99, foo: 1, actuator.delay: yes}, log: sensor}
  b: {type: robot}
  c: {type: hiden}
  d: {domian: 3}
  e: 4
  f: {type: recording, data: cube_tos, fit: 0}
  g: {type: hidden, domain: *x, real_per_round: 3}
rounds: -1
episodes: {real_per_round: 1.5, final: 0}
extra: !!python/name:os.system x
"""
    with pytest.raises(SpecError) as caught:
        load(tmp_path, text)
    found = "\n".join(caught.value.problems)
    for expected in (
        "line 4, column 1: the key 'seeds' occurs twice; the first is on line 3",
        "line 20, column 29: the alias '*x' is not allowed",
        "line 23, column 8: the tag '!!python/name:os.system' is not allowed",
        "line 1, name: must begin with a letter or digit",
        "line 2, kind: must be one of train, identify, but got 'trian' (text). Did you mean 'train'?",
        "line 3, seeds.1: must differ from all others, but is the same as seeds.0",
        "line 3, seeds.2: must be at least 0, but got -1",
        "line 3, seeds.3: must be a whole number, but got true",
        "line 3, seeds.4: must be a whole number, but got 1.5",
        "line 5, env.observaton: 'observaton' is not an option of PandaPush-v0. Did you mean 'observation'?",
        "line 5, env.substeps: `substeps` must be a whole number",
        "line 7, parameters.object.frcition: 'object.frcition' is not a parameter of PandaPush-v0. "
        "Did you mean 'object.friction'? Available: ",
        "line 8, parameters.actuator.delay.low: must be a finite number, but got nan",
        "line 8, parameters.actuator.delay.mid: 'mid' is not a key here. Available: low, high.",
        "line 8, parameters.actuator.delay.high: 'actuator.delay' must lie within its limits",
        "line 9, parameters.object.friction.high: must be a number, but got 'abc' (text)",
        "line 9, parameters.object.friction.low: 'object.friction' must lie within its limits",
        "line 10, parameters.joint.damping: `low <= high` must hold, but got (low=3, high=1)",
        "line 11, methods.1: 'unifrom' is not a method, nor an import path 'package.module:Class'. Did you mean",
        "line 11, methods.2: must differ from all others, but is the same as methods.0",
        "line 11, methods.4: must be a mapping, but got 5",
        "line 11, methods.5.method: is missing",
        "line 11, methods.6: 'a.b:C' is not a method: No module named 'a'",
        "line 12, agent.algorithm: must be one of PPO, SAC, DAgger, but got 'PP0' (text). Did you mean 'PPO'?",
        "line 12, agent.warmup_steps: must be at least 1, but got -4",
        "line 12, agent.round_step: 'round_step' is not a key here. Did you mean 'round_steps'?",
        "line 14, targets.sl ip: must begin with a letter or digit",
        "line 14, targets.sl ip.domain.actuator.delay: must be a number, but got 'yes' (text)",
        "line 14, targets.sl ip.domain.object.friction: 'object.friction' must lie within its limits",
        "line 14, targets.sl ip.domain.foo: 'foo' is not a parameter of PandaPush-v0.",
        "line 14, targets.sl ip.log: must be one of sensors, outcomes, but got 'sensor' (text)",
        "line 15, targets.b.robot: is missing",
        "line 16, targets.c.type: must be one of hidden, mujoco, preset, robot, recording, but got 'hiden' (text).",
        "line 17, targets.d.type: is missing",
        "line 18, targets.e: must be a mapping, but got 4",
        "line 19, targets.f.type: 'recording' needs `kind: identify`, but kind is train",
        "line 19, targets.f.fit: must be at least 1, but got 0",
        "line 20, targets.g.real_per_round: 'real_per_round' is not a key here. Available: type, domain, log.",
        "line 21, rounds: must be at least 0, but got -1",
        "line 22, episodes.real_per_round: must be a whole number, but got 1.5",
        "line 22, episodes.final: must be at least 1, but got 0",
        "line 23, extra: 'extra' is not a key here. Available: name, kind, seeds, env, parameters, methods, agent,",
    ):
        assert expected in found
    assert "targets.g.domain" not in found, "the value behind an alias is unknown, so nothing is said of it"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("PandaPush-v0", "PandaPsh-v0", "env.id: 'PandaPsh-v0' is not an environment. Did you mean 'PandaPush-v0'?"),
        ("PandaPush-v0", "CartPole-v1", "env.id: 'CartPole-v1' is not an environment."),
        ("PandaPush-v0", "'nowhere:X-v0'", "env.id: 'nowhere:X-v0' cannot be made with no options: No module named"),
        (
            "PandaPush-v0",
            "'gymnasium.envs:CartPole-v1'",
            "env.id: 'gymnasium.envs:CartPole-v1' has no `parameter_space`",
        ),
        ("PandaPush-v0", "cube_toss", "env.id: 'cube_toss' needs `kind: identify`, but kind is train"),
        ("PandaPush-v0", "3", "env.id: must be text, but got 3"),
        ("control: ee_delta", "control: ee_delt", "env.control: "),
        ("id: PandaPush-v0, ", "", "env.id: is missing"),
        ("env: {", "enf: {", "env: is missing"),
        ("high: 1.0", "high: 1.0e400", "parameters.object.friction.high: must be a finite number, but got inf"),
        ("high: 1.0", "high: true", "parameters.object.friction.high: must be a number, but got true"),
        ("high: 1.0", "high: '1'", "parameters.object.friction.high: must be a number, but got '1' (text)"),
        ("{low: 0.05, high: 1.0}", "[0.05, 1.0]", "parameters.object.friction: must be a mapping, but got a list"),
        (", high: 1.0", "", "parameters.object.friction.high: is missing"),
        ("methods: [", "methods: []\nold: [", "methods: must not be empty"),
        ("methods: [", "methods: fixed\nold: [", "methods: must be a list, but got 'fixed' (text)"),
        ("fixed, uniform", "fixed, fixed", "methods.1: must differ from all others, but is the same as methods.0"),
        ("fixed, uniform", "'..:x', uniform", "methods.0: '..:x' is not an import path 'package.module:Class'."),
        ("fixed, uniform", "'json:loads', uniform", "methods.0: 'json:loads' must name a subclass of"),
        ("count: 128", "cuont: 128", "methods.2.cuont: 'cuont' is not an option of 'particles'. Did you mean 'count'?"),
        ("count: 128", "count: lots", "methods.2.count: 'count' must be a whole number"),
        ("preset: push", "preset: puhs", "agent.preset: 'puhs' is not a preset of PPO. Did you mean 'push'?"),
        ("type: hidden", "type: preset", "targets.slippery.preset: is missing"),
        ("type: hidden", "type: preset, preset: wron", "targets.slippery.preset: must be one of fresh, worn, hostile"),
        (
            "{type: hidden, domain: {object.friction: 0.08",
            "{type: mujoco, domain: {object.restitution: 0.08",
            "targets.slippery.domain.object.restitution: 'object.restitution' is not a parameter",
        ),
        (
            "type: hidden, ",
            "type: [], ",
            "targets.slippery.type: must be one of hidden, mujoco, preset, robot, recording, but got an empty list",
        ),
        ("targets:", "targets: {}\nold:", "targets: must not be empty"),
        (
            "friction: 0.08",
            "frction: 0.08",
            "targets.slippery.domain.object.frction: 'object.frction' is not a parameter",
        ),
        ("0.08", "-1", "targets.slippery.domain.object.friction: 'object.friction' must lie within its limits"),
        ("name: quickstart", "name: ../x", "name: must begin with a letter or digit"),
        ("name: quickstart", f"name: {'x' * 65}", "name: must begin with a letter or digit"),
        ("targets:", "episodes: {real_per_round: 0}\ntargets:", "episodes.real_per_round: must be at least 1, because"),
        ("parameters:", "workers: 0\nparameters:", "workers: must be at least 1, but got 0"),
        ("parameters:", "seeds: [4294967296]\nparameters:", "seeds.0: must be at most 4294967295, but got 4294967296"),
        ("parameters:", "seeds: []\nparameters:", "seeds: must not be empty"),
    ],
)
def test_a_mistake_in_a_training_experiment_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(tmp_path, changed(old, new))), problem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("methods:", "episodes: {real_per_round: 5}\nmethods:", "episodes.real_per_round: does not go with"),
        ("methods:", "agent: {algorithm: PPO}\nmethods:", "agent.algorithm: does not go with `kind: identify`"),
        ("methods:", "rounds: 1\nmethods:", "rounds: does not go with `kind: identify`"),
        ("fit: 30", "fit: 30, real_per_round: 5", "targets.tosses.real_per_round: 'real_per_round' is not a key here."),
        ("data: cube_toss", "data: cube_tos", "targets.tosses.data: 'cube_tos' is not a data set. Did you mean"),
        (
            "type: recording, data: cube_toss, fit: 30, split_seed: 0",
            "type: hidden, domain: {}",
            "targets.tosses.type: ",
        ),
        ("[particles]", "[oracle]", "methods.0: 'oracle' trains on the truth, which a recording does not have"),
        ("id: cube_toss", "id: PandaPush-v0", "env.id: 'PandaPush-v0' needs `kind: train`, but kind is identify"),
        ("id: cube_toss", "id: cube_tos", "env.id: 'cube_tos' is not a rig. Did you mean 'cube_toss'?"),
        ("id: cube_toss", "id: cube_toss, observation: state", "env.observation: "),
        ("  object.friction: {low: 0.05, high: 1.0}\n", "", "parameters: "),
        ("object.friction:", "actuator.delay:", "parameters.actuator.delay: 'actuator.delay' is not a parameter of"),
    ],
)
def test_a_mistake_in_an_identify_experiment_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(tmp_path, changed(old, new, IDENTIFY))), problem


def test_names_of_methods_must_differ(tmp_path: Path) -> None:
    methods = "[{method: fixed, name: a}, {method: uniform, name: a}]"
    text = changed("[fixed, uniform, {method: particles, count: 128}]", methods)
    assert problems(tmp_path, text) == ["methods: names of methods must differ, but 'a' occurs more than once"]


def test_folders_of_pieces_must_differ(tmp_path: Path) -> None:
    text = changed("slippery:", "a-b: {type: hidden, domain: {}}\n  a:")
    text = text.replace("[fixed, uniform, {", "[{method: fixed, name: b-c}, {method: uniform, name: c}, {")
    assert problems(tmp_path, text) == ["target and method together must differ, but 'a-b-c' occurs more than once"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "3\n", "text\n"])
def test_a_file_without_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert "must be a mapping with the keys name, kind, seeds, env" in problem


def test_a_message_is_short_however_long_the_value(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, changed("algorithm: PPO", f"algorithm: {'x' * 5000}"))
    assert len(problem) < 300


# -- Any file at all ---------------------------------------------------------------------------------------------

JUNK: Any = st.sampled_from(
    [None, True, -1, 0, 3, 1.5, float("nan"), float("inf"), 2**62, "", "x", "../x", [], [[]], {}, {"": {}}]
)
NESTED: Any = st.recursive(
    JUNK,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["low", "type", "domain", "x"]), inner),
)


def places(node: object, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs: list[tuple[Any, object]] = []
    if isinstance(node, dict):
        pairs = list(node.items())
    elif isinstance(node, list):
        pairs = list(enumerate(node))
    return [place] + [found for key, entry in pairs for found in places(entry, (*place, key))]


@given(st.data(), st.booleans())
def test_any_value_in_any_place_gives_a_spec_or_a_spec_error(data: st.DataObject, training: bool) -> None:
    good = TRAIN_DATA if training else IDENTIFY_DATA
    mutant = {"root": copy.deepcopy(good)}
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(places(mutant)[1:]))
        node: Any = mutant
        for step in way:
            node = node[step]
        node[last] = data.draw(NESTED)
    root = mutant["root"]
    if not isinstance(root, dict):
        return
    try:
        spec = spec_from(root)
    except SpecError:
        return
    assert spec_from(spec.to_dict()) == spec


@given(NESTED)
def test_any_mapping_gives_a_spec_error(value: object) -> None:
    with pytest.raises(SpecError):
        spec_from({"name": value, "env": value, "methods": value, "targets": value, "parameters": value})


@given(st.text(alphabet="abelmnprstoyug._=0123[]{}:, ", max_size=30))
def test_any_override_gives_a_spec_or_a_spec_error(text: str) -> None:
    with contextlib.suppress(SpecError):
        spec_from(TRAIN_DATA, [text])


# -- Schema ------------------------------------------------------------------------------------------------------


def test_the_schema_describes_every_section_and_is_json() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert set(schema["properties"]) == set(ExperimentSpec.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "env", "methods", "targets"]
    assert {"HiddenTarget", "RecordingTarget", "AgentSpec", "RangeSpec"} <= set(schema["$defs"])


def test_the_shipped_experiments_fit_their_schema_and_read_without_a_problem() -> None:
    import jsonschema

    from sim2real.experiment.strict_yaml import read_document

    files = sorted(Path(__file__).parents[3].glob("experiments/*.yaml"))
    assert files
    for file in files:
        jsonschema.validate(read_document(file).value, json_schema())
        assert load_spec(file).name


TRAIN_DATA = {
    "name": "quickstart",
    "env": {"id": "PandaPush-v0", "observation": "state"},
    "parameters": {"object.friction": {"low": 0.05, "high": 1.0}, "actuator.delay": {"low": 0.0, "high": 0.15}},
    "methods": ["fixed", {"method": "particles", "count": 128}],
    "agent": {"algorithm": "PPO", "preset": "push"},
    "targets": {"slippery": {"type": "hidden", "domain": {"object.friction": 0.08}, "log": "sensors"}},
    "rounds": 1,
    "episodes": {"real_per_round": 15},
}
IDENTIFY_DATA = {
    "name": "cube_toss",
    "kind": "identify",
    "env": {"id": "cube_toss"},
    "parameters": {"object.friction": {"low": 0.05, "high": 1.0}},
    "methods": ["particles"],
    "targets": {"tosses": {"type": "recording", "data": "cube_toss", "fit": 30}},
}


# -- Robots ------------------------------------------------------------------------------------------------------

ROBOT = Path(__file__).parents[3] / "experiments" / "fake_robot.yaml"


def test_a_mapping_is_read_from_beside_the_experiment_and_written_out() -> None:
    spec = load_spec(ROBOT)
    mapping = spec.to_dict()["targets"]["bench"]["mapping"]  # type: ignore[index,call-overload]
    assert mapping["arm"] == "Panda"  # type: ignore[index,call-overload]
    assert spec_from(spec.to_dict()).to_yaml() == spec.to_yaml()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("targets.bench.mapping=nope.yaml", "nope.yaml: there is no file"),
        (
            "targets.bench.robot=x",
            "targets.bench.robot: must be an import path such as my_lab.arm:make_robot, but got 'x'",
        ),
        ("targets.bench.success=tusk", "targets.bench.success: must be an import path"),
        ("targets.bench.rate=0", "targets.bench.rate: must be greater than 0, but got 0"),
        ("methods=[oracle]", "'oracle' trains on the truth, which the robot of targets.bench does not tell"),
    ],
)
def test_a_mistake_in_a_robot_is_named(change: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(ROBOT, [change])
    assert said in str(caught.value)


def test_a_limit_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    text = ROBOT.read_text().replace("joint_speed", "joint_sped").replace("robots/", f"{ROBOT.parent}/robots/")
    (tmp_path / "robot.yaml").write_text(text)
    with pytest.raises(SpecError, match=r"'joint_sped' is not a safety limit\. Did you mean 'joint_speed'"):
        load_spec(tmp_path / "robot.yaml")
