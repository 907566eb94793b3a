"""Changes to an experiment file from the command line: ``--set key=value`` with a dotted key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath

import numpy as np

from sim2real.errors import SpecError
from sim2real.experiment.problems import Problem, dotted, shown
from sim2real.experiment.strict_yaml import MAX_INTEGER, Place, Value, parse_value


def parse_overrides(
    overrides: Iterable[str] | Mapping[str, object], *, example: str = "agent.round_steps=20000"
) -> tuple[list[tuple[str, Value]], list[str]]:
    """Return dotted keys with their values, and one sentence for each override that cannot be read."""
    if isinstance(overrides, Mapping):
        return [(str(key), plain(value)) for key, value in overrides.items()], []
    pairs: list[tuple[str, Value]] = []
    problems: list[str] = []
    for text in (overrides,) if isinstance(overrides, str) else overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            problems.append(f"--set {text}: must be key=value, such as --set {example}")
            continue
        try:
            pairs.append((key.strip(), parse_value(value)))
        except SpecError as error:
            problems.extend(f"--set {text}: {problem}" for problem in error.problems)
    return pairs, problems


def override(data: dict[str, Value], key: str, value: Value) -> tuple[dict[str, Value], Place | Problem]:
    """Return a copy of the data with one value set, and its place; or the data and a problem.

    Names of parameters contain dots themselves: at each level the longest key
    that exists wins; a new key in ``parameters`` ends before ``.low`` or
    ``.high``, one in ``domain`` takes all that is left, any other is one word.
    """
    place, problem = _resolve(data, key.split("."))
    if problem is not None:
        return data, Problem((), f"--set {key}: {problem}")
    return {**data, str(place[0]): _with(data.get(str(place[0])), place[1:], value)}, place


def plain(value: object) -> Value:
    """Return a Python value as the plain data of a file: tuples become lists, paths text.

    Raises:
        SpecError: If a file could not hold the value.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise SpecError([f"the whole number of {value.bit_length()} bits is beyond 64 bits"])
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, PurePath):
        return str(value)
    raise SpecError([f"{type(value).__name__} is not something an experiment file can hold, but got {value!r}"])


def _resolve(data: Value, words: list[str]) -> tuple[Place, str | None]:
    place: Place = ()
    node: Value = data
    while words:
        if isinstance(node, list):
            index = int(words[0]) if words[0].isdecimal() and len(words[0]) < 6 else -1
            if not 0 <= index < len(node):
                return place, f"{words[0]!r} is not an item of {dotted(place)}; items are 0 to {len(node) - 1}"
            step: str | int = index
            node, words = node[index], words[1:]
        elif isinstance(node, dict) or node is None:
            step, words = _next_key(node or {}, place, words)
            node = (node or {}).get(step)
        else:
            return place, f"{dotted(place)} is {shown(node)} and has no keys"
        place = (*place, step)
    return place, None


def _next_key(node: dict[str, Value], place: Place, words: list[str]) -> tuple[str, list[str]]:
    for length in range(len(words), 0, -1):
        if ".".join(words[:length]) in node:
            return ".".join(words[:length]), words[length:]
    length = 1
    if place == ("parameters",):
        length = len(words) - 1 if len(words) > 1 and words[-1] in ("low", "high") else len(words)
    elif place[-1:] == ("domain",):
        length = len(words)
    return ".".join(words[:length]), words[length:]


def _with(data: Value, place: Place, value: Value) -> Value:
    if not place:
        return value
    step = place[0]
    if isinstance(data, list) and isinstance(step, int):
        return [*data[:step], _with(data[step], place[1:], value), *data[step + 1 :]]
    node = data if isinstance(data, dict) else {}
    return {**node, str(step): _with(node.get(str(step)), place[1:], value)}
