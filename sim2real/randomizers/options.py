"""Options of a method as they stand in an experiment file: a frozen dataclass each, checked on creation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sim2real.randomizers.base import Json
from sim2real_envs.errors import OptionError, UnknownNameError

Options = TypeVar("Options")


def read_options(kind: type[Options], options: Mapping[str, Json], method: str) -> Options:
    """Return the options dataclass ``kind`` made of ``options``.

    Raises:
        UnknownNameError: If an option does not exist.
        OptionError: If a value is refused by ``kind``.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in options:
        if name not in known:
            raise UnknownNameError(name, f"an option of {method!r}", known)
    values: dict[str, Any] = dict(options)
    return kind(**values)


def refuse_options(options: Mapping[str, Json], method: str) -> None:
    """Raise for any option of a method that has none."""
    for name in options:
        raise UnknownNameError(name, f"an option of {method!r}", ())


def number(name: str, value: object, low: float, high: float) -> float:
    """Return ``value`` as a float.

    Raises:
        OptionError: Unless it is a number with ``low <= value <= high``.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise OptionError(f"{name!r}: `{low:g} <= {name} <= {high:g}` must hold, but got {value!r}.")
    return float(value)


def whole(name: str, value: object, low: int, high: int) -> int:
    """Return ``value`` as an int.

    Raises:
        OptionError: Unless it is a whole number with ``low <= value <= high``.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(f"{name!r} must be a whole number from {low} to {high}, but got {value!r}.")
    return value


def choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return ``value``.

    Raises:
        OptionError: Unless it is one of ``allowed``.
    """
    if not isinstance(value, str) or value not in allowed:
        raise OptionError(f"{name!r} must be one of {', '.join(map(repr, allowed))}, but got {value!r}.")
    return value


def flag(name: str, value: object) -> bool:
    """Return ``value``.

    Raises:
        OptionError: Unless it is true or false.
    """
    if not isinstance(value, bool):
        raise OptionError(f"{name!r} must be true or false, but got {value!r}.")
    return value
