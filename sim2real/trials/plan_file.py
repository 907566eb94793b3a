"""The words of a plan file, and what is wrong with their structure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from sim2real.experiment.problems import Problem, structure_problems
from sim2real.experiment.sections import Name, Section, Seed
from sim2real.experiment.strict_yaml import Place
from sim2real_envs.control import CONTROL_PERIOD


class RobotSection(Section):
    """Somebody's robot; the words are those of ``sim2real.targets.robot.RobotTarget``."""

    type: Literal["robot"] = "robot"
    robot: Annotated[str, Field(min_length=1, description="Import path of what makes it, such as my_lab.arm:make.")]
    options: Annotated[Mapping[str, Any], Field(description="What it is called with.", default_factory=dict)]
    mapping: Annotated[Any, Field(description="Its keys and units, or the file where they stand.")]
    rate: Annotated[float, Field(gt=0.0, le=1000.0, description="Control periods per second.")] = 1.0 / CONTROL_PERIOD
    horizon: Annotated[int | None, Field(ge=1, description="Steps of a trial; by default the task's.")] = None
    safety: Annotated[Mapping[str, Any], Field(description="Safety limits.", default_factory=dict)]
    reset: Annotated[str | None, Field(description="Import path of what places robot and objects; else a person.")] = (
        None
    )
    success: Annotated[
        str | None, Field(description="Proposes a verdict: 'task', or an import path; null: only the operator says.")
    ] = "task"


class PlanSpec(Section):
    """What a plan file says."""

    name: Name
    target: RobotSection
    policies: Annotated[Mapping[Name, str], Field(min_length=1, description="Name to folder, or to 'expert'.")]
    trials: Annotated[int, Field(ge=1, le=10_000, description="Of each policy.")]
    seed: Seed = 0
    starts: Annotated[Any, Field(description="'drawn', or a list.")] = "drawn"
    criterion: Annotated[str, Field(description="What counts as success, for the operator; else the task's.")] = ""


def read_structure(data: Mapping[str, Any]) -> tuple[PlanSpec | None, list[Problem]]:
    """Return a plan and what is wrong with its structure.

    Where something is, the plan is what is left without it, so that the rest can be looked at too; None where nothing
    can be made of that.
    """
    try:
        return PlanSpec.model_validate(data), []
    except ValidationError as error:
        problems = structure_problems(error, data, _allowed_keys)
    rest = copy.deepcopy(dict(data))
    for problem in problems:
        _remove(rest, problem.place)
    try:
        return PlanSpec.model_validate({"name": "plan", "policies": {"none": ""}, "trials": 1, **rest}), problems
    except ValidationError:
        return None, problems


def _allowed_keys(place: Place) -> tuple[str, ...]:
    return tuple((RobotSection if place[:1] == ("target",) else PlanSpec).model_fields)


def _remove(data: Any, place: Sequence[str | int]) -> None:
    """Remove an entry of nested mappings, if it is there."""
    for step in place[:-1]:
        data = data.get(step) if isinstance(data, dict) else None
    if isinstance(data, dict) and place:
        data.pop(place[-1], None)
