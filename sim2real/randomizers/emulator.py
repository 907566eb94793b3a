"""A cheap stand-in for the simulator: Gaussian processes over the unit cube.

One outcome of n episodes is emulated by n processes that share the length
scale of each parameter, because the same physics acts in all of them, and
differ in level, amplitude and noise. Sharing makes the fit cheap (one
eigendecomposition serves all) and keeps a parameter without effect without
effect. Rasmussen and Williams, "Gaussian processes for machine learning",
2006, chapters 2 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from sim2real_envs.parameters import Array

NOISE_RATIOS: Array = np.geomspace(1e-5, 10.0, 19)  # noise variance over signal variance
LOG_LENGTH_BOUNDS = (math.log(0.05), math.log(30.0))  # in units of the range
ROOT5 = math.sqrt(5.0)


@dataclass(frozen=True)
class Emulator:
    """n processes with a Matern 5/2 kernel, fitted to k designs.

    Args:
        designs: Where the simulator ran, unit cube (k, d).
        length: Length scale of each parameter, in units of its range, (d,).
        vectors: Eigenvectors of the kernel matrix (k, k).
        shrinkage: 1 / (eigenvalue + noise ratio), (k, n).
        weights: (K + ratio I)^-1 (y - level), (k, n).
        level: Mean of each process (n,).
        signal: Signal variance of each (n,).
        noise: Variance of what the designs do not explain: the simulator's own noise and roughness, (n,).
    """

    designs: Array
    length: Array
    vectors: Array
    shrinkage: Array
    weights: Array
    level: Array
    signal: Array
    noise: Array

    def predict(self, unit: Array) -> tuple[Array, Array]:
        """Return mean and variance at ``unit`` (p, d): two arrays (p, n); the variance excludes ``noise``."""
        kernel = matern52(distances(unit / self.length, self.designs / self.length))  # (p, k)
        mean = self.level + kernel @ self.weights  # R&W eq. 2.25
        explained = (kernel @ self.vectors) ** 2 @ self.shrinkage  # R&W eq. 2.26 in the eigenbasis
        variance = self.signal * np.clip(1.0 - explained, 0.0, 1.0)
        return mean, variance

    def given(self, designs: Array, values: Array) -> Emulator:
        """Return processes of the same level, length, amplitude and noise that have seen other values (k', n)."""
        ratio = np.where(self.signal > 0.0, self.noise / np.where(self.signal > 0.0, self.signal, 1.0), 1.0)
        eigenvalues, vectors = _spectrum(designs, self.length)
        shrinkage = 1.0 / (eigenvalues[:, None] + ratio)
        weights = vectors @ (shrinkage * (vectors.T @ (values - self.level)))
        return replace(self, designs=designs, vectors=vectors, shrinkage=shrinkage, weights=weights)


def fit(designs: Array, values: Array) -> Emulator:
    """Fit the processes to ``values`` (k, n) at ``designs`` (k, d) by maximum marginal likelihood.

    Each column's amplitude and noise are profiled out; the length scales carry
    a weak log-normal prior around the width of the range.
    """
    level = values.mean(axis=0)
    spread = values.std(axis=0)
    lively = spread > 1e-12 * (1.0 + np.abs(level))  # a column that never changes has nothing to fit
    scaled = np.where(lively, (values - level) / np.where(lively, spread, 1.0), 0.0)
    length = _fit_length(designs, scaled[:, lively]) if lively.any() else np.ones(designs.shape[1])
    eigenvalues, vectors = _spectrum(designs, length)
    rotated = vectors.T @ scaled  # (k, n)
    ratio, amplitude = _profile(eigenvalues, rotated)
    shrinkage = 1.0 / (eigenvalues[:, None] + ratio)
    return Emulator(
        designs=designs,
        length=length,
        vectors=vectors,
        shrinkage=shrinkage,
        weights=vectors @ (shrinkage * rotated) * spread,
        level=level,
        signal=np.where(lively, amplitude * spread**2, 0.0),
        noise=np.where(lively, ratio * amplitude * spread**2, 0.0),
    )


def distances(one: Array, other: Array) -> Array:
    """Return Euclidean distances between the rows of (p, d) and of (k, d): (p, k)."""
    squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2.0 * one @ other.T
    root: Array = np.sqrt(np.maximum(squared, 0.0))
    return root


def matern52(distance: Array) -> Array:
    """Return the Matern 5/2 kernel of unit variance (R&W eq. 4.17)."""
    scaled = ROOT5 * distance
    kernel: Array = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
    return kernel


def _spectrum(designs: Array, length: Array) -> tuple[Array, Array]:
    points = designs / length
    eigenvalues, vectors = np.linalg.eigh(matern52(distances(points, points)))
    return np.maximum(eigenvalues, 0.0), vectors


def _profile(eigenvalues: Array, rotated: Array) -> tuple[Array, Array]:
    """Return each column's best noise ratio and its signal variance, (n,) each.

    With K = Q diag(e) Q' and z = Q'y the log marginal likelihood is
    -k/2 log mean(z^2 / (e + ratio)) - 1/2 sum log(e + ratio), up to a constant.
    """
    loss, amplitude = _profile_grid(eigenvalues, rotated)
    best = loss.argmin(axis=0)
    return NOISE_RATIOS[best], amplitude[best, np.arange(rotated.shape[1])]


def _profile_grid(eigenvalues: Array, rotated: Array) -> tuple[Array, Array]:
    spread = eigenvalues[None, :] + NOISE_RATIOS[:, None]  # (g, k)
    amplitude = (1.0 / spread) @ rotated**2 / len(rotated)  # (g, n)
    amplitude = np.maximum(amplitude, 1e-12)
    loss = 0.5 * len(rotated) * np.log(amplitude) + 0.5 * np.log(spread).sum(axis=1)[:, None]
    return loss, amplitude


def _fit_length(designs: Array, scaled: Array) -> Array:
    start = np.full(designs.shape[1], math.log(0.5 * math.sqrt(designs.shape[1])))
    found = minimize(
        _loss_and_slope,
        start,
        args=(designs, scaled),
        jac=True,
        method="L-BFGS-B",
        bounds=[LOG_LENGTH_BOUNDS] * len(start),
        options={"maxiter": 25, "maxfun": 40},
    )
    length: Array = np.exp(found.x)
    return length


def _loss_and_slope(log_length: Array, designs: Array, scaled: Array) -> tuple[float, Array]:
    """Return minus the log marginal likelihood of all columns, and its slope in the log length scales.

    R&W eq. 5.9, dL/dt = 1/2 tr((a a' - K^-1) dK/dt), summed over the columns;
    their ratios and amplitudes stand at their optima, so they add no slope.
    """
    length = np.exp(log_length)
    points = designs / length
    distance = distances(points, points)
    eigenvalues, vectors = np.linalg.eigh(matern52(distance))
    eigenvalues = np.maximum(eigenvalues, 0.0)
    rotated = vectors.T @ scaled
    ratio, amplitude = _profile(eigenvalues, rotated)
    shrinkage = 1.0 / (eigenvalues[:, None] + ratio)  # (k, n)
    weights = vectors @ (shrinkage * rotated)
    blame = 0.5 * ((weights / amplitude) @ weights.T - (vectors * shrinkage.sum(axis=1)) @ vectors.T)
    steep = 5.0 / 3.0 * (1.0 + ROOT5 * distance) * np.exp(-ROOT5 * distance) * blame
    squares = (points[:, None, :] - points[None, :, :]) ** 2  # (k, k, d)
    slope = np.einsum("kl,kld->d", steep, squares)
    loss = 0.5 * (len(designs) * np.log(amplitude) - np.log(shrinkage).sum(axis=0)).sum()
    return float(loss + 0.5 * (log_length**2).sum()), log_length - slope
