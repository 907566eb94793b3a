"""A law over finitely many points, such as a list of domains that were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import rel_entr, xlogy

from sim2real.distributions.base import Distribution
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen


@dataclass(frozen=True, eq=False)
class Categorical(Distribution):
    """One of ``points``, each with its probability; ``log_prob`` is the log of a mass, not of a density.

    Args:
        points: The points (c, n), no two alike.
        probabilities: Their probabilities (c,).

    Raises:
        OptionError: If two points are alike, or probabilities are negative or do not add up to 1.
    """

    points: Array
    probabilities: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", frozen(self.points))
        object.__setattr__(self, "probabilities", frozen(self.probabilities))
        if self.points.ndim != 2 or self.probabilities.shape != self.points.shape[:1]:
            raise OptionError(
                "Points must have shape (c, n) and probabilities (c,), but got "
                f"{self.points.shape} and {self.probabilities.shape}."
            )
        if len({row.tobytes() for row in self.points + 0.0}) < len(self.points):  # + 0.0: -0.0 is 0.0
            raise OptionError("No two points may be alike; add up their probabilities instead.")
        if (self.probabilities < 0.0).any() or abs(self.probabilities.sum() - 1.0) > 1e-9:
            raise OptionError(
                "Probabilities must not be negative and must add up to 1, but got "
                f"{self.probabilities} (sum {self.probabilities.sum():g})."
            )

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        total = np.cumsum(self.probabilities)
        chosen = np.searchsorted(total / total[-1], rng.random(size), side="right")
        drawn: Array = self.points[chosen]
        return drawn

    def log_prob(self, points: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(self._mass(points))

    def _mass(self, points: Array) -> Array:
        """Return the probability of each of (k, n): (k,), 0 for what is no point of this law."""
        mass_of = dict(zip((row.tobytes() for row in self.points + 0.0), self.probabilities.tolist(), strict=True))
        rows = np.asarray(points, dtype=np.float64) + 0.0
        return np.array([mass_of.get(row.tobytes(), 0.0) for row in rows], dtype=np.float64)

    def entropy(self) -> float:
        return float(-xlogy(self.probabilities, self.probabilities).sum())

    def kl(self, other: Self) -> float:
        return float(rel_entr(self.probabilities, other._mass(self.points)).sum())
