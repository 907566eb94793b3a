"""Gaussians in the unit cube that are fitted to weighted points, held near to earlier ones, and described."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from sim2real.distributions import Gaussian
from sim2real.distributions.gaussian import EDGE, LOG_ROOT_TWO_PI
from sim2real.randomizers import columns
from sim2real.randomizers.base import BoolArray, Marginal
from sim2real_envs.parameters import Array, ParameterSpace

FARTHEST = 4.0  # a mean of z goes no farther out: Phi(-4) is 0.00003 of a range
_MIDDLES: Array = np.linspace(0.5, 1999.5, 2000)[:, None] / 2000.0  # (2000, 1)
_HALVINGS = 40


def whole_cube(size: int) -> Gaussian:
    """Return the Gaussian that is uniform over the cube of ``size`` dimensions."""
    return Gaussian(np.zeros(size), np.eye(size))


def spaced(law: Gaussian, rng: np.random.Generator, size: int) -> Array:
    """Draw u (size, d) that cover ``law`` evenly: a scrambled Sobol sequence."""
    points = qmc.Sobol(len(law.mean), rng=rng).random_base2((size - 1).bit_length())[:size]
    z = law.mean + ndtri(np.clip(points, EDGE, 1.0 - EDGE)) @ law.root.T
    return np.clip(ndtr(z), EDGE, 1.0 - EDGE)


def weighted(points: Array, weight: Array, prior: Gaussian) -> Gaussian:
    """Return the Gaussian that is most likely given u (k, d) of weights (k,) that sum to 1.

    The covariance of z is the weighted one without its bias for few points, and shrunk towards that of ``prior`` as if
    two points had said so: fewer points than parameters would leave it singular.
    """
    z = ndtri(np.clip(points, EDGE, 1.0 - EDGE))
    effective = max(1.0 / float((weight**2).sum()), 1.0)
    mean = weight @ z
    offset = z - mean
    scatter = (weight[:, None] * offset).T @ offset / max(1.0 - 1.0 / effective, 1e-9)
    share = 2.0 / (1.0 + effective)  # 1 for one point alone
    return _of_moments(mean, share * _covariance(prior) + (1.0 - share) * scatter)


def within(old: Gaussian, new: Gaussian, most: float) -> Gaussian:
    """Return ``new``, or if KL(new || old) > ``most`` the farthest on the way there for which it is not.

    On the way are the Gaussians with the moments of mixtures of the two.
    """
    if new.kl(old) <= most:
        return new
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = 0.5 * (low + high)
        low, high = (share, high) if _mixed(old, new, share).kl(old) <= most else (low, share)
    return _mixed(old, new, low)


def floored(law: Gaussian, floor: float) -> Gaussian:
    """Return the same with standard deviations of u of about ``floor`` at least, though none of z is made wider than 1.

    Means of z are kept within ``FARTHEST``.
    """
    mean = np.clip(law.mean, -FARTHEST, FARTHEST)
    slope = np.exp(-0.5 * mean**2 - LOG_ROOT_TWO_PI)  # du/dz there
    stretch = np.maximum(1.0, np.minimum(floor / slope, 1.0) / _spread(law))
    return Gaussian(mean, stretch[:, None] * law.root)


def marginals(space: ParameterSpace, active: BoolArray, law: Gaussian) -> dict[str, Marginal]:
    """Return each parameter's marginal, without verdict; ``law`` is over the active ones.

    Contraction is taken along the parameter's axis, the logarithm where it says so.
    """
    mean, spread = np.zeros(len(space)), np.zeros(len(space))
    mean[active], spread[active] = law.mean, _spread(law)

    def quantile(probability: Array) -> Array:
        values: Array = ndtr(mean + ndtri(np.clip(probability, EDGE, 1.0 - EDGE)) * spread)
        return values

    return columns.marginals(space, quantile, quantile(_MIDDLES).var(axis=0))


def correlation(active: BoolArray, law: Gaussian) -> Array:
    """Return the correlation matrix of z of all parameters (n, n); ``law`` is over the active ones."""
    matrix = np.eye(len(active))
    spread, size = _spread(law), int(active.sum())
    of_active = np.clip(_covariance(law) / np.outer(spread, spread), -1.0, 1.0)
    of_active[np.arange(size), np.arange(size)] = 1.0
    matrix[np.ix_(active, active)] = 0.5 * (of_active + of_active.T)
    return matrix


def _covariance(law: Gaussian) -> Array:
    covariance: Array = law.root @ law.root.T
    return covariance


def _spread(law: Gaussian) -> Array:
    spread: Array = np.sqrt((law.root**2).sum(axis=1))
    return spread


def _of_moments(mean: Array, covariance: Array) -> Gaussian:
    return Gaussian(mean, np.asarray(np.linalg.cholesky(0.5 * (covariance + covariance.T)), dtype=np.float64))


def _mixed(old: Gaussian, new: Gaussian, share: float) -> Gaussian:
    apart = new.mean - old.mean
    between = share * (1.0 - share) * np.outer(apart, apart)
    covariance = (1.0 - share) * _covariance(old) + share * _covariance(new) + between
    return _of_moments(old.mean + share * apart, covariance)
