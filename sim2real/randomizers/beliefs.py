"""What particles say of each parameter, and a smooth density over the unit cube through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri
from scipy.stats import rankdata

from sim2real.randomizers.base import BoolArray, Marginal, Verdict
from sim2real.randomizers.uniform import PROBABILITIES, uniform_mean
from sim2real_envs.parameters import Array, ParameterSpace

UNIFORM_VARIANCE = 1.0 / 12.0
LEARNED = 0.2  # contraction from which on a parameter counts as learned
IDENTIFIED = 0.75  # contraction from which on it may count as identified
EDGE = 1e-9  # how near to a wall of the unit cube a particle may stand
SHRINKAGE = 0.2  # share of an unlearned column's variance that the kernels carry (Liu and West, 2001)
LEAST_INFLATION = 1.01  # a kernel needs some width to have a density
LOG_ROOT_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


def verdict(contraction: float, low: float, high: float) -> Verdict:
    """Return what may be said of a parameter whose 90 % interval is [low, high] in units of its range.

    "identified" if the contraction is at least 0.75 and the interval keeps
    clear of both ends of the range by 5 % of it; otherwise "bounded" if the
    contraction is at least 0.2; otherwise "not identified".
    """
    if contraction >= IDENTIFIED and low >= 0.05 and high <= 0.95:
        return "identified"
    return "bounded" if contraction >= LEARNED else "not identified"


def marginals(space: ParameterSpace, unit: Array) -> dict[str, Marginal]:
    """Return what particles ``unit`` (p, n) say of each parameter.

    Contraction and verdict are taken along the parameter's axis, the logarithm
    where it says so. A range of no width has nothing to learn: contraction 0.
    """
    if len(unit) == 0:
        return _prior_marginals(space)
    grid = np.quantile(unit, PROBABILITIES, axis=0, method="weibull")  # (21, n); n / (c + 1): unbiased coverage
    quantiles, values = space.from_unit(grid), space.from_unit(unit)
    contraction = 1.0 - unit.var(axis=0) / UNIFORM_VARIANCE
    result = {}
    for column, (name, parameter) in enumerate(space.items()):
        of_name = quantiles[:, column]
        learned = float(contraction[column]) if parameter.high > parameter.low else 0.0
        result[name] = Marginal(
            mean=float(np.clip(values[:, column].mean(), of_name[0], of_name[-1])),
            low=float(of_name[1]),
            high=float(of_name[-2]),
            quantiles=tuple(of_name.tolist()),
            contraction=learned,
            verdict=verdict(learned, float(grid[1, column]), float(grid[-2, column])),
        )
    return result


def _prior_marginals(space: ParameterSpace) -> dict[str, Marginal]:
    quantiles = space.from_unit(np.tile(PROBABILITIES[:, None], (1, len(space))))
    return {
        name: Marginal(
            uniform_mean(parameter), float(column[1]), float(column[-2]), tuple(column.tolist()), 0.0, "not identified"
        )
        for (name, parameter), column in zip(space.items(), quantiles.T, strict=True)
    }


def correlation(unit: Array) -> Array:
    """Return the correlation matrix of (p, n); a column without spread is correlated with nothing."""
    size = unit.shape[1]
    if len(unit) < 2:
        return np.eye(size)
    centred = unit - unit.mean(axis=0)
    spread = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(spread > 0.0, spread, 1.0)
    matrix: Array = np.clip(scaled.T @ scaled, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def thin(unit: Array, count: int) -> Array:
    """Return ``count`` of the particles (p, d) that cover them evenly; all where there are no more.

    The cloud is cut in two across its widest side, again and again, and each
    piece gives one particle, whichever stands first: a stratified sample, with
    far less noise in its moments than every so-many-th particle has.
    """
    if len(unit) <= count:
        return unit
    spread = unit.std(axis=0)
    scaled = unit / np.where(spread > 0.0, spread, 1.0)
    pieces = [(np.arange(len(unit)), count)]
    chosen: list[int] = []
    while pieces:
        piece, share = pieces.pop()
        if share == 1:
            chosen.append(int(piece.min()))
            continue
        across = scaled[piece]
        order = piece[np.argsort(across[:, int(np.ptp(across, axis=0).argmax())], kind="stable")]
        half = share // 2
        border = len(order) * half // share
        pieces += [(order[:border], half), (order[border:], share - half)]
    picked: Array = unit[np.sort(chosen)]
    return picked


@dataclass(frozen=True)
class KernelMixture:
    """A smooth joint density over the open unit cube: normal kernels in z = Phi^-1(u).

    There a uniform marginal is a standard normal, nothing can leave the cube
    and the density is normalized exactly.

    Args:
        centres: Kernel centres z (c, d).
        root: Lower Cholesky factor of the kernels' common covariance (d, d).
    """

    centres: Array
    root: Array

    def sample(self, rng: np.random.Generator, size: int) -> Array:
        """Draw (size, d) in the unit cube."""
        chosen = rng.integers(len(self.centres), size=size)
        noise = rng.normal(size=(size, self.centres.shape[1]))
        return np.clip(ndtr(self.centres[chosen] + noise @ self.root.T), EDGE, 1.0 - EDGE)

    def log_prob(self, unit: Array) -> Array:
        """Return the log density at (k, d) with respect to the unit cube's volume, (k,)."""
        z = ndtri(np.clip(unit, EDGE, 1.0 - EDGE))  # (k, d)
        white = np.linalg.solve(self.root, (z[:, None, :] - self.centres).reshape(-1, z.shape[1]).T)
        square = (white**2).sum(axis=0).reshape(len(z), -1)  # (k, c)
        log_det = np.log(np.diag(self.root)).sum()
        log_kernel = logsumexp(-0.5 * square, axis=1) - np.log(len(self.centres)) - log_det
        log_density: Array = log_kernel + 0.5 * (z**2).sum(axis=1)  # the (2 pi)^(d/2) of kernel and map cancel
        return log_density


def smooth(unit: Array, learned: BoolArray, inflation: float, floor: float) -> KernelMixture:
    """Return a density through particles ``unit`` (c, d) to train in.

    Args:
        unit: Particles of the posterior (c, d).
        learned: Columns in which something was learned (d,). The others are stretched by their ranks until they
            are as wide as the range: exactly uniform, and still related to the rest as the posterior is.
        inflation: Factor on the standard deviation of the learned columns, at least 1, by the kernels' width.
        floor: Smallest standard deviation of a learned column, in units of its range.
    """
    count = len(unit)
    latent = ndtri(np.clip(unit, EDGE, 1.0 - EDGE))
    scores = ndtri((rankdata(unit, axis=0) - 0.5) / count)
    z = np.where(learned, latent, scores / scores.std(axis=0))
    variance = z.var(axis=0)
    slope = np.exp(-0.5 * z.mean(axis=0) ** 2 - LOG_ROOT_TWO_PI)  # du/dz at the centre
    wanted = np.maximum(max(inflation, LEAST_INFLATION) ** 2 * variance, (floor / slope) ** 2)
    width = np.sqrt(np.where(learned, wanted - variance, SHRINKAGE))
    centres = np.where(learned, z, np.sqrt(1.0 - SHRINKAGE) * z)
    covariance = width[:, None] * correlation(z) * width
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(width)))
    return KernelMixture(centres, np.asarray(root, dtype=np.float64))


def drawn(
    unit: Array, active: BoolArray, inflation: float, floor: float, rng: np.random.Generator, size: int
) -> tuple[Array, Array]:
    """Draw from a smooth density through particles ``unit`` (p, n), or uniformly where there are none yet.

    Args:
        unit: Particles of the posterior (p, n).
        active: Columns with a range of some width (n,); the others stand at 0.5.
        inflation: As for ``smooth``.
        floor: As for ``smooth``.
        rng: Draws.
        size: How many.

    Returns:
        Points (size, n) and their log density in the cube of the active columns (size,).
    """
    points, log_prob = np.full((size, len(active)), 0.5), np.zeros(size)
    if len(unit) == 0 or not active.any():
        points[:, active] = rng.random((size, int(active.sum())))
    else:
        density = through(unit[:, active], inflation, floor)
        points[:, active] = density.sample(rng, size)
        log_prob = density.log_prob(points[:, active])
    return points, log_prob


def through(unit: Array, inflation: float, floor: float) -> KernelMixture:
    """Return a density through particles (p, d) to train in; columns that learned little are uniform in it."""
    return smooth(unit, 1.0 - unit.var(axis=0) / UNIFORM_VARIANCE >= LEARNED, inflation, floor)
