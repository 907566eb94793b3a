"""Which starts tell most about the domain: the expected information of a set of episodes, before they are run.

The policy is tried from every candidate start in domains drawn from the
belief. Over that belief an outcome vector is taken to be linear in the domain,

    y_c = a_c + B_c w + e_c,    e_c ~ N(0, N_c),    w ~ N(0, I),

with w the active parameters, whitened by the belief's covariance, B_c the
least-squares fit, and N_c the covariance of what the fit leaves plus the
misfit s_j^2 of each outcome. What is not linear is noise here: a start from
which chance decides looks lively, and tells nothing. The information that the
episodes of a set S are expected to give about the domain is then

    I(S) = 1/2 log det(I + sum_{c in S} B_c' N_c^-1 B_c)    [nats],

the Bayesian D-optimal criterion (Chaloner and Verdinelli, "Bayesian
experimental design: a review", Statistical Science 10, 1995, section 2.2). It
is submodular, so that taking the best start, then the best beside it, and so
on, gets at least 1 - 1/e of the most that any set has (Nemhauser, Wolsey and
Fisher, Mathematical Programming 14, 1978).
"""

from __future__ import annotations

import numpy as np

from sim2real.randomizers.base import IntArray
from sim2real_envs.parameters import Array


def whitened(draws: Array) -> Array:
    """Return draws (k, d) with mean 0 and covariance I over them."""
    centred = draws - draws.mean(axis=0)
    covariance = np.atleast_2d(np.cov(centred, rowvar=False)) + 1e-12 * np.eye(draws.shape[1])
    white: Array = np.linalg.solve(np.linalg.cholesky(covariance), centred.T).T
    return white


def linear_information(white: Array, outcomes: Array, misfit: Array) -> Array:
    """Return B' N^-1 B of each candidate, (c, d, d).

    Args:
        white: Domains, whitened (k, d), k > d + 1.
        outcomes: What happened in them, in units of the outcomes' scales (k, c, m); NaN where a world diverged.
        misfit: s_j > 0 in the same units (m,).
    """
    count, dimension = white.shape
    filled = np.where(np.isfinite(outcomes), outcomes, _means(outcomes))
    centred = filled - filled.mean(axis=0)
    slopes = np.einsum("dk,kcm->cmd", np.linalg.pinv(white), centred)  # (c, m, d)
    left = centred - np.einsum("kd,cmd->kcm", white, slopes)
    noise = np.einsum("kcm,kcl->cml", left, left) / (count - dimension - 1) + np.diag(misfit**2)
    information: Array = np.einsum("cmd,cme->cde", slopes, np.linalg.solve(noise, slopes))
    return information


def greedy(information: Array, count: int) -> IntArray:
    """Return ``count`` of the candidates (c, d, d), each the one that adds most to those before it; ties to the first.

    Raises:
        ValueError: If there are fewer candidates.
    """
    if count > len(information):
        raise ValueError(f"`count <= {len(information)}`, the number of candidates, must hold, but got {count}.")
    known, chosen = np.eye(information.shape[1]), np.empty(0, dtype=np.int64)
    for _ in range(count):
        gain = np.linalg.slogdet(known + information)[1]
        gain[chosen] = -np.inf
        chosen = np.append(chosen, int(gain.argmax()))
        known = known + information[chosen[-1]]
    return chosen


def expected_information(information: Array) -> float:
    """Return I(S) of the episodes whose ``information`` (s, d, d) this is [nats]."""
    return 0.5 * float(np.linalg.slogdet(np.eye(information.shape[1]) + information.sum(axis=0))[1])


def _means(outcomes: Array) -> Array:
    finite = np.isfinite(outcomes)
    total: Array = np.where(finite, outcomes, 0.0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    return total
