"""``parameters: {preset: [object, actuator]}``: groups of parameters with the ranges that their world gives them.

A preset is written out before anything else is checked, so that a completed experiment names every parameter and its
range, whatever later versions make of the preset. An entry beside it goes before it, and may give one end only.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from sim2real.experiment import catalogue
from sim2real.experiment.problems import Problem, shown
from sim2real.experiment.strict_yaml import Place, Value
from sim2real_envs.errors import EnvError, UnknownNameError, unknown_name
from sim2real_envs.parameters import PRESETS, ParameterSpace

KEY = "preset"
_PLACE: Place = ("parameters", KEY)
_NAME_SCHEMA: dict[str, JsonValue] = {"type": "string", "enum": list(PRESETS)}
SCHEMA: dict[str, JsonValue] = {
    "anyOf": [_NAME_SCHEMA, {"type": "array", "items": _NAME_SCHEMA, "minItems": 1}],
    "description": "Groups of parameters, with the ranges that the environment gives them.",
}


def written_out(data: dict[str, Value]) -> tuple[dict[str, Value], list[Problem]]:
    """Return the data with the preset of its parameters written out, and what is wrong with the preset.

    Where it is wrong, or the world cannot be made, the parameters keep their key ``preset``.
    """
    parameters = data.get("parameters")
    if not isinstance(parameters, dict) or KEY not in parameters:
        return data, []
    names, problems = _names(parameters[KEY])
    whole = _whole(data)
    problems += [problem for name, place in names.items() if (problem := _refused(name, place, whole))]
    if problems or whole is None:
        return data, problems
    ranges: dict[str, Value] = {
        name: {"low": parameter.low, "high": parameter.high} for name, parameter in whole.preset(*names).items()
    }
    for name, entry in parameters.items():
        if name != KEY:
            ranges[name] = _merged(ranges.get(name), entry)
    return {**data, "parameters": ranges}, []


def without_preset(data: dict[str, Value]) -> dict[str, Value]:
    """Return the data without a preset that could not be written out."""
    parameters = data.get("parameters")
    if not isinstance(parameters, dict) or KEY not in parameters:
        return data
    return {**data, "parameters": {name: entry for name, entry in parameters.items() if name != KEY}}


def _names(value: Value) -> tuple[dict[str, Place], list[Problem]]:
    """Return the names in a preset with their places, and what is wrong with them whatever the world is."""
    entries: Mapping[Place, Value] = {_PLACE: value}
    if isinstance(value, list):
        entries = {(*_PLACE, index): entry for index, entry in enumerate(value)}
    names: dict[str, Place] = {}
    problems = [] if entries else [Problem(_PLACE, "must not be empty")]
    for place, entry in entries.items():
        if not isinstance(entry, str):
            problems.append(Problem(place, f"must be the name of a preset, or a list of names, but got {shown(entry)}"))
        elif entry in names:
            problems.append(Problem(place, f"must differ from all others, but {entry!r} occurs more than once"))
        else:
            names[entry] = place
    return names, problems


def _whole(data: Mapping[str, Value]) -> ParameterSpace | None:
    """Return all parameters of the world of an experiment, or None where it says no world that can be made."""
    env = data.get("env")
    if not isinstance(env, dict) or not isinstance(env.get("id"), str):
        return None
    options = {name: value for name, value in env.items() if name != "id"}
    kind = "identify" if data.get("kind") == "identify" else "train"
    try:
        return catalogue.parameter_space(kind, str(env["id"]), options)
    except EnvError:
        return None


def _refused(name: str, place: Place, whole: ParameterSpace | None) -> Problem | None:
    """Return what is wrong with the name of a preset; ``whole`` is None where the world is not known."""
    try:
        if whole is not None:
            whole.preset(name)
        elif name not in PRESETS:
            raise UnknownNameError(name, "a preset", PRESETS)
    except UnknownNameError as error:
        if name in PRESETS:
            here = ", ".join(error.known)
            return Problem(place, f"{name!r} holds no parameter of this environment. Presets that do: {here}.")
        return Problem(place, unknown_name(name, "a preset of parameters", error.known))
    return None


def _merged(preset: Value, entry: Value) -> Value:
    return {**preset, **entry} if isinstance(preset, dict) and isinstance(entry, dict) else entry
