"""What randomizers share whose belief is a cloud of particles in the unit cube."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np

from sim2real.randomizers import beliefs
from sim2real.randomizers.base import BoolArray, Description, Draws, Randomizer
from sim2real.randomizers.options import number, whole
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen


class CloudOptions(Protocol):
    """The options that sampling needs: see ``particles`` and ``least_squares``, which say what they mean."""

    @property
    def count(self) -> int:
        """Particles kept."""

    @property
    def inflation(self) -> float:
        """Factor on the posterior's standard deviation to train with."""

    @property
    def final_inflation(self) -> float:
        """The same for the last training."""

    @property
    def floor(self) -> float:
        """Smallest standard deviation of a learned parameter to train with, in units of its range."""


def check_cloud_options(options: CloudOptions) -> None:
    """Raise OptionError unless the options above have values that are allowed."""
    whole("count", options.count, 32, 100_000)
    number("inflation", options.inflation, 1.0, 5.0)
    number("final_inflation", options.final_inflation, 1.0, 5.0)
    number("floor", options.floor, 0.0, 0.3)


def as_names(option: str, value: tuple[str, ...] | None, what: str) -> tuple[str, ...] | None:
    """Return an option that is a list of names, or None.

    Raises:
        OptionError: If it is neither.
    """
    if value is None:
        return None
    if isinstance(value, str) or not all(isinstance(name, str) for name in value):
        raise OptionError(f"{option!r} must be a list of {what}, but got {value!r}.")
    return tuple(value)


@dataclass(frozen=True, eq=False)
class Cloud(Randomizer):
    """A joint posterior as particles, which training draws from, somewhat widened.

    Args:
        space: The uncertain parameters.
        options: How to learn and to sample.
        unit: Particles of the posterior in the unit cube (c, n); none before any evidence.
        inflation: Factor on the posterior's standard deviation that is trained with now.
        diagnostics: Figures of the last update.
        messages: Sentences of the last update.
    """

    space: ParameterSpace
    options: Any
    unit: Array
    inflation: float = field(default=1.2, kw_only=True)
    diagnostics: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    messages: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", frozen(self.unit))

    @property
    def active(self) -> BoolArray:
        """Which parameters have a range of some width (n,)."""
        return np.array([parameter.high > parameter.low for parameter in self.space.values()], dtype=bool)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        """Draw from the smoothed joint posterior; from the whole range before any evidence."""
        unit, log_prob = beliefs.drawn(self.unit, self.active, self.inflation, self.options.floor, rng, size)
        return Draws(self.space.from_unit(unit), log_prob, np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        return Description(
            beliefs.marginals(self.space, self.unit),
            beliefs.correlation(self.unit),
            dict(self.diagnostics),
            self.messages,
        )

    def final(self) -> Self:
        return replace(self, inflation=self.options.final_inflation)

    def whole(self, points: Array) -> Array:
        """Return points (k, n) in the unit cube from the columns of the active parameters."""
        unit = np.full((len(points), len(self.space)), 0.5)
        unit[:, self.active] = points
        return unit
