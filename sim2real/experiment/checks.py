"""What only an environment, a randomizer or a data set can know about an experiment file.

Every check looks at the plain data and skips what has the wrong type, which
the models report: so one reading finds all mistakes, whatever else is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeGuard

from sim2real.errors import Sim2RealError
from sim2real.experiment import catalogue
from sim2real.experiment.parameter_presets import KEY
from sim2real.experiment.problems import Problem
from sim2real.experiment.strict_yaml import Place, Value
from sim2real.experiment.target_specs import SECTIONS, RecordingTarget, RobotTarget, world_options_of
from sim2real_envs.errors import EnvError, UnknownNameError, unknown_name
from sim2real_envs.flaws import PRESETS
from sim2real_envs.parameters import ParameterSpace

if TYPE_CHECKING:
    from sim2real.randomizers import Randomizer

TRAINING_KEYS = ("agent", "rounds", "episodes")
_IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def meaning_problems(data: dict[str, Value]) -> Iterator[Problem]:
    """Yield every mistake that the structure of the file does not show."""
    kind = "identify" if data.get("kind") == "identify" else "train"
    whole, problems = _world(kind, data.get("env"))
    yield from problems
    yield from _repeated(data)
    if kind == "identify":
        yield from _no_training(data)
    else:
        yield from _preset(data.get("agent"))
        yield from _memory(data)
    parameters = _mapping(data.get("parameters"))
    uncertain = ParameterSpace()
    if whole is not None:
        problems, uncertain = _ranges(whole, parameters, _world_name(data))
        yield from problems
    yield from _targets(kind, data, whole)
    yield from _methods(kind, data, uncertain, complete=whole is not None and len(uncertain) == len(parameters))


def _world(kind: str, env: Value) -> tuple[ParameterSpace | None, list[Problem]]:
    fields = _mapping(env)
    world_id = fields.get("id")
    options = {name: value for name, value in fields.items() if name != "id"}
    if not isinstance(world_id, str) or not world_id:
        return None, []
    other = catalogue.environment_ids() if kind == "identify" else catalogue.rig_ids()
    if world_id in other:
        right = "train" if kind == "identify" else "identify"
        return None, [Problem(("env", "id"), f"{world_id!r} needs `kind: {right}`, but kind is {kind}")]
    try:
        return catalogue.parameter_space(kind, world_id, options), []
    except EnvError as error:
        return _without_options(kind, world_id, options, error)


def _without_options(
    kind: str, world_id: str, options: dict[str, Value], error: EnvError
) -> tuple[ParameterSpace | None, list[Problem]]:
    """Find out which options are to blame, so that the rest of the file can still be checked."""
    try:
        space = catalogue.parameter_space(kind, world_id, {})
    except EnvError as plain_error:
        return None, [Problem(("env", "id"), str(plain_error))]
    problems = []
    for name, value in options.items():
        try:
            catalogue.parameter_space(kind, world_id, {name: value})
        except EnvError as option_error:
            problems.append(Problem(("env", name), str(option_error)))
    return space, problems or [Problem(("env",), str(error))]


def _ranges(whole: ParameterSpace, parameters: Mapping[str, Value], world: str) -> tuple[list[Problem], ParameterSpace]:
    """Return the problems of the ranges, and the space of those that are right."""
    problems: list[Problem] = []
    ranges: dict[str, tuple[float, float]] = {}
    for name, entry in parameters.items():
        place: Place = ("parameters", name)
        if name == KEY:  # it is wrong, or it would have been written out
            continue
        if name not in whole:
            problems.append(Problem(place, unknown_name(name, f"a parameter of {world}", whole)))
            continue
        ends = {end: _mapping(entry).get(end) for end in ("low", "high")}
        found = [(end, _limit_problem(whole, name, value, (*place, end))) for end, value in ends.items()]
        problems.extend(problem for _, problem in found if problem is not None)
        low, high = ends["low"], ends["high"]
        if _is_number(low) and _is_number(high) and not any(problem for _, problem in found) and low <= high:
            ranges[name] = (float(low), float(high))
    return problems, whole.subset(ranges).with_ranges(ranges)


def _limit_problem(space: ParameterSpace, name: str, value: Value, place: Place) -> Problem | None:
    if not _is_number(value):
        return None
    try:
        space[name].check(value)
    except EnvError as error:
        return Problem(place, str(error))
    return None


def _repeated(data: Mapping[str, Value]) -> Iterator[Problem]:
    for key in ("seeds", "methods"):
        entries = data.get(key)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entries, list) and entry in entries[:index]:
                first = entries.index(entry)
                yield Problem((key, index), f"must differ from all others, but is the same as {key}.{first}")


def _no_training(data: Mapping[str, Value]) -> Iterator[Problem]:
    for key in TRAINING_KEYS:
        if key not in data:
            continue
        inner: list[Place] = [(key, name) for name in _mapping(data[key])]
        for place in inner or [(key,)]:
            yield Problem(
                place,
                "does not go with `kind: identify`: recordings are replayed once and no policy is trained; "
                "`fit` of a target says how many recordings are learned from",
            )
    if not _mapping(data.get("parameters")):
        yield Problem(("parameters",), "must name at least one parameter for `kind: identify`")


def _preset(agent: Value) -> Iterator[Problem]:
    fields = _mapping(agent)
    preset, algorithm = fields.get("preset"), fields.get("algorithm", "PPO")
    if not isinstance(preset, str) or not preset:
        return
    known = catalogue.presets(str(algorithm))
    if known and preset not in known:
        yield Problem(("agent", "preset"), unknown_name(preset, f"a preset of {algorithm}", known))


def _memory(data: Mapping[str, Value]) -> Iterator[Problem]:
    agent = _mapping(data.get("agent"))
    policy, algorithm = agent.get("policy", "mlp"), agent.get("algorithm", "PPO")
    if policy == "recurrent" and algorithm in ("SAC", "DAgger"):
        yield Problem(("agent", "policy"), f"'recurrent' needs `algorithm: PPO`, but algorithm is {algorithm}")
    if policy == "asymmetric":
        if algorithm == "DAgger":
            text = "'asymmetric' needs `algorithm: PPO` or SAC, but algorithm is DAgger, which has no critic"
            yield Problem(("agent", "policy"), text)
        if not _mapping(data.get("parameters")):
            text = "must name at least one parameter, because `policy: asymmetric` has a critic that is told them"
            yield Problem(("parameters",), text)
    elif "history" in agent and policy in ("mlp", "recurrent"):
        yield Problem(("agent", "history"), f"goes with `policy: asymmetric` only, but policy is {policy}")


def _targets(kind: str, data: Mapping[str, Value], whole: ParameterSpace | None) -> Iterator[Problem]:
    for name, entry in _mapping(data.get("targets")).items():
        fields, place = _mapping(entry), ("targets", name)
        section = SECTIONS.get(str(fields.get("type")))
        if section is None:  # said by the structure
            continue
        if section.experiment_kind != kind:
            right = section.experiment_kind
            yield Problem((*place, "type"), f"{fields['type']!r} needs `kind: {right}`, but kind is {kind}")
        elif section is RecordingTarget:
            yield from _data_set(fields.get("data"), data, (*place, "data"))
        elif section is RobotTarget:
            yield from _view_problems(fields, data, (*place, "mapping", "policy"))
        elif whole is not None:
            yield from _pseudo_real(fields, data, whole, place)


def _view_problems(fields: Mapping[str, Value], data: Mapping[str, Value], place: Place) -> Iterator[Problem]:
    """Say before the training where a robot's mapping shows, or moves, otherwise than the policies' environment."""
    env, view = _mapping(data.get("env")), _mapping(_mapping(fields.get("mapping")).get("policy"))
    world, task = env.get("id"), view.get("task")
    if view.get("observation") != "task" or not isinstance(world, str):
        return
    if isinstance(task, str) and not world.endswith(f"{task}-v0"):
        yield Problem((*place, "task"), f"{task!r} is not the task of {world!r}, on which the policies are trained")
    for name, untold, usual in (("control", "joint_position", "ee_delta"), ("past_actions", 0, 0)):
        given, trained = view.get(name, untold), env.get(name, usual)
        if given != trained:
            yield Problem((*place, name), f"must be {trained!r}, as in env, but got {given!r}")


def _pseudo_real(
    fields: Mapping[str, Value], data: Mapping[str, Value], whole: ParameterSpace, place: Place
) -> Iterator[Problem]:
    """Check a simulated target, whose world may have other parameters than the training simulator."""
    changed = world_options_of(fields)
    if changed.get("flaws", "fresh") not in PRESETS:  # said by the structure
        return
    space = whole
    if changed:
        env = _mapping(data.get("env"))
        options = {name: value for name, value in env.items() if name != "id"} | changed
        try:
            space = catalogue.parameter_space("train", _world_name(data), options)
        except EnvError as error:
            yield Problem((*place, "type"), str(error))
            return
    engine = changed.get("backend")
    world = _world_name(data) + (f" on {engine}" if engine else "")
    yield from _domain(space, _mapping(fields.get("domain")), (*place, "domain"), world)


def _domain(space: ParameterSpace, domain: Mapping[str, Value], place: Place, world: str) -> Iterator[Problem]:
    for name, value in domain.items():
        if name not in space:
            yield Problem((*place, name), unknown_name(name, f"a parameter of {world}", space))
        elif problem := _limit_problem(space, name, value, (*place, name)):
            yield problem


def _data_set(name: Value, data: Mapping[str, Value], place: Place) -> Iterator[Problem]:
    if not isinstance(name, str) or not name:
        return
    try:
        rig = catalogue.rig_of(name)
    except UnknownNameError as error:
        yield Problem(place, str(error))
        return
    asked = _mapping(data.get("env")).get("id")
    if asked in catalogue.rig_ids() and asked != rig:
        yield Problem(place, f"{name!r} was recorded on {rig!r}, but env.id is {asked!r}")


def _methods(kind: str, data: Mapping[str, Value], space: ParameterSpace, *, complete: bool) -> Iterator[Problem]:
    entries = data.get("methods")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        place: Place = ("methods", index)
        fields: Mapping[str, Value] = {"method": entry} if isinstance(entry, str) else _mapping(entry)
        method = fields.get("method")
        if not isinstance(method, str) or not method:
            continue
        try:
            cls = _resolve(method)
        except (EnvError, ImportError, SyntaxError) as error:
            yield Problem(place, str(error))
            continue
        yield from _needs(kind, data, cls, method, place)
        options = {name: value for name, value in fields.items() if name not in ("method", "name")}
        if complete:
            yield from _options(cls, space, options, place)


def _resolve(method: str) -> type[Randomizer]:
    from sim2real.randomizers import METHODS, resolve

    if ":" in method and not _IMPORT_PATH.fullmatch(method):
        raise UnknownNameError(method, "an import path 'package.module:Class'", METHODS)
    return resolve(method)


def _needs(kind: str, data: Mapping[str, Value], cls: type[Randomizer], method: str, place: Place) -> Iterator[Problem]:
    from sim2real.evidence import Need

    if kind == "identify":
        if getattr(cls, "needs_truth", False):
            yield Problem(place, f"{method!r} trains on the truth, which a recording does not have")
        return
    if getattr(cls, "needs_truth", False):
        for name, target in _mapping(data.get("targets")).items():
            if _mapping(target).get("type") == "robot":
                yield Problem(place, f"{method!r} trains on the truth, which the robot of targets.{name} does not tell")
    if cls.needs is Need.NOTHING:
        return
    if not _mapping(data.get("parameters")):
        yield Problem(("parameters",), f"must name at least one parameter, because {method!r} learns about them")
    if _mapping(data.get("episodes")).get("real_per_round") == 0 and data.get("rounds") != 0:
        yield Problem(
            ("episodes", "real_per_round"), f"must be at least 1, because {method!r} learns from real episodes"
        )
    for name, target in _mapping(data.get("targets")).items():
        if _mapping(target).get("log") == "outcomes" and cls.needs & ~Need.OUTCOMES:
            text = f"must be sensors, because {method!r} learns from trajectories; outcomes alone are not enough"
            yield Problem(("targets", name, "log"), text)


def _options(
    cls: type[Randomizer], space: ParameterSpace, options: dict[str, Value], place: Place
) -> Iterator[Problem]:
    """Create the randomizer once; if it refuses, try its options one by one to name all that are wrong."""
    error = _refusal(cls, space, options)
    if error is None:
        return
    found = [(name, _refusal(cls, space, {name: value})) for name, value in options.items()]
    blamed = [Problem((*place, name), text) for name, text in found if text is not None]
    yield from blamed or [Problem(place, error)]


def _refusal(cls: type[Randomizer], space: ParameterSpace, options: dict[str, Value]) -> str | None:
    try:
        cls.create(space, **options)
    except (EnvError, Sim2RealError, ValueError, TypeError) as error:
        return str(error)
    return None


def _mapping(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _world_name(data: Mapping[str, Value]) -> str:
    return str(_mapping(data.get("env")).get("id"))
