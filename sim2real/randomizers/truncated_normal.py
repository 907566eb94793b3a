"""Normals cut off at the walls of the unit cube and renormalized, one a parameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class TruncatedNormal:
    """Independent normals (n,) given that they fall into [0, 1].

    Renormalized, not clipped: clipping would pile the tails' mass onto the walls.

    Args:
        location: Mean before truncation, within [0, 1] (n,).
        scale: Standard deviation before truncation (n,).
    """

    location: Array
    scale: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "location", frozen(self.location))
        object.__setattr__(self, "scale", frozen(self.scale))

    @property
    def _walls(self) -> tuple[Array, Array]:
        return (0.0 - self.location) / self.scale, (1.0 - self.location) / self.scale

    def quantile(self, probability: Array) -> Array:
        """Return the inverse distribution function at (k, n) or (k, 1): (k, n)."""
        below, above = (ndtr(wall) for wall in self._walls)
        z = ndtri(below + probability * (above - below))
        values: Array = np.clip(self.location + self.scale * z, 0.0, 1.0)
        return values

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Draw (size, n)."""
        return self.quantile(rng.random((size, len(self.location))))

    def log_prob(self, unit: Array) -> Array:
        """Return each parameter's log density at (k, n): (k, n)."""
        below, above = (ndtr(wall) for wall in self._walls)
        z = (unit - self.location) / self.scale
        log_density: Array = -0.5 * z**2 - LOG_ROOT_TWO_PI - np.log(self.scale) - np.log(above - below)
        return log_density

    def variance(self) -> Array:
        """Return the variance after truncation (n,).

        Johnson, Kotz and Balakrishnan, "Continuous univariate distributions", volume 1, 1994, section 10.1.
        """
        low, high = self._walls
        mass = ndtr(high) - ndtr(low)
        density_low, density_high = (np.exp(-0.5 * wall**2 - LOG_ROOT_TWO_PI) for wall in (low, high))
        first = (density_low - density_high) / mass
        second = (low * density_low - high * density_high) / mass
        variance: Array = self.scale**2 * (1.0 + second - first**2)
        return variance
