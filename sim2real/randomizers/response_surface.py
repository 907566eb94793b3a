"""What few noisy results say of the function behind them: one Gaussian process over the unit cube.

Unlike the simulator's (``emulator``), each result here has a standard error of
its own that is known, such as that of 4 successes in 6 episodes, and there are
so few that priors of the kernel's parameters have a say. Rasmussen and
Williams, "Gaussian processes for machine learning", 2006, chapters 2 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve
from scipy.optimize import minimize
from scipy.special import ndtr

from sim2real.randomizers.emulator import distances, matern52
from sim2real_envs.parameters import Array

LOG_BOUNDS = (math.log(0.02), math.log(30.0))
EXCESS = 0.2  # prior median of the noise beyond the known errors, in units of the results' spread
JITTER = 1e-9


@dataclass(frozen=True)
class ResponseSurface:
    """A process with a Matern 5/2 kernel given k results.

    Args:
        points: Where the results were had (k, d).
        length: Length scale of each column (d,).
        signal: Standard deviation of the process.
        excess: Standard deviation of a result beyond its known error.
        level: Mean of the process far from all results.
        root: Lower Cholesky factor of the results' covariance (k, k).
        weights: That covariance's inverse times (results - level), (k,).
    """

    points: Array
    length: Array
    signal: float
    excess: float
    level: float
    root: Array
    weights: Array

    def predict(self, unit: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the function at ``unit`` (p, d), (p,) each; R&W eqs. 2.25 and 2.26."""
        kernel = self.signal**2 * matern52(distances(unit / self.length, self.points / self.length))  # (p, k)
        explained = (kernel * cho_solve((self.root, True), kernel.T).T).sum(axis=1)
        deviation: Array = np.sqrt(np.clip(self.signal**2 - explained, 0.0, None))
        return self.level + kernel @ self.weights, deviation

    def better(self, one: Array, other: Array) -> float:
        """Return the probability that the function is larger at ``one`` (d,) than at ``other`` (d,)."""
        unit = np.stack([one, other]) / self.length
        kernel = self.signal**2 * matern52(distances(unit, self.points / self.length))  # (2, k)
        prior = self.signal**2 * matern52(distances(unit, unit))
        covariance = prior - kernel @ cho_solve((self.root, True), kernel.T)  # R&W eq. 2.24
        variance = covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]
        rise = float((kernel[0] - kernel[1]) @ self.weights)
        return float(ndtr(rise / math.sqrt(max(variance, 1e-300))))


def fit(points: Array, values: Array, errors: Array) -> ResponseSurface:
    """Return the process most probable after ``values`` (k,) with standard errors ``errors`` (k,) at ``points`` (k, d).

    In units of the values' spread, the logarithms of the length scales, of the signal and of the excess noise have
    normal priors of unit width about ``sqrt(d) / 2``, 1 and ``EXCESS``.
    """
    level, spread = float(values.mean()), float(values.std())
    scale = spread if spread > 1e-12 * (1.0 + abs(level)) else 1.0
    standard, known = (values - level) / scale, errors / scale
    size = points.shape[1]
    prior = np.log(np.concatenate([np.full(size, 0.5 * math.sqrt(size)), [1.0, EXCESS]]))

    def loss(theta: Array) -> float:
        root, weights = _solve(theta, points, standard, known)
        likelihood = -0.5 * standard @ weights - np.log(np.diag(root)).sum()  # R&W eq. 2.30 without its constant
        return float(0.5 * ((theta - prior) ** 2).sum() - likelihood)

    found = minimize(loss, prior, method="L-BFGS-B", bounds=[LOG_BOUNDS] * len(prior), options={"maxiter": 50})
    root, weights = _solve(found.x, points, standard, known)
    length, (signal, excess) = np.exp(found.x[:size]), np.exp(found.x[size:]).tolist()
    return ResponseSurface(
        points, length, scale * signal, scale * excess, level, root=scale * root, weights=weights / scale
    )


def _solve(theta: Array, points: Array, standard: Array, known: Array) -> tuple[Array, Array]:
    """Return the Cholesky factor of the results' covariance and its inverse times the results."""
    scaled = points / np.exp(theta[:-2])
    noise = known**2 + math.exp(2.0 * theta[-1]) + JITTER
    covariance = math.exp(2.0 * theta[-2]) * matern52(distances(scaled, scaled)) + np.diag(noise)
    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    return root, np.asarray(cho_solve((root, True), standard), dtype=np.float64)
