"""One domain and no other: the baseline of every table, and its ceiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np

from sim2real.randomizers.base import Description, Draws, Json, Marginal, Randomizer
from sim2real.randomizers.options import read_options
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Domain, ParameterSpace


@dataclass(frozen=True)
class FixedOptions:
    """Options of ``fixed``; ``domain`` gives some or all values [SI], the others stay nominal."""

    domain: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fixed(Randomizer):
    """Every episode in the same domain, nominal unless another is given.

    Its values are held against the physical limits, not against the ranges: a
    target may lie outside of what was thought possible. Its ``log_prob`` is 0,
    the density of a point mass with respect to itself.
    """

    space: ParameterSpace
    domain: Domain

    def __post_init__(self) -> None:
        object.__setattr__(self, "domain", MappingProxyType(self.space.complete(self.domain)))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.space, dict(self.domain))

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(FixedOptions, options, cls.__name__.lower())
        if not isinstance(checked.domain, Mapping):
            raise OptionError(f"'domain' must map parameter names to values, but got {checked.domain!r}.")
        return cls(space, checked.domain)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        row = self.space.to_array(self.domain)
        return Draws(np.tile(row, (size, 1)), np.zeros(size), np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        point = {name: Marginal(value, value, value, (value,) * 21, 0.0) for name, value in self.domain.items()}
        return Description(point, np.eye(len(self.space)))

    def to_dict(self) -> dict[str, Json]:
        return {"domain": dict(self.domain)}

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Json]) -> Self:
        return cls.create(space, **data)


@dataclass(frozen=True, eq=False)
class Oracle(Fixed):
    """Trained in the target's own domain: what a perfect identification would reach."""

    needs_truth: ClassVar[bool] = True
