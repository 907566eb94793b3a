"""Uniform domain randomization: every domain of the ranges is as likely as any other.

Tobin et al., "Domain randomization for transferring deep neural networks from
simulation to the real world", 2017, arXiv:1703.06907.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from sim2real.randomizers.base import Description, Draws, Json, Marginal, Randomizer
from sim2real.randomizers.options import refuse_options
from sim2real_envs.parameters import Array, Parameter, ParameterSpace

PROBABILITIES: Array = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True, eq=False)
class Uniform(Randomizer):
    """xi ~ U(low, high) in each parameter, uniform in the logarithm where the parameter says so."""

    space: ParameterSpace

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        refuse_options(options, "uniform")
        return cls(space)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        unit = rng.random((size, len(self.space)))  # (k, n)
        return Draws(self.space.from_unit(unit), np.zeros(size), np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        grid = self.space.from_unit(np.tile(PROBABILITIES[:, None], (1, len(self.space))))  # (21, n)
        marginals = {
            name: Marginal(uniform_mean(parameter), float(column[1]), float(column[-2]), tuple(column.tolist()), 0.0)
            for (name, parameter), column in zip(self.space.items(), grid.T, strict=True)
        }
        return Description(marginals, np.eye(len(self.space)))

    def to_dict(self) -> dict[str, Json]:
        return {}

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Json]) -> Self:
        return cls.create(space, **data)


def uniform_mean(parameter: Parameter) -> float:
    """Return the mean of the (log-)uniform distribution over the range [unit].

    Log-uniform: (high - low) / log(high / low), written with expm1 and log so
    that it holds for a narrow range too.
    """
    low, high = parameter.low, parameter.high
    if not parameter.log or low == high:
        return low + 0.5 * (high - low)
    width = math.log(high / low)
    return min(max(low * math.expm1(width) / width, low), high) if width > 0.0 else low
