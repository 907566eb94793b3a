"""Correlated Gaussians inside the unit cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from sim2real.distributions.base import Distribution
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))
EDGE = 1e-9  # how near to a wall of the cube a point may stand; in z that is 6 standard deviations


@dataclass(frozen=True, eq=False)
class Gaussian(Distribution):
    """u = Phi(z) with z ~ N(mean, root root^T) and Phi the standard normal's distribution function of each coordinate.

    The normal is brought into the cube by the map and not by cutting it off: a truncated correlated normal is
    normalized by the probability of a box, which only exists as quadrature, while here the density, the entropy
    and the relative entropy (which no bijection changes) are all closed forms. mean 0 and root 1 is the uniform law;
    a small spread in z is very nearly a normal in the cube, of standard deviation spread * phi(mean).

    log p(u) = log N(z; mean, Sigma) - sum_i log phi(z_i), z = Phi^-1(u).

    Args:
        mean: Mean of z (n,).
        root: Lower Cholesky factor of the covariance of z (n, n).

    Raises:
        OptionError: Unless ``root`` is lower triangular with a positive diagonal.
    """

    mean: Array
    root: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", frozen(self.mean))
        object.__setattr__(self, "root", frozen(self.root))
        size = len(self.mean)
        if self.root.shape != (size, size):
            raise OptionError(f"`root` must have shape ({size}, {size}), but got {self.root.shape}.")
        if not ((np.triu(self.root, 1) == 0.0).all() and (np.diag(self.root) > 0.0).all()):
            raise OptionError(
                f"`root` must be lower triangular with a positive diagonal, but got {self.root.tolist()}."
            )

    @classmethod
    def near(cls, centre: Array, covariance: Array) -> Self:
        """Return the law that is, to first order, the normal N(centre, covariance) of the cube.

        Args:
            centre: Median (n,), inside the cube.
            covariance: Positive definite (n, n), in units of the cube.
        """
        mean = ndtri(np.clip(centre, EDGE, 1.0 - EDGE))
        slope = np.exp(-0.5 * mean**2 - LOG_ROOT_TWO_PI)  # du/dz at the centre
        return cls(mean, np.linalg.cholesky(covariance / np.outer(slope, slope)))

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        z = self.mean + rng.normal(size=(size, len(self.mean))) @ self.root.T
        return np.clip(ndtr(z), EDGE, 1.0 - EDGE)

    def log_prob(self, points: Array) -> Array:
        inside = ((points >= 0.0) & (points <= 1.0)).all(axis=1)
        z = ndtri(np.clip(points, EDGE, 1.0 - EDGE))  # (k, n)
        white = np.linalg.solve(self.root, (z - self.mean).T)  # (n, k)
        log_density = 0.5 * ((z**2).sum(axis=1) - (white**2).sum(axis=0)) - self._log_det
        return np.where(inside, log_density, -np.inf)

    @property
    def _log_det(self) -> float:
        """Log of the determinant of ``root``."""
        return float(np.log(np.diag(self.root)).sum())

    def entropy(self) -> float:
        """H(z) + sum_i E[log phi(z_i)]: 0 for the uniform law, negative for all others."""
        size = len(self.mean)
        return self._log_det + 0.5 * (size - float((self.mean**2).sum()) - float((self.root**2).sum()))

    def kl(self, other: Self) -> float:
        size = len(self.mean)
        spread = np.linalg.solve(other.root, self.root)
        shift = np.linalg.solve(other.root, self.mean - other.mean)
        square = float((spread**2).sum()) + float((shift**2).sum())
        return 0.5 * (square - size) + other._log_det - self._log_det
