"""Parameters, domains and the space they live in.

A *parameter* is one number of the simulated world that reality may contradict.
A *domain* gives one value to every parameter, in SI units. A *parameter space*
is the ordered set of parameters of an environment or a rig; its order is the
column order of every array of domains. Everything here is a value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim2real_envs.errors import ParameterError, UnknownNameError

Array = NDArray[np.float64]
Domain = Mapping[str, float]

_VISUAL = ("camera", "light", "appearance")
_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "physics": ("physics",),
        "object": ("object", "table", "hole"),
        "joint": ("joint",),
        "actuator": ("actuator",),
        "sensor": ("sensor",),
        "camera": ("camera",),
        "light": ("light",),
        "appearance": ("appearance",),
        "disturbance": ("disturbance",),
        "visual": _VISUAL,
    }
)
_NOT_DYNAMICS = ("sensor", *_VISUAL, "disturbance", "recording")
PRESETS = (*_GROUPS, "dynamics", "all")
"""Named groups of parameters; ``dynamics`` is what moves: all but sensors, pictures, disturbances and recordings."""


@dataclass(frozen=True)
class Parameter:
    """One number of the simulated world that reality may contradict.

    Args:
        name: Dotted canonical name, such as ``"object.friction"``.
        nominal: The value of an unrandomized simulator [unit].
        low: Lower end of the range that a randomizer gets [unit].
        high: Upper end of that range [unit].
        limits: What physics and engine allow; a value beyond is refused [unit].
        unit: SI unit, ``"-"`` for a pure number.
        log: Whether the range is covered evenly in the logarithm.
        doc: What the parameter does, in one sentence.

    Raises:
        ParameterError: Unless all are finite, ``limits[0] <= low <= nominal <= high <= limits[1]``, and
            ``low > 0`` where ``log``.
    """

    name: str
    nominal: float
    low: float
    high: float
    limits: tuple[float, float]
    unit: str
    log: bool = False
    doc: str = ""

    def __post_init__(self) -> None:
        for field in ("nominal", "low", "high"):
            object.__setattr__(self, field, float(getattr(self, field)))
        lower, upper = (float(limit) for limit in self.limits)
        object.__setattr__(self, "limits", (lower, upper))
        if not all(map(math.isfinite, (self.nominal, self.low, self.high, lower, upper))):
            raise ParameterError(f"{self.name!r}: nominal, low, high and limits must be finite.")
        if not lower <= self.low <= self.nominal <= self.high <= upper:
            raise ParameterError(
                f"{self.name!r}: `limits[0] <= low <= nominal <= high <= limits[1]` must hold, but got "
                f"limits=({lower:g}, {upper:g}), low={self.low:g}, nominal={self.nominal:g}, high={self.high:g}."
            )
        if self.log and self.low <= 0.0:
            raise ParameterError(f"{self.name!r}: `low > 0` must hold for a log range, but got low={self.low:g}.")

    def check(self, value: float) -> float:
        """Return ``value`` as a float.

        Raises:
            ParameterError: If it is not a finite number within ``limits``.
        """
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ParameterError(f"{self.name!r} must be a number in {self.unit}, but got {value!r}.") from None
        lower, upper = self.limits
        if not lower <= number <= upper:  # also false for NaN
            raise ParameterError(
                f"{self.name!r} must lie within its limits [{lower:g}, {upper:g}] {self.unit}, but got {number:g}."
            )
        return number

    def in_range(self, low: float, high: float) -> Parameter:
        """Return this parameter with another range, held against ``limits`` only.

        Where the new range does not contain the nominal value, the nominal
        moves to the nearest end of the range.

        Raises:
            ParameterError: Unless ``limits[0] <= low <= high <= limits[1]``.
        """
        low, high = self.check(low), self.check(high)
        if low > high:
            raise ParameterError(f"{self.name!r}: `low <= high` must hold, but got (low={low:g}, high={high:g}).")
        return replace(self, low=low, high=high, nominal=min(max(self.nominal, low), high))


class ParameterSpace(Mapping[str, Parameter]):
    """An ordered set of parameters: the column order of every array of domains.

    Raises:
        ParameterError: If a name occurs twice.
    """

    def __init__(self, parameters: Iterable[Parameter] = ()) -> None:
        ordered = tuple(parameters)
        self._parameters = {parameter.name: parameter for parameter in ordered}
        if len(self._parameters) != len(ordered):
            names = [parameter.name for parameter in ordered]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ParameterError(f"Parameter names must be unique, but these occur twice: {', '.join(twice)}.")
        self._low = np.array([self._axis(p, p.low) for p in ordered], dtype=np.float64)
        self._high = np.array([self._axis(p, p.high) for p in ordered], dtype=np.float64)
        self._log = np.array([p.log for p in ordered], dtype=bool)

    @staticmethod
    def _axis(parameter: Parameter, value: float) -> float:
        return math.log(value) if parameter.log else value

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._parameters[name]
        except KeyError:
            raise UnknownNameError(name, "a parameter here", self._parameters) from None

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ParameterSpace) and tuple(self.values()) == tuple(other.values())

    def __hash__(self) -> int:
        return hash(tuple(self.values()))

    def __repr__(self) -> str:
        return f"ParameterSpace({', '.join(self)})"

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in column order."""
        return tuple(self._parameters)

    def __or__(self, other: ParameterSpace) -> ParameterSpace:
        """Return the union, this space's columns first."""
        return ParameterSpace((*self.values(), *other.values()))

    def subset(self, names: Iterable[str]) -> ParameterSpace:
        """Return the space of ``names``, in the order given."""
        return ParameterSpace(self[name] for name in names)

    def preset(self, *names: str) -> ParameterSpace:
        """Return the space of the parameters that the presets ``names`` hold together, in this space's order.

        Raises:
            UnknownNameError: If a preset does not exist, or holds no parameter of this space.
        """
        wanted: set[str] = set()
        for name in names:
            found = _in_preset(name, self)
            if not found:
                here = [preset for preset in PRESETS if _in_preset(preset, self)]
                raise UnknownNameError(name, "a preset that holds parameters here", here)
            wanted.update(found)
        return self.subset(parameter for parameter in self if parameter in wanted)

    def with_ranges(self, ranges: Mapping[str, tuple[float, float]]) -> ParameterSpace:
        """Return this space with other ranges for some parameters, held against limits only."""
        for name in ranges:
            self[name]
        return ParameterSpace(
            parameter.in_range(*ranges[name]) if name in ranges else parameter for name, parameter in self.items()
        )

    def nominal(self) -> dict[str, float]:
        """Return the domain of an unrandomized simulator."""
        return {name: parameter.nominal for name, parameter in self.items()}

    def complete(self, domain: Domain) -> dict[str, float]:
        """Fill in nominal values: the only door through which values enter.

        Raises:
            UnknownNameError: If ``domain`` names a parameter that is not here.
            ParameterError: If a value is not a finite number within its limits.
        """
        checked = {name: self[name].check(value) for name, value in domain.items()}
        return {name: checked.get(name, parameter.nominal) for name, parameter in self.items()}

    def to_array(self, domain: Domain) -> Array:
        """Return the values of a complete domain in column order, shape (n,), SI."""
        return np.array([domain[name] for name in self], dtype=np.float64)

    def to_domain(self, values: ArrayLike) -> dict[str, float]:
        """Return the domain of one row of values, shape (n,), SI."""
        row = np.asarray(values, dtype=np.float64)
        if row.shape != (len(self),):
            raise ParameterError(f"A domain row must have shape ({len(self)},), but got {row.shape}.")
        return dict(zip(self, row.tolist(), strict=True))

    def to_unit(self, values: ArrayLike) -> Array:
        """Map SI values (..., n) to the unit cube of the range in use; a range of no width maps to 0.5."""
        axis = np.array(values, dtype=np.float64, copy=True)
        axis[..., self._log] = np.log(axis[..., self._log])
        width = self._high - self._low
        flat = width == 0.0
        unit: Array = np.where(flat, 0.5, (axis - self._low) / np.where(flat, 1.0, width))
        return unit

    def from_unit(self, unit: ArrayLike) -> Array:
        """Map the unit cube (..., n) to SI values; 0 and 1 give ``low`` and ``high`` exactly."""
        cube = np.asarray(unit, dtype=np.float64)
        axis = self._low + cube * (self._high - self._low)
        axis[..., self._log] = np.exp(axis[..., self._log])
        low = np.array([p.low for p in self.values()])
        high = np.array([p.high for p in self.values()])
        inside = (cube >= 0.0) & (cube <= 1.0)
        exact = np.where(cube == 0.0, low, np.where(cube == 1.0, high, axis))
        values: Array = np.where(inside, np.clip(exact, low, high), axis)
        return values


def _in_preset(preset: str, names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that a preset holds; none where there is no such preset."""
    prefixes = {name: name.partition(".")[0] for name in names}
    if preset == "all":
        return list(prefixes)
    if preset == "dynamics":
        return [name for name, prefix in prefixes.items() if prefix not in _NOT_DYNAMICS]
    return [name for name, prefix in prefixes.items() if prefix in _GROUPS.get(preset, ())]


class Part(Protocol):
    """What owns parameters: backend, actuators, sensors, camera, rig.

    A randomized value is a function of (nominal, draw), never of the current
    value: applying the same domain twice equals applying it once.
    """

    @property
    def parameters(self) -> ParameterSpace:
        """The parameters that this part owns."""

    def apply(self, domain: Domain) -> None:
        """Set every parameter of this part; ``domain`` is complete and checked."""

    def applied(self) -> dict[str, float]:
        """Read every value back from where it acts, never from memory."""
