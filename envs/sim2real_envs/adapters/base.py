"""The contract of an adapter, and how it turns a number that it found into a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import gymnasium

from sim2real_envs.errors import OptionError, ParameterError, UnknownNameError
from sim2real_envs.parameters import Parameter, Part

Env: TypeAlias = gymnasium.Env[Any, Any]
Range: TypeAlias = tuple[float, float]

DEFAULT_SPREAD = 0.5  # a range that nobody gave: nominal *U(0.5, 1.5)
FREE: Range = (-1e12, 1e12)  # limits where nobody knows any


class Adapter(Protocol):
    """Gives the parameters of one kind of foreign environment; write your own with this one method.

    It is made without an environment and pickled into worker processes, one for all of them.
    """

    def bind(self, env: Env) -> Part:
        """Return the parameters of ``env``: their space with nominal values read from it, ``apply`` and ``applied``.

        Called once by ``RandomizedEnv``, before the first reset. What it returns keeps the ``Part`` contract: a
        value that ``apply`` sets is a function of (nominal, draw), never of the current value, and ``applied`` reads
        it from where it acts.
        """


def make_parameter(
    name: str, nominal: float, given: Range | None, *, limits: Range = FREE, unit: str = "-", doc: str = ""
) -> Parameter:
    """Return the parameter of a nominal value and the range that the user gave, or ``nominal *U(0.5, 1.5)``.

    Raises:
        ParameterError: If the range is not two numbers within the limits, or is needed because the nominal value is 0.
    """
    if given is None:
        if nominal == 0.0:
            raise ParameterError(
                f"{name!r} is 0 in this environment, so there is no range of half as much to half as much again. "
                f"Give one: ranges={{{name!r}: (low, high)}}."
            )
        ends = sorted(((1.0 - DEFAULT_SPREAD) * nominal, (1.0 + DEFAULT_SPREAD) * nominal))
        given = (max(ends[0], limits[0]), min(ends[1], limits[1]))
    try:
        low, high = given
    except (TypeError, ValueError):
        raise ParameterError(f"The range of {name!r} must be (low, high), but got {given!r}.") from None
    limits = (min(limits[0], nominal), max(limits[1], nominal))
    return Parameter(name, nominal, nominal, nominal, limits, unit, doc=doc).in_range(low, high)


def check_names(mapping: Mapping[str, object], ranges: Mapping[str, object]) -> None:
    """Refuse a mapping without names and a range of a name that is not mapped.

    Raises:
        OptionError: If nothing is mapped.
        UnknownNameError: If a range belongs to no name.
    """
    if not mapping:
        raise OptionError("The mapping must name at least one parameter, but it is empty.")
    for name in ranges:
        if name not in mapping:
            raise UnknownNameError(name, "a name of the mapping, so it can have no range", mapping)
