"""The experiment file as frozen values: what one experiment is, completed with defaults.

``load_spec`` reads a file and raises one ``SpecError`` with every mistake in
it. The models here hold structure and types; what only an environment, a
randomizer or a data set can know is checked in ``checks``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from sim2real.errors import SpecError
from sim2real.experiment import catalogue
from sim2real.experiment.checks import TRAINING_KEYS, meaning_problems
from sim2real.experiment.overrides import override, parse_overrides, plain
from sim2real.experiment.parameter_presets import KEY, SCHEMA, without_preset, written_out
from sim2real.experiment.problems import Problem, line_of, shown, structure_problems
from sim2real.experiment.sections import Name, Number, Section, Seed
from sim2real.experiment.strict_yaml import Document, Place, Value, dump, read_document
from sim2real.experiment.target_specs import SECTIONS, RecordingTarget, TargetSpec, with_mappings
from sim2real_envs.parameters import ParameterSpace

Overrides: TypeAlias = Iterable[str] | Mapping[str, object]


class EnvSpec(Section):
    """The simulated environment or, to identify, the rig; every further key is one of its options."""

    model_config = ConfigDict(extra="allow")

    id: Annotated[str, Field(min_length=1, description="Such as PandaPush-v0, or cube_toss for kind: identify.")]

    @property
    def options(self) -> dict[str, Value]:
        """Constructor options, such as ``observation`` and ``control``."""
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """The id with only characters that a folder name may have."""
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.id)


class RangeSpec(Section):
    """How far an uncertain parameter may be off [SI unit of the parameter]."""

    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"`low <= high` must hold, but got (low={self.low:g}, high={self.high:g})")
        return self


class MethodSpec(Section):
    """A randomizer by name or import path; every further key is one of its options."""

    model_config = ConfigDict(extra="allow")

    method: Annotated[str, Field(min_length=1, description="fixed, uniform, particles, … or package.module:Class.")]
    name: Annotated[Name | None, Field(description="What results call it; unique in an experiment.")] = None

    @property
    def options(self) -> dict[str, Value]:
        """What the randomizer is created with."""
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """What folders, tables and figures call this entry; unique in an experiment."""
        return self.name or self.method.rpartition(":")[2]


class AgentSpec(Section):
    """How policies are trained."""

    algorithm: Annotated[
        Literal["PPO", "SAC", "DAgger"], Field(description="DAgger imitates the scripted expert of the environment.")
    ] = "PPO"
    preset: Annotated[str, Field(min_length=1, description="Hyper-parameters that ship with the toolkit.")] = "push"
    policy: Annotated[
        Literal["mlp", "asymmetric", "recurrent"],
        Field(
            description="What it remembers: nothing; the last observations and actions, with a critic that knows the "
            "domain; or what an LSTM keeps (PPO only)."
        ),
    ] = "mlp"
    history: Annotated[int, Field(ge=1, le=64, description="Observations and actions of an asymmetric policy.")] = 4
    warmup_steps: Annotated[int, Field(ge=1, description="Env steps at nominal parameters, shared by all methods.")] = (
        150_000
    )
    round_steps: Annotated[int, Field(ge=1, description="Env steps of training in each round.")] = 100_000


class EpisodesSpec(Section):
    """How many episodes are run."""

    real_per_round: Annotated[int, Field(ge=0, description="On the target, before each update.")] = 15
    simulated_per_round: Annotated[int, Field(ge=0, description="Under the randomizer, to compare with.")] = 50
    watched_per_round: Annotated[
        int, Field(ge=0, description="On the target before each update, for the curve of success; no method sees them.")
    ] = 0
    final: Annotated[int, Field(ge=1, description="Of the last evaluation, on one list of starts for all.")] = 100


def _method_entry(value: object) -> object:
    return {"method": value} if isinstance(value, str) else value


MethodEntry: TypeAlias = Annotated[MethodSpec, BeforeValidator(_method_entry, json_schema_input_type=str | MethodSpec)]


class ExperimentSpec(Section):
    """One experiment, completed with defaults.

    An experiment of ``kind: identify`` has no agent, rounds or episodes; those
    fields then hold defaults that nothing reads.
    """

    name: Annotated[Name, Field(description="Names the folder below the output folder.")]
    kind: Literal["train", "identify"] = "train"
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)] = (0,)
    env: EnvSpec
    parameters: Annotated[
        Mapping[str, RangeSpec],
        Field(
            description="What is uncertain, and how far.",
            default_factory=dict,
            json_schema_extra={"properties": {KEY: SCHEMA}},
        ),
    ]
    methods: Annotated[tuple[MethodEntry, ...], Field(strict=False, min_length=1)]
    agent: AgentSpec = AgentSpec()
    targets: Annotated[Mapping[Name, TargetSpec], Field(min_length=1)]
    rounds: Annotated[int, Field(ge=0, description="0 is plain training.")] = 1
    episodes: EpisodesSpec = EpisodesSpec()
    workers: Annotated[int, Field(ge=1, le=256, description="Processes that simulate.")] = 2

    @field_validator("seeds")
    @classmethod
    def _unique_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice:
            raise ValueError(f"seeds must differ, but {', '.join(map(str, twice))} occurs more than once")
        return seeds

    @field_validator("methods")
    @classmethod
    def _unique_methods(cls, methods: tuple[MethodSpec, ...]) -> tuple[MethodSpec, ...]:
        for index, entry in enumerate(methods):
            if entry in methods[:index]:
                raise ValueError(f"methods must differ, but {entry.label!r} occurs more than once")
        return _labelled(methods)

    @model_validator(mode="after")
    def _unique_folders(self) -> Self:
        folders = [f"{target}-{entry.label}" for target in self.targets for entry in self.methods]
        for folder in folders:
            if folders.count(folder) > 1:
                raise ValueError(f"target and method together must differ, but {folder!r} occurs more than once")
        return self

    def space(self) -> ParameterSpace:
        """Return the uncertain parameters with the ranges of this experiment, in the order of the file."""
        whole = catalogue.parameter_space(self.kind, self.env.id, self.env.options)
        ranges = {name: (entry.low, entry.high) for name, entry in self.parameters.items()}
        return whole.subset(ranges).with_ranges(ranges)

    def to_dict(self) -> dict[str, Value]:
        """Return the completed experiment as plain data that ``spec_from`` reads back."""
        data: dict[str, Value] = self.model_dump(mode="json")
        if self.agent.policy != "asymmetric":
            del data["agent"]["history"]  # type: ignore[union-attr, arg-type]
        data["methods"] = [_plain_method(entry) for entry in self.methods]
        if self.kind == "identify":
            for key in TRAINING_KEYS:
                del data[key]
        return data

    def to_yaml(self) -> str:
        """Return the completed experiment as an experiment file."""
        return dump(self.to_dict())

    def diff(self, other: ExperimentSpec) -> tuple[str, ...]:
        """Return the dotted keys in which two completed experiments differ, in the order of the file.

        Order matters where columns and pieces follow it: if nothing else differs, ``"order of keys"`` is returned.
        """
        mine, theirs = _flat(self.to_dict()), _flat(other.to_dict())
        missing = object()
        keys = [key for key in {**mine, **theirs} if mine.get(key, missing) != theirs.get(key, missing)]
        return tuple(keys) or (("order of keys",) if self.to_yaml() != other.to_yaml() else ())


def load_spec(path: str | Path, overrides: Overrides = (), seed: int | None = None) -> ExperimentSpec:
    """Read an experiment file.

    Args:
        path: The file.
        overrides: ``"key=value"`` with a dotted key, or a mapping of dotted keys to values.
        seed: Replaces ``seeds``.

    Raises:
        SpecError: With every problem of the file, each with its place, its value and what is allowed.
    """
    return _checked(read_document(Path(path)), str(path), overrides, seed)


def spec_from(
    data: Mapping[str, object], overrides: Overrides = (), seed: int | None = None, *, source: str = "experiment"
) -> ExperimentSpec:
    """Return the experiment that plain data describes, checked like a file.

    Raises:
        SpecError: With every problem.
    """
    return _checked(Document(plain(data), (), {}, frozenset()), source, overrides, seed)


def json_schema() -> dict[str, object]:
    """Return the JSON schema of an experiment file, for editors and other programs."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ExperimentSpec.model_json_schema()}


def _checked(document: Document, source: str, overrides: Overrides, seed: int | None) -> ExperimentSpec:
    if not isinstance(document.value, dict):
        what = "is empty" if document.value is None else f"holds {shown(document.value)}"
        law = f"the file {what}, but must be a mapping with the keys {', '.join(ExperimentSpec.model_fields)}"
        raise SpecError([*document.problems, law], source)
    data, lines, sentences = _overridden(document, document.value, overrides, seed)
    data, presets = written_out(data)
    data, mappings = with_mappings(data, Path(source).parent)
    spec, structure = _structure(without_preset(data))
    one_each = {problem.place: problem for problem in (*structure, *meaning_problems(data), *presets, *mappings)}
    problems = [problem for place, problem in one_each.items() if not _below(place, document.unread)]
    problems.sort(key=lambda problem: line_of(problem.place, lines) or 0)
    sentences = [*document.problems, *sentences, *(problem.sentence(lines) for problem in problems)]
    if sentences or spec is None:
        raise SpecError(tuple(dict.fromkeys(sentences)), source)
    return spec


def _overridden(
    document: Document, data: dict[str, Value], overrides: Overrides, seed: int | None
) -> tuple[dict[str, Value], Mapping[Place, int | None], list[str]]:
    """Return the data with overrides, the lines (None for what was overridden), and what went wrong."""
    pairs, sentences = parse_overrides(overrides)
    if seed is not None:
        pairs.append(("seeds", [seed]))
    lines: dict[Place, int | None] = dict(document.lines)
    for key, value in pairs:
        data, changed = override(data, key, value)
        if isinstance(changed, Problem):
            sentences.append(changed.text)
        else:
            lines = {place: line for place, line in lines.items() if not _below(place, {changed})} | {changed: None}
    return data, lines, sentences


def _structure(data: dict[str, Value]) -> tuple[ExperimentSpec | None, list[Problem]]:
    try:
        return ExperimentSpec.model_validate(data), []
    except ValidationError as error:
        return None, structure_problems(error, data, lambda place: _allowed_keys(data, place))


def _allowed_keys(data: dict[str, Value], place: Place) -> tuple[str, ...]:
    section: type[Section] = ExperimentSpec
    if place[:1] == ("targets",):
        targets = data["targets"]
        target = targets[str(place[1])] if isinstance(targets, dict) else None
        named = target.get("type") if isinstance(target, dict) else None
        section = SECTIONS.get(str(named), RecordingTarget)
    elif place:
        sections: dict[str, type[Section]] = {"agent": AgentSpec, "episodes": EpisodesSpec, "parameters": RangeSpec}
        section = sections[str(place[0])]
    return tuple(section.model_fields)


def _below(place: Place, tops: Iterable[Place]) -> bool:
    return any(place[: len(top)] == top for top in tops)


def _labelled(methods: tuple[MethodSpec, ...]) -> tuple[MethodSpec, ...]:
    taken = [entry.name for entry in methods if entry.name is not None]
    for name in taken:
        if taken.count(name) > 1:
            raise ValueError(f"names of methods must differ, but {name!r} occurs more than once")
    labelled = []
    for entry in methods:
        if entry.name is None:
            name = next(name for name in _candidates(entry.label) if name not in taken)
            taken.append(name)
            entry = entry if name == entry.label else entry.model_copy(update={"name": name})
        labelled.append(entry)
    return tuple(labelled)


def _candidates(label: str) -> Iterator[str]:
    yield label
    yield from (f"{label}-{number}" for number in itertools.count(2))


def _plain_method(entry: MethodSpec) -> Value:
    name: dict[str, Value] = {} if entry.name is None else {"name": entry.name}
    return {"method": entry.method, **name, **entry.options} if name or entry.options else entry.method


def _flat(value: Value, key: str = "") -> dict[str, Value]:
    """Return the leaves of plain data by dotted key; an empty mapping is a leaf."""
    if isinstance(value, dict) and value:
        pairs = [(f"{key}.{name}" if key else name, entry) for name, entry in value.items()]
        return {leaf: found for name, entry in pairs for leaf, found in _flat(entry, name).items()}
    return {key: value}
