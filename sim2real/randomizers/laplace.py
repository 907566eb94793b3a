"""A normal posterior about a least-squares estimate, cut off at the walls of the unit cube.

With residuals r, their Jacobian J at the estimate u and recordings c = 1 … G,
A = J'J and g = J'r with the shares A_c and g_c of the recordings. If residuals were independent,

    V_0 = s^2 A^-1,    s^2 = |r|^2 / (m - d)

(Ljung, "System identification", 2nd edition, 1999, section 9.4). They are not: a wrong model or start leaves errors
that last. What differs from recording to recording is then told by leaving each out in turn, one Gauss-Newton step
each, the jackknife of groups:

    d_c = A^-1 g - (A - A_c)^-1 (g - g_c),    V_1 = (G - 1) / G  sum_c d_c d_c'

(Cameron and Miller, "A practitioner's guide to cluster-robust inference", Journal of Human Resources 50, 2015, section
VI.B), made wider by Student's t of G - 1 degrees of freedom for few recordings. G steps tell a matrix of d x d badly:
in units of V_0 its eigenvalues scatter up to (1 + sqrt(y))^2, y = d / (G - 1), by chance alone. What stands out of that
is taken for what it most likely is, l = (k + sqrt(k^2 - 4 v)) / 2 with k = v + 1 - y for an eigenvalue v, and the rest
for 1 (Donoho, Gavish and Johnstone, "Optimal shrinkage of eigenvalues in the spiked covariance model", Annals of
Statistics 46, 2018). V is V_1, and no narrower than V_0 in any direction.
Windows of one rollout err alike: where recordings are that, whole rollouts are left out as well, and V
is no narrower than their V_2 = V_1 either. A handful of rollouts spans a few directions only; in the others V_1 is
widened by what V_2 exceeds it on the average of all d, trace(V_1^-1 V_2) / d, a design effect (Kish, "Survey sampling",
1965), whose expectation does not depend on how many rollouts there are. A precision of 1 / 10^2 range^-2 stands for the
prior, so that a direction without information is uniform over the cube.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc
from scipy.stats import t as student

from sim2real.randomizers.base import BoolArray, IntArray
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

PRIOR_SD = 10.0  # of the range: flat within it
LEAST_SD = 1e-3  # of the range: nothing is known better than that
MOST_OUTSIDE = 6.0  # a centre may lie this many standard deviations outside the cube
LEAST_GROUPS = 8  # fewer recordings than that are cut into stretches of time
SWEEPS = 10
_ONE_SIDED_95 = 1.6448536269514722


@dataclass(frozen=True)
class Normal:
    """A normal distribution over d parameters: centre (d,) and covariance (d, d), in units of their ranges."""

    centre: Array
    covariance: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre", frozen(self.centre))
        object.__setattr__(self, "covariance", frozen(self.covariance))

    @property
    def spread(self) -> Array:
        """Standard deviations (d,)."""
        return np.sqrt(self.covariance.diagonal())

    def times(self, other: Normal) -> Normal:
        """Return the product of two densities, normalized: what two independent rounds say together."""
        one, two = np.linalg.inv(self.covariance), np.linalg.inv(other.covariance)
        covariance = np.linalg.inv(one + two)
        covariance = 0.5 * (covariance + covariance.T)
        return Normal(covariance @ (one @ self.centre + two @ other.centre), covariance)


def groups_of(counted: BoolArray) -> IntArray:
    """Return the group of each residual of (s, t, c): its recording, or of few recordings a stretch of one, flat."""
    recordings, length, columns = counted.shape
    stretches = -(-LEAST_GROUPS // recordings)
    ends = counted.any(axis=2).cumsum(axis=1)  # samples up to each time, (s, t)
    stretch = np.minimum((ends - 1).clip(0) * stretches // ends[:, -1:].clip(1), stretches - 1)
    group = np.arange(recordings)[:, None] * stretches + stretch
    flat = np.repeat(group[:, :, None], columns, axis=2).reshape(recordings * length * columns)
    return np.asarray(flat, dtype=np.int64)


def posterior(
    point: Array,
    residual: Array,
    jacobian: Array,
    groups: IntArray,
    count: int,
    rounded: BoolArray | None = None,
    rollouts: IntArray | None = None,
) -> Normal:
    """Return the normal posterior of one fit.

    Args:
        point: The estimate in the unit cube (d,).
        residual: Scaled residuals there (m,), 0 where nothing counts.
        jacobian: Their derivatives (m, d).
        groups: Group of each residual (m,), from 0.
        count: How many residuals count.
        rounded: Parameters that the simulator rounds (d,): the best value may lie between two that it can take.
        rollouts: What several groups have in common: rollout of each group, from 0 (g,).
    """
    size = len(point)
    variance = max(float(residual @ residual) / max(count - size, 1), 1e-12)
    number = int(groups.max()) + 1
    order = np.argsort(groups, kind="stable")
    borders = np.searchsorted(groups[order], np.arange(1, number))
    parts, rests = np.split(jacobian[order], borders), np.split(residual[order], borders)
    normals = np.stack([part.T @ part for part in parts])  # (g, d, d)
    slopes = np.stack([part.T @ rest for part, rest in zip(parts, rests, strict=True)])  # (g, d)
    matrix, slope = normals.sum(axis=0) + variance / PRIOR_SD**2 * np.eye(size), slopes.sum(axis=0)
    whole = np.linalg.solve(matrix, slope)
    plain: Array = variance * np.linalg.inv(matrix).astype(np.float64)

    root = np.linalg.cholesky(plain)

    def steps(left_out: Array) -> Array:
        """Return the jackknife's steps when sets of groups (k, g) are left out, in units of V_0: (k, d)."""
        remaining = zip(matrix - np.tensordot(left_out, normals, axes=1), slope - left_out @ slopes, strict=True)
        moved = np.stack([whole - np.linalg.solve(part, rest) for part, rest in remaining])
        scaled: Array = math.sqrt(len(moved) - 1.0) * np.linalg.solve(root, moved.T).T
        return scaled

    covariance = _wider(plain, root @ _standing_out(steps(np.eye(number))) @ root.T)
    if rollouts is not None and (many := int(rollouts.max()) + 1) > 1:
        spread = root @ _moment(steps((rollouts == np.arange(many)[:, None]).astype(np.float64))) @ root.T
        effect = float(np.trace(np.linalg.solve(covariance, spread))) / size
        covariance = _wider(max(effect, 1.0) * covariance, _few(many) * spread)
    covariance = covariance + LEAST_SD**2 * np.eye(size)
    pushed = np.where(point <= 1e-6, np.maximum(slope, 0.0), np.where(point >= 1.0 - 1e-6, np.minimum(slope, 0.0), 0.0))
    if rounded is not None:
        pushed = np.where(rounded & (point > 1e-6) & (point < 1.0 - 1e-6), slope, pushed)
    centre = point - np.linalg.solve(matrix, pushed)  # of the whole quadratic: outside, where a wall holds it
    outside = MOST_OUTSIDE * np.sqrt(covariance.diagonal())
    return Normal(np.clip(centre, -outside, 1.0 + outside), covariance)


def _few(groups: int) -> float:
    """Return how much wider Student's t makes the variance that ``groups`` groups tell."""
    return float(student.ppf(0.95, groups - 1) / _ONE_SIDED_95) ** 2 if groups > 1 else 0.0


def _moment(steps: Array) -> Array:
    """Return the second moment (d, d) of ``steps`` (k, d)."""
    moment: Array = steps.T @ steps / len(steps)
    return moment


def _standing_out(steps: Array) -> Array:
    """Return the second moment of ``steps`` (k, d) without what chance alone adds to steps of unit variance, (d, d)."""
    ratio = steps.shape[1] / max(len(steps) - 1, 1)
    values, vectors = np.linalg.eigh(_moment(steps))
    shifted = values + 1.0 - ratio
    likely = 0.5 * (shifted + np.sqrt(np.maximum(shifted**2 - 4.0 * values, 0.0)))
    stands_out = values > (1.0 + math.sqrt(ratio)) ** 2
    scale = np.where(stands_out, _few(len(steps)) * likely, 1.0)
    result: Array = (vectors * scale) @ vectors.T
    return result


def _wider(plain: Array, grouped: Array) -> Array:
    """Return ``grouped``, stretched in every direction in which it is narrower than ``plain``."""
    root = np.linalg.cholesky(0.5 * (plain + plain.T))
    inverse = np.linalg.inv(root)
    white = inverse @ grouped @ inverse.T
    values, vectors = np.linalg.eigh(0.5 * (white + white.T))
    back = root @ vectors
    wide = (back * np.clip(values, 1.0, None)) @ back.T
    most = PRIOR_SD**2
    shrink = np.sqrt(np.minimum(1.0, most / wide.diagonal()))
    result: Array = shrink[:, None] * wide * shrink
    return 0.5 * (result + result.T)


def truncated(normal: Normal, count: int, rng: np.random.Generator) -> Array:
    """Draw (count, d) from ``normal`` given that it falls into the unit cube.

    Sequential conditional sampling on Sobol points, weighted (Genz and Bretz, "Computation of multivariate normal and
    t probabilities", 2009, section 4.2.1), resampled, then a few sweeps of Gibbs' sampler.
    """
    size = len(normal.centre)
    order = np.argsort(normal.spread, kind="stable")  # the narrowest first
    centre, covariance = normal.centre[order], normal.covariance[np.ix_(order, order)]
    root = np.linalg.cholesky(covariance)
    points = qmc.Sobol(size, rng=rng).random_base2((8 * count - 1).bit_length())
    points = rng.permutation(points)  # every eighth of Sobol's points lies in the same eighth of the cube
    latent, log_weight = np.zeros_like(points), np.zeros(len(points))
    for column in range(size):
        given = centre[column] + latent[:, :column] @ root[column, :column]
        spread = root[column, column]
        latent[:, column], mass = _between(points[:, column], -given / spread, (1.0 - given) / spread)
        log_weight += np.log(np.maximum(mass, 1e-300))
    weight = np.exp(log_weight - log_weight.max())
    edges = np.cumsum(weight / weight.sum())
    picked = np.searchsorted(edges, (rng.random() + np.arange(count)) / count).clip(max=len(points) - 1)
    unit = np.clip(centre + latent[picked] @ root.T, 0.0, 1.0)
    unit = _gibbs(unit, centre, np.linalg.inv(covariance).astype(np.float64), rng)
    result = np.empty_like(unit)
    result[:, order] = unit
    return result


def _gibbs(unit: Array, centre: Array, precision: Array, rng: np.random.Generator) -> Array:
    for _ in range(SWEEPS):
        for column in range(len(centre)):
            spread = 1.0 / np.sqrt(precision[column, column])
            offset = (unit - centre) @ precision[column] - (unit[:, column] - centre[column]) * precision[
                column, column
            ]
            given = centre[column] - offset * spread**2
            drawn, _ = _between(rng.random(len(unit)), -given / spread, (1.0 - given) / spread)
            unit[:, column] = np.clip(given + spread * drawn, 0.0, 1.0)
    return unit


def _between(probability: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return quantiles of the standard normal between ``low`` and ``high``, and what share of it that is, (k,) each."""
    mirrored = low > 0.0  # the lower tail is where the distribution function is exact
    left, right = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    share = np.where(mirrored, 1.0 - probability, probability)
    below, above = ndtr(left), ndtr(right)
    drawn = ndtri(below + share * (above - below))
    drawn = np.clip(np.where(np.isfinite(drawn), drawn, right), left, right)
    return np.where(mirrored, -drawn, drawn), above - below
