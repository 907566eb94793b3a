"""Mistakes of an experiment file as sentences: the place, the value, what is allowed, the nearest name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sim2real.experiment.strict_yaml import Place
from sim2real_envs.errors import nearest_name, unknown_name


@dataclass(frozen=True)
class Problem:
    """One mistake: where it is, and what is wrong."""

    place: Place
    text: str

    def sentence(self, lines: Mapping[Place, int | None]) -> str:
        """Return the problem with its dotted key, and its line where the file has one."""
        line = line_of(self.place, lines)
        where = f"line {line}, " if line is not None else ""
        return f"{where}{dotted(self.place)}: {self.text}" if self.place else f"{where}{self.text}"


def dotted(place: Place) -> str:
    """Return a place as ``--set`` takes it, such as ``"methods.2.count"``."""
    return ".".join(str(step) for step in place)


def line_of(place: Place, lines: Mapping[Place, int | None]) -> int | None:
    """Return the line of a place, or of the nearest key around it; None where it was not in the file."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def shown(value: object) -> str:
    """Return a value as a message shows it: short, text in quotes, its kind where that may be the mistake."""
    if isinstance(value, str):
        return f"{value if len(value) <= 60 else value[:57] + '...'!r} (text)"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return repr(value)


def one_of(value: object, allowed: Iterable[str]) -> str:
    """Return what to say about a value that is none of the allowed words."""
    allowed = tuple(allowed)
    guess = nearest_name(value, allowed) if isinstance(value, str) else None
    hint = f" Did you mean {guess!r}?" if guess else ""
    return f"must be one of {', '.join(allowed)}, but got {shown(value)}.{hint}"


def structure_problems(
    error: ValidationError, data: object, allowed_keys: Callable[[Place], tuple[str, ...]]
) -> list[Problem]:
    """Translate the errors of a model.

    Args:
        error: What pydantic found.
        data: The plain data that it looked at.
        allowed_keys: Gives the keys that are allowed at a place.
    """
    return [_problem(details, data, allowed_keys) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, data: object, allowed_keys: Callable[[Place], tuple[str, ...]]) -> Problem:
    place = _place_in(data, details["loc"])
    kind, value, context = details["type"], details.get("input"), details.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(place, unknown_name(str(place[-1]), "a key here", allowed_keys(place[:-1])))
    if kind == "missing":
        return Problem(place, "is missing")
    if kind == "value_error":
        return Problem(place, str(context["error"]))
    if kind in ("union_tag_invalid", "literal_error"):
        words = str(context.get("expected_tags", context.get("expected", ""))).replace(" or ", ", ").replace("'", "")
        tagged = kind == "union_tag_invalid"
        found = value.get("type") if tagged and isinstance(value, Mapping) else value
        return Problem((*place, "type") if tagged else place, one_of(found, words.split(", ")))
    if kind == "union_tag_not_found":
        return Problem((*place, "type"), "is missing")
    return Problem(place, _expectation(kind, context, value, details["msg"]))


_EXPECTED = {
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "finite_number": "must be a finite number",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "string_pattern_mismatch": "must begin with a letter or digit and have only letters, digits and . _ - (at most 64)",
}


def _expectation(kind: str, context: Mapping[str, Any], value: object, message: str) -> str:
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind == "greater_than_equal":
        law = f"must be at least {context['ge']:g}"
    elif kind == "greater_than":
        law = f"must be greater than {context['gt']:g}"
    elif kind == "less_than_equal":
        law = f"must be at most {context['le']}"
    else:
        law = _EXPECTED.get(kind) or message
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"{law}, but got {value!r}; write {value:.0f}"
    return f"{law}, but got {shown(value)}"


def _place_in(data: object, location: tuple[int | str, ...]) -> Place:
    """Return the part of a pydantic location that exists in the data, and the last step.

    Pydantic puts names of union members and of keys (``"[key]"``) into its locations.
    """
    if location[:1] == ("targets",) and len(location) > 2:
        target = data["targets"].get(location[1]) if isinstance(data, Mapping) else None
        if isinstance(target, Mapping) and target.get("type") == location[2]:
            location = (*location[:2], *location[3:])
    return tuple(step for step in location if step != "[key]")
