"""Weights that lower a cost within a bound on the relative entropy: one step of REPS.

Peters, Mülling and Altün, "Relative entropy policy search", AAAI 2010, for one
state: of all weights w over points with base weights q,

    minimize sum_k w_k D_k   subject to   sum_k w_k log(w_k / q_k) <= eps,

whose solution is w_k ~ q_k exp(-D_k / eta), eta the minimum of the dual

    g(eta) = eta eps + eta log sum_k q_k exp(-D_k / eta),   eta > 0.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, xlogy

from sim2real_envs.parameters import Array

_LEAST, _MOST = -16.0, 16.0  # log of eta in units of the costs' range


def dual(eta: float, cost: Array, log_base: Array, bound: float) -> float:
    """Return g(eta); its minimum over eta > 0 is minus the least cost within ``bound``."""
    return eta * bound + eta * float(logsumexp(log_base - cost / eta))


def entropy_weights(cost: Array, base: Array, bound: float) -> tuple[Array, float]:
    """Return weights (k,) that sum to 1, and the temperature eta.

    Args:
        cost: D of each point, finite (k,).
        base: Base weights q, which sum to 1 (k,).
        bound: eps > 0 [nat].
    """
    low = float(cost[base > 0.0].min())
    width = float(cost[base > 0.0].max()) - low
    if width <= 0.0:  # nothing to choose
        return base, float("inf")
    scaled = (cost - low) / width
    with np.errstate(divide="ignore"):
        log_base = np.log(base)
    found = minimize_scalar(
        lambda log_eta: dual(float(np.exp(log_eta)), scaled, log_base, bound),
        bounds=(_LEAST, _MOST), method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    eta = float(np.exp(found.x))
    log_weight = log_base - scaled / eta
    return np.exp(log_weight - logsumexp(log_weight)), eta * width


def divergence(weight: Array, base: Array) -> float:
    """Return the relative entropy sum w log(w / q) of weights (k,) to base weights (k,) [nat]."""
    return float((xlogy(weight, weight) - xlogy(weight, base)).sum())
