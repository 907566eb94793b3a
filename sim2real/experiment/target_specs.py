"""The targets of an experiment file: one section for each ``type``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sim2real.errors import SpecError
from sim2real.experiment.problems import Problem
from sim2real.experiment.sections import Number, Section, Seed
from sim2real.experiment.strict_yaml import Value, read_document
from sim2real.robots.limits import safety_limits
from sim2real.robots.mapping import RobotMapping
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.flaws import preset
from sim2real_envs.parameters import ParameterSpace

Log: TypeAlias = Literal["sensors", "outcomes"]
_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_LOG = Field(description="What its episodes contain.")


def world_options_of(entry: Mapping[str, Value]) -> dict[str, Value]:
    """Return how the environment of a simulated target is made otherwise than the training simulator's."""
    if entry.get("type") == "mujoco":
        return {"backend": "mujoco"}
    return {"flaws": entry.get("preset")} if entry.get("type") == "preset" else {}


class HiddenTarget(Section):
    """A pseudo-real robot: a simulator with a domain that neither agent nor randomizer sees."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["hidden"]
    domain: Annotated[Mapping[str, Number], Field(description="Where it differs from nominal.")]
    log: Annotated[Log, _LOG] = "sensors"

    @property
    def world_options(self) -> dict[str, Value]:
        """How its environment is made otherwise than the training simulator's."""
        return {}

    def truth(self, space: ParameterSpace) -> dict[str, float]:
        """Return where it differs from nominal in its own ``space``."""
        return dict(self.domain)


class MujocoTarget(Section):
    """A pseudo-real robot in another physics engine."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["mujoco"]
    domain: Annotated[
        Mapping[str, Number], Field(description="Where it differs from nominal, too.", default_factory=dict)
    ]
    log: Annotated[Log, _LOG] = "sensors"

    @property
    def world_options(self) -> dict[str, Value]:
        """How its environment is made otherwise than the training simulator's."""
        return world_options_of({"type": self.type})

    def truth(self, space: ParameterSpace) -> dict[str, float]:
        """Return where it differs from nominal in its own ``space``."""
        return dict(self.domain)


class PresetTarget(Section):
    """A pseudo-real robot with flaws that the training simulator cannot express."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["preset"]
    preset: Annotated[Literal["fresh", "worn", "hostile"], Field(description="How bad it is.")]
    domain: Annotated[Mapping[str, Number], Field(description="What replaces its numbers.", default_factory=dict)]
    log: Annotated[Log, _LOG] = "sensors"

    @property
    def world_options(self) -> dict[str, Value]:
        """How its environment is made otherwise than the training simulator's."""
        return world_options_of({"type": self.type, "preset": self.preset})

    def truth(self, space: ParameterSpace) -> dict[str, float]:
        """Return where it differs from nominal in its own ``space``."""
        return preset(self.preset).domain_in(space) | dict(self.domain)


def _import_path(value: str) -> str:
    if not _IMPORT_PATH.fullmatch(value):
        raise ValueError(f"must be an import path such as my_lab.arm:make_robot, but got {value!r}")
    return value


def _task_or_path(value: str) -> str:
    return value if value == "task" else _import_path(value)


ImportPath: TypeAlias = Annotated[str, AfterValidator(_import_path)]


def with_mappings(data: dict[str, Value], folder: Path) -> tuple[dict[str, Value], list[Problem]]:
    """Return an experiment in which mappings of robots that are named by a path have been read, and what went wrong.

    Args:
        data: The experiment.
        folder: What paths are relative to.
    """
    targets, problems = data.get("targets"), list[Problem]()
    if not isinstance(targets, dict):
        return data, problems
    written = dict(targets)
    for name, entry in targets.items():
        if isinstance(entry, dict) and isinstance(entry.get("mapping"), str):
            path = folder / str(entry["mapping"])
            try:
                document = read_document(path)
                wrong = document.problems
                written[name] = {**entry, "mapping": document.value}
            except SpecError as error:
                wrong = error.problems
                written[name] = {**entry, "mapping": {}}
            problems += [Problem(("targets", name, "mapping"), f"{path}: {problem}") for problem in wrong]
    return {**data, "targets": written}, problems


def _read_before(value: object) -> object:
    """A path was replaced by what it names, in ``with_mappings``; the schema of the file allows both."""
    return value


def _right_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        RobotMapping.from_dict(value)
    except SpecError as error:
        raise ValueError("; ".join(error.problems)) from error
    return value


class RobotTarget(Section):
    """Somebody's robot, by its import path and a mapping of its keys and units."""

    experiment_kind: ClassVar[str] = "train"

    type: Literal["robot"]
    robot: Annotated[ImportPath, Field(description="What makes it, such as my_lab.arm:make_robot.")]
    mapping: Annotated[
        Mapping[str, Any],
        BeforeValidator(_read_before, json_schema_input_type=str | dict[str, Any]),
        AfterValidator(_right_mapping),
        Field(description="Its keys, their order, units and limits; or the path of a file with them, beside this one."),
    ]
    options: Annotated[Mapping[str, Any], Field(description="What it is made with.", default_factory=dict)]
    rate: Annotated[float, Field(gt=0.0, description="Control periods per second.")] = 1.0 / CONTROL_PERIOD
    horizon: Annotated[int | None, Field(ge=1, description="Steps of an episode; by default the task's.")] = None
    safety: Annotated[Mapping[str, Any], Field(description="Limits between policy and robot.", default_factory=dict)]
    reset: Annotated[ImportPath | None, Field(description="Brings it to a start.")] = None
    success: Annotated[
        Annotated[str, AfterValidator(_task_or_path)] | None,
        Field(description="Says whether an episode has succeeded: task, or an import path."),
    ] = "task"
    verdict: Annotated[ImportPath | None, Field(description="Asked once, at the end.")] = None
    release: Annotated[ImportPath | None, Field(description="Asked who lets it go on after a stop.")] = None
    log: Annotated[Log, _LOG] = "sensors"

    @model_validator(mode="after")
    def _right_limits(self) -> Self:
        try:
            safety_limits(RobotMapping.from_dict(self.mapping), self.safety, 1.0 / self.rate)
        except SpecError as error:
            raise ValueError("; ".join(error.problems)) from error
        return self

    @property
    def world_options(self) -> dict[str, Value]:
        """A robot has no environment that is made."""
        return {}


class RecordingTarget(Section):
    """Recordings of a real system, replayed open loop; there is no policy."""

    experiment_kind: ClassVar[str] = "identify"

    type: Literal["recording"]
    data: Annotated[str, Field(min_length=1, description="A data set, such as cube_toss, or the path of a log.")]
    fit: Annotated[int, Field(ge=1, description="Recordings to learn from; the others are predicted.")] = 30
    split_seed: Seed = 0
    held_out: Annotated[
        int | None,
        Field(ge=1, description="Recordings to predict, the same ones for every `fit`; by default all left."),
    ] = None
    groups: Annotated[
        tuple[str, ...] | None,
        Field(strict=False, min_length=1, description="Names of groups to learn from, instead of `fit` drawn ones."),
    ] = None
    window: Annotated[float | None, Field(gt=0.0, description="Length of a log's windows [s].")] = None


PseudoReal: TypeAlias = HiddenTarget | MujocoTarget | PresetTarget
TargetSpec: TypeAlias = Annotated[PseudoReal | RobotTarget | RecordingTarget, Field(discriminator="type")]
SECTIONS: Mapping[str, type[PseudoReal | RobotTarget | RecordingTarget]] = {
    "hidden": HiddenTarget,
    "mujoco": MujocoTarget,
    "preset": PresetTarget,
    "recording": RecordingTarget,
    "robot": RobotTarget,
}
"""Every ``type`` of a target."""
