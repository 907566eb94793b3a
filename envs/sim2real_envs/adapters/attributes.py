"""Parameters that are plain attributes of an environment, such as those of Gymnasium's classic control."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from sim2real_envs.adapters.base import Env, Range, check_names, make_parameter
from sim2real_envs.errors import OptionError, UnknownNameError, nearest_name
from sim2real_envs.parameters import Domain, ParameterSpace

Derived = Callable[[Any], float]


@dataclass(frozen=True)
class AttributeParameters:
    """Names for attributes of ``env.unwrapped``: ``{"physics.gravity": "gravity"}``, or ``"world.gravity"`` within one.

    What the environment computed from an attribute when it was made does not follow by itself; say how it does::

        AttributeParameters(
            {"pole.mass": "masspole"},
            derived={
                "total_mass": lambda env: env.masspole + env.masscart,
                "polemass_length": lambda env: env.masspole * env.length,
            },
        )

    An attribute that is the sum or product of a mapped one and another, and is not in ``derived``, brings a warning.

    Args:
        mapping: Names of parameters to attributes.
        ranges: (low, high) of some names; the others get ``nominal *U(0.5, 1.5)``.
        derived: Attributes to set after the others, in this order, each from ``env.unwrapped`` as it is then.

    Raises:
        UnknownNameError: When it is bound, if there is no such attribute.
        OptionError: When it is bound, if an attribute is no number or cannot be set, or two names share one.
        ParameterError: When it is bound, if a range is not allowed.
    """

    mapping: Mapping[str, str]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    derived: Mapping[str, Derived] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_names(self.mapping, self.ranges)

    def bind(self, env: Env) -> AttributePart:
        """Return the parameters of ``env``."""
        return AttributePart(self, env)


class AttributePart:
    """``AttributeParameters`` of one environment; keeps the ``Part`` contract."""

    def __init__(self, adapter: AttributeParameters, env: Env) -> None:
        self._adapter, self._base = adapter, env.unwrapped
        paths = list(adapter.mapping.values())
        for name, path in adapter.mapping.items():
            if paths.count(path) > 1:
                raise OptionError(f"{name!r}: the attribute {path!r} can belong to one parameter only.")
        nominal = {name: self._number(name, path) for name, path in adapter.mapping.items()}
        self._space = ParameterSpace(
            make_parameter(name, value, adapter.ranges.get(name), doc=f"Attribute {adapter.mapping[name]}.")
            for name, value in nominal.items()
        )
        for name, path in adapter.mapping.items():
            self._set(path, nominal[name])
        for path in adapter.derived:
            reach(self._base, path)
        self._warn_of_derived()

    def _number(self, name: str, path: str) -> float:
        value = reach(self._base, path)
        if not isinstance(value, Real) or isinstance(value, bool):
            raise OptionError(f"{name!r}: the attribute {path!r} must be one number, but is {value!r}.")
        return float(value)

    def _set(self, path: str, value: float) -> None:
        owner, _, last = path.rpartition(".")
        try:
            setattr(reach(self._base, owner) if owner else self._base, last, value)
        except AttributeError as error:
            raise OptionError(f"The attribute {path!r} of {self._base} cannot be set: {error}.") from error

    @property
    def parameters(self) -> ParameterSpace:
        """The names of the mapping, nominal values as the environment had them."""
        return self._space

    def apply(self, domain: Domain) -> None:
        """Set every attribute, then what is derived from them."""
        for name, path in self._adapter.mapping.items():
            self._set(path, domain[name])
        for path, derive in self._adapter.derived.items():
            self._set(path, derive(self._base))

    def applied(self) -> dict[str, float]:
        """Read every attribute."""
        return {name: float(reach(self._base, path)) for name, path in self._adapter.mapping.items()}

    def _warn_of_derived(self) -> None:
        """Warn of attributes that look as if they were computed from a mapped one."""
        known = {*self._adapter.mapping.values(), *self._adapter.derived}
        numbers = {name: value for name, value in _numbers(self._base).items() if value not in (0.0, 1.0)}
        mapped = [name for name in numbers if name in self._adapter.mapping.values()]
        every = _numbers(self._base)
        for first, second in itertools.product(mapped, every):
            for name in numbers:
                if name in (*known, second) or every[second] == 0.0:
                    continue
                for sign, value in (("+", every[first] + every[second]), ("*", every[first] * every[second])):
                    if value == numbers[name] and not (sign == "*" and every[second] == 1.0):
                        formula = f"lambda env: env.{first} {sign} env.{second}"
                        warnings.warn(
                            f"The attribute {name!r} equals {first} {sign} {second}, and will not follow {first!r}. "
                            f"If it is computed from them, add derived={{{name!r}: {formula}}}.",
                            UserWarning,
                            stacklevel=2,
                        )


def reach(base: Any, path: str) -> Any:
    """Return the attribute at a dotted path.

    Raises:
        UnknownNameError: If there is none; the message lists the numbers that there are, or all where one is meant.
    """
    found = base
    for name in path.split("."):
        if not hasattr(found, name):
            numbers, every = _numbers(found), [each for each in dir(found) if not each.startswith("_")]
            known = numbers if numbers and (nearest_name(name, numbers) or not nearest_name(name, every)) else every
            raise UnknownNameError(name, f"an attribute of {type(found).__name__}", known)
        found = getattr(found, name)
    return found


def _numbers(base: Any) -> dict[str, float]:
    """Return the public attributes of an object that are numbers, its class's among them."""
    found: dict[str, Any] = {}
    for owner in (*reversed(type(base).__mro__), base):
        found.update(getattr(owner, "__dict__", {}))
    return {
        name: float(value)
        for name, value in found.items()
        if not name.startswith("_") and isinstance(value, Real) and not isinstance(value, bool)
    }
