"""What real trials will tell: the Fisher information of outcomes about parameters, and what it leaves of their ranges.

With g_j the mean change of the outcomes over the range of parameter j, and S the covariance of the outcomes when a
trial is repeated, one trial has the information ``F_jk = g_j' S^-1 g_k``. F is estimated without the bias of its own
noise, as the mean of ``e_bj' S^-1 e_b'k`` over pairs of different blocks; intervals are by the jackknife over blocks.

After n trials the covariance of the parameters, in shares of their ranges, is ``(n F + 12 I)^-1``: a linear model with
a uniform prior of variance 1/12 (Chaloner and Verdinelli, 1995, Statistical Science 10:273, section 2). All parameters
are unknown together, so a pair on a ridge stays wide. It is an expectation on average over starts and domains: what a
parameter does at some starts only is not in it.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from sim2real.gap.statistics import LEVEL
from sim2real.sensitivity.indices import Indices
from sim2real_envs.parameters import Array

RESOLUTION = 0.1
"""Scatter that every outcome has at least, beside that of repeated trials: sensors have their own [scales]."""
PRIOR = 12.0
"""One over the variance of a uniform distribution over the range."""


def information(effects: Array, seeds: Array) -> tuple[Array, Array]:
    """Return F (f, f), and F without each block (b, f, f); there must be at least three blocks.

    Args:
        effects: Change over the whole range, (b, f, o).
        seeds: Difference between two trials that are repetitions of each other, (b, o).
    """
    n, outcomes = seeds.shape
    squares = seeds[:, :, None] * seeds[:, None, :] / 2.0  # (b, o, o)
    floor = RESOLUTION**2 * np.eye(outcomes)
    all_squares, total = squares.sum(axis=0), effects.sum(axis=0)
    weight = np.linalg.inv(all_squares / n + floor)
    own = _inner(effects, weight)
    whole = (_inner(total, weight) - own.sum(axis=0)) / (n * (n - 1.0))
    weights = np.linalg.inv((all_squares - squares) / (n - 1.0) + floor)  # (b, o, o)
    moments = np.einsum("bfo,bgp->fgop", effects, effects, optimize=True)  # sums over blocks of e e'
    without = np.empty_like(own)
    for block, (effect, other) in enumerate(zip(effects, weights, strict=True)):
        kept = np.einsum("fgop,op->fg", moments, other) - _inner(effect, other)
        without[block] = _inner(total - effect, other) - kept
    return np.asarray(whole), np.asarray(without / ((n - 1.0) * (n - 2.0)))


def _inner(effects: Array, weight: Array) -> Array:
    """Return ``e' W e`` of effects (..., f, o), (..., f, f)."""
    return np.asarray(effects @ weight @ np.swapaxes(effects, -1, -2))


def jackknife_half(replicates: Array) -> Array:
    """Return the half width of a jackknife interval, from values (b, ...) without each block."""
    n = len(replicates)
    error = np.sqrt((n - 1.0) / n * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0))
    return np.asarray(stats.t.ppf(0.5 + LEVEL / 2.0, n - 1) * error)


def expected_left(indices: Indices, among: list[int], trials: int) -> tuple[Array, Array, Array]:
    """Return what so many real trials leave of each parameter's uncertainty, and both ends of its interval, each (f,).

    The share of the standard deviation of a uniform distribution over the range: 1 where nothing is learned, which
    those are taken to be that are not ``among`` the parameters with an effect that counts.
    """
    value, low, high = (np.ones(indices.change.shape[0] - 1) for _ in range(3))
    finite = np.isfinite(indices.effects).all(axis=(1, 2))
    if among and finite.sum() >= 3:
        found, without = information(indices.effects[finite][:, among], indices.seeds[finite])
        half = jackknife_half(np.stack([left_after(matrix, trials) for matrix in without]))
        value[among] = left_after(found, trials)
        low[among], high[among] = np.clip(value[among] - half, 0.0, 1.0), np.clip(value[among] + half, 0.0, 1.0)
    return value, low, high


def left_after(information_matrix: Array, trials: int) -> Array:
    """Return ``sqrt(12 diag (n F + 12 I)^-1)`` (f,); what F has of negative information is noise, and taken as none."""
    values, vectors = np.linalg.eigh((information_matrix + information_matrix.T) / 2.0)
    posterior = (vectors**2 / (trials * np.maximum(values, 0.0) + PRIOR)).sum(axis=1)
    return np.asarray(np.sqrt(PRIOR * posterior))
