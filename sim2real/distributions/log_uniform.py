"""Log-uniform laws on a positive interval, one a coordinate: every factor is as likely as any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from sim2real.distributions.base import Independent
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen


@dataclass(frozen=True, eq=False)
class LogUniform(Independent):
    """log x ~ U(log low, log high), that is p(x) = 1 / (x log(high / low)), independent coordinates.

    Args:
        low: Lower ends (n,), positive.
        high: Upper ends (n,).

    Raises:
        OptionError: Unless ``0 < low < high`` everywhere.
    """

    low: Array
    high: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", frozen(self.low))
        object.__setattr__(self, "high", frozen(self.high))
        if not ((self.low > 0.0) & (self.low < self.high)).all():
            raise OptionError(
                f"`0 < low < high` must hold in each coordinate, but got low={self.low}, high={self.high}."
            )

    @property
    def dimension(self) -> int:
        return len(self.low)

    @property
    def _width(self) -> Array:
        width: Array = np.log(self.high) - np.log(self.low)
        return width

    def quantile(self, probability: Array) -> Array:
        values: Array = np.clip(self.low * np.exp(probability * self._width), self.low, self.high)
        return values

    def log_probs(self, points: Array) -> Array:
        inside = (self.low <= points) & (points <= self.high)
        return np.where(inside, -np.log(np.where(inside, points, 1.0)) - np.log(self._width), -np.inf)

    def entropies(self) -> Array:
        entropies: Array = np.log(self._width) + 0.5 * (np.log(self.low) + np.log(self.high))
        return entropies

    def kls(self, other: Self) -> Array:
        covered = (other.low <= self.low) & (self.high <= other.high)
        return np.where(covered, np.log(other._width) - np.log(self._width), np.inf)
