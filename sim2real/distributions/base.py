"""The contract of every probability law here, and what laws of independent coordinates share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np

from sim2real_envs.parameters import Array


class Distribution(ABC):
    """A law over points (n,): a frozen value, float64 throughout, without a generator inside."""

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = vars(self), vars(other)
        return all(np.array_equal(mine[name], theirs[name]) for name in mine)

    def __hash__(self) -> int:
        return hash((type(self), *(array.tobytes() for array in vars(self).values())))

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Draw (size, n)."""

    @abstractmethod
    def log_prob(self, points: Array) -> Array:
        """Return the log density at (k, n): (k,); -inf outside of the support."""

    @abstractmethod
    def entropy(self) -> float:
        """Return E[-log p(x)] [nat]; of a density it may be negative."""

    @abstractmethod
    def kl(self, other: Self) -> float:
        """Return the relative entropy KL(self || other) [nat]; infinite where ``other`` excludes what this law draws.

        Args:
            other: A law of the same kind over as many coordinates.
        """


class Independent(Distribution):
    """A product of one-dimensional laws with inverse distribution functions, one a coordinate."""

    @abstractmethod
    def quantile(self, probability: Array) -> Array:
        """Return the inverse distribution functions at (k, n) or (k, 1): (k, n)."""

    @abstractmethod
    def log_probs(self, points: Array) -> Array:
        """Return each coordinate's log density at (k, n): (k, n)."""

    @abstractmethod
    def entropies(self) -> Array:
        """Return each coordinate's entropy (n,) [nat]."""

    @abstractmethod
    def kls(self, other: Self) -> Array:
        """Return each coordinate's KL(self || other) (n,) [nat]."""

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Number of coordinates n."""

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        return self.quantile(rng.random((size, self.dimension)))

    def log_prob(self, points: Array) -> Array:
        total: Array = self.log_probs(points).sum(axis=1)
        return total

    def entropy(self) -> float:
        return float(self.entropies().sum())

    def kl(self, other: Self) -> float:
        return float(self.kls(other).sum())
