"""Normals cut off at the walls of the unit cube and renormalized, one a coordinate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from sim2real.distributions.base import Independent
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True, eq=False)
class TruncatedNormal(Independent):
    """Independent normals (n,) given that they fall into [0, 1].

    Renormalized, not clipped: clipping would pile the tails' mass onto the walls. Moments and entropy: Johnson, Kotz
    and Balakrishnan, "Continuous univariate distributions", volume 1, 1994, section 10.1.

    Args:
        location: Mean before truncation, within [0, 1] (n,).
        scale: Standard deviation before truncation (n,), positive.

    Raises:
        OptionError: If a location is outside of [0, 1] or a scale not positive.
    """

    location: Array
    scale: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "location", frozen(self.location))
        object.__setattr__(self, "scale", frozen(self.scale))
        if not ((self.location >= 0.0) & (self.location <= 1.0) & (self.scale > 0.0)).all():
            raise OptionError(
                "`0 <= location <= 1` and `scale > 0` must hold in each coordinate, but got "
                f"location={self.location}, scale={self.scale}."
            )

    @property
    def dimension(self) -> int:
        return len(self.location)

    @property
    def _walls(self) -> tuple[Array, Array]:
        return (0.0 - self.location) / self.scale, (1.0 - self.location) / self.scale

    def quantile(self, probability: Array) -> Array:
        below, above = (ndtr(wall) for wall in self._walls)
        z = ndtri(below + probability * (above - below))
        values: Array = np.clip(self.location + self.scale * z, 0.0, 1.0)
        return values

    def log_probs(self, points: Array) -> Array:
        z = (points - self.location) / self.scale
        inside = (points >= 0.0) & (points <= 1.0)
        return np.where(inside, -0.5 * z**2 - self._log_normalizer, -np.inf)

    @property
    def _mass(self) -> Array:
        below, above = (ndtr(wall) for wall in self._walls)
        mass: Array = above - below
        return mass

    @property
    def _log_normalizer(self) -> Array:
        log_normalizer: Array = LOG_ROOT_TWO_PI + np.log(self.scale) + np.log(self._mass)
        return log_normalizer

    @property
    def _moments(self) -> tuple[Array, Array]:
        """E[z] and E[z^2] of z = (x - location) / scale."""
        low, high = self._walls
        density_low, density_high = (np.exp(-0.5 * wall**2 - LOG_ROOT_TWO_PI) for wall in (low, high))
        first: Array = (density_low - density_high) / self._mass
        second: Array = 1.0 + (low * density_low - high * density_high) / self._mass
        return first, second

    def mean(self) -> Array:
        """Return the mean after truncation (n,)."""
        mean: Array = self.location + self.scale * self._moments[0]
        return mean

    def variance(self) -> Array:
        """Return the variance after truncation (n,)."""
        first, second = self._moments
        variance: Array = self.scale**2 * (second - first**2)
        return variance

    def entropies(self) -> Array:
        entropies: Array = self._log_normalizer + 0.5 * self._moments[1]
        return entropies

    def kls(self, other: Self) -> Array:
        square = self.variance() + (self.mean() - other.location) ** 2
        kls: Array = other._log_normalizer + 0.5 * square / other.scale**2 - self.entropies()
        return kls
