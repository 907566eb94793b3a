"""Beta laws on the unit interval, one a coordinate; Beta(1, 1) is the uniform one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import betaincinv, betaln, psi, xlog1py, xlogy

from sim2real.distributions.base import Independent
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen


@dataclass(frozen=True, eq=False)
class Beta(Independent):
    """p(x) = x^(a - 1) (1 - x)^(b - 1) / B(a, b) on [0, 1], independent coordinates.

    Entropy and relative entropy in closed form: Johnson, Kotz and Balakrishnan, "Continuous univariate
    distributions", volume 2, 1995, chapter 25. They cancel large terms: float64 only, float32 leaves noise.

    Args:
        a: Exponents at 0 (n,), positive.
        b: Exponents at 1 (n,), positive.

    Raises:
        OptionError: Unless all exponents are positive.
    """

    a: Array
    b: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "a", frozen(self.a))
        object.__setattr__(self, "b", frozen(self.b))
        if not ((self.a > 0.0) & (self.b > 0.0)).all():
            raise OptionError(f"`a > 0` and `b > 0` must hold in each coordinate, but got a={self.a}, b={self.b}.")

    @property
    def dimension(self) -> int:
        return len(self.a)

    def quantile(self, probability: Array) -> Array:
        return np.asarray(betaincinv(self.a, self.b, probability), dtype=np.float64)

    def log_probs(self, points: Array) -> Array:
        inside = (points >= 0.0) & (points <= 1.0)
        x = np.where(inside, points, 0.5)
        log_density = xlogy(self.a - 1.0, x) + xlog1py(self.b - 1.0, -x) - betaln(self.a, self.b)
        return np.where(inside, log_density, -np.inf)

    def entropies(self) -> Array:
        a, b = self.a, self.b
        entropies: Array = betaln(a, b) - (a - 1.0) * psi(a) - (b - 1.0) * psi(b) + (a + b - 2.0) * psi(a + b)
        return entropies

    def kls(self, other: Self) -> Array:
        a, b, c, d = self.a, self.b, other.a, other.b
        kls: Array = betaln(c, d) - betaln(a, b) + (a - c) * psi(a) + (b - d) * psi(b) + (c - a + d - b) * psi(a + b)
        return kls

    def variance(self) -> Array:
        """Return the variance (n,)."""
        total = self.a + self.b
        variance: Array = self.a * self.b / (total**2 * (total + 1.0))
        return variance
