"""Uniform laws on an interval, one a coordinate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from sim2real.distributions.base import Independent
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen


@dataclass(frozen=True, eq=False)
class Uniform(Independent):
    """x ~ U(low, high), independent coordinates.

    Args:
        low: Lower ends (n,).
        high: Upper ends (n,).

    Raises:
        OptionError: Unless ``low < high`` everywhere.
    """

    low: Array
    high: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", frozen(self.low))
        object.__setattr__(self, "high", frozen(self.high))
        if not (self.low < self.high).all():
            raise OptionError(f"`low < high` must hold in each coordinate, but got low={self.low}, high={self.high}.")

    @property
    def dimension(self) -> int:
        return len(self.low)

    def quantile(self, probability: Array) -> Array:
        values: Array = np.clip(self.low + probability * (self.high - self.low), self.low, self.high)
        return values

    def log_probs(self, points: Array) -> Array:
        inside = (self.low <= points) & (points <= self.high)
        return np.where(inside, -np.log(self.high - self.low), -np.inf)

    def entropies(self) -> Array:
        widths: Array = np.log(self.high - self.low)
        return widths

    def kls(self, other: Self) -> Array:
        covered = (other.low <= self.low) & (self.high <= other.high)
        return np.where(covered, other.entropies() - self.entropies(), np.inf)
