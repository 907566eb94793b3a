"""From outcomes to indices: SALib's, and the change of each outcome over the whole range of each parameter.

    Morris (1991), Technometrics 33:161            elementary effect  e = (y(x + D u_j) - y(x)) / D,  D = 2/3
    Campolongo et al. (2007), EMS 22:1509          mu* = mean |e|;  mu = mean e;  sigma = standard deviation of e
    Saltelli et al. (2010), CPC 181:259            S1 = first-order, ST = total share of the variance

Outcomes come in the scales that their tasks declare to matter, counted from those of the nominal domain at the same
start. A difference is held within ``+-bound`` scales before it is averaged (Huber, 1964, Annals of Mathematical
Statistics 35:73): how far a cube flew after it slipped must not outweigh a hundred ordinary pushes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim2real.gap.statistics import LEVEL
from sim2real.sensitivity.design import LEVELS, Design, problem
from sim2real_envs.parameters import Array

BOUND = 3.0
RESAMPLES = 500
_PAIR = {"morris": 1.5, "sobol": 6.0**0.5}  # root mean square of what one pair that differs adds to a change
_Z = 1.959963984540054  # what SALib's intervals at ``LEVEL`` are divided by to be standard errors


@dataclass(frozen=True)
class Indices:
    """What a screening measured of every factor (f) and outcome (o); the last factor is the seed.

    Args:
        n: Blocks that each outcome was measured in; blocks with a diverged world are left out, (o,).
        change: Mean change of the outcome over the whole range of the factor [scales], (f, o). Morris's mu.
        change_error: Its standard error, (f, o).
        size: mu* [scales], or the total share ST of the variance, (f, o).
        size_error: Its standard error by SALib's bootstrap over blocks, (f, o).
        other: sigma [scales], or the first-order share S1, (f, o).
        other_error: Standard error of S1 by SALib; NaN for sigma, (f, o).
        effects: The change in each block [scales], NaN where a world diverged, (blocks, f, o).
        seeds: Difference between two runs of a block that differ by their seeds alone [scales], (blocks, o).
    """

    n: Array
    change: Array
    change_error: Array
    size: Array
    size_error: Array
    other: Array
    other_error: Array
    effects: Array
    seeds: Array


def analyze(
    design: Design, outcomes: Array, *, binary: Sequence[bool] = (), bound: float = BOUND, seed: int = 0
) -> Indices:
    """Return the indices of a design's outcomes.

    Args:
        design: The points.
        outcomes: In scales, (blocks, runs, o); NaN where a world diverged.
        binary: Which of them are 0 or 1; without, none. Their changes are those of matched pairs, to which half a pair
            of each kind is added (Agresti and Min, 2005, Statistics in Medicine 24:729), so that an outcome that never
            changed in n pairs has an interval still.
        bound: Differences are held within this many scales; infinite to leave them as they are.
        seed: Of SALib's bootstrap.

    Raises:
        ValueError: If the outcomes do not belong to the design.
    """
    if outcomes.shape[:2] != design.points.shape[:2]:
        raise ValueError(f"Outcomes must be of shape {design.points.shape[:2]} + (o,), but got {outcomes.shape}.")
    held = _held(design, outcomes, bound)
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(held).all(axis=1))  # (blocks, o)
    held = np.where(finite[:, None], held, np.nan)
    changes = effects(design, held)
    f, o = len(design.names), outcomes.shape[2]
    n = finite.sum(axis=0).astype(np.float64)
    columns = [_of_outcome(design, held[:, :, k], finite[:, k], seed) for k in range(o)]
    size, size_error, other, other_error = (np.array(each).reshape(o, f).T for each in zip(*columns, strict=True))
    added = np.where(np.asarray(binary, dtype=bool) if binary else np.zeros(o, dtype=bool), 2.0, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(changes, axis=0) / (n + added)
        squares = np.nansum(changes**2, axis=0) + _PAIR[design.method] ** 2 * (added > 0.0)
        spread = np.sqrt(np.maximum(squares - (n + added) * mean**2, 0.0) / (n + added - 1.0))
    return Indices(
        n, mean, spread / np.sqrt(n + added), size, size_error, other, other_error, changes, seeds(design, held)
    )


def effects(design: Design, outcomes: Array) -> Array:
    """Return the change of every outcome over the whole range of every factor, block by block, (blocks, f, o).

    Morris: the elementary effects. Sobol: ``6 (y(A with j of B) - y(A)) (B_j - A_j)``, whose mean is the slope of the
    least-squares line, as ``E (B_j - A_j)^2 = 1/6``.
    """
    points = design.points
    if design.method == "sobol":
        moved = np.stack([points[:, j + 1, j] - points[:, 0, j] for j in range(points.shape[2])], axis=1)
        return np.asarray(6.0 * moved[:, :, None] * (outcomes[:, 1:-1] - outcomes[:, :1]))
    steps = np.diff(points, axis=1)  # (blocks, f, f): one factor moves at each
    factor = np.abs(steps).argmax(axis=2)  # (blocks, f)
    by_step = np.diff(outcomes, axis=1) / np.take_along_axis(steps, factor[:, :, None], axis=2)
    order = np.argsort(factor, axis=1)
    return np.asarray(np.take_along_axis(by_step, order[:, :, None], axis=1))


def seeds(design: Design, outcomes: Array) -> Array:
    """Return the differences of outcomes when nothing but the seed changes, (blocks, o)."""
    if design.method == "sobol":
        return np.asarray(outcomes[:, -2] - outcomes[:, 0])
    steps = np.diff(design.points, axis=1)
    at = np.abs(steps[:, :, -1]).argmax(axis=1)[:, None, None]
    return np.asarray(np.take_along_axis(np.diff(outcomes, axis=1), at, axis=1)[:, 0])


def _held(design: Design, outcomes: Array, bound: float) -> Array:
    """Return the outcomes with the differences that the design compares held within ``bound``."""
    if math.isinf(bound):
        return outcomes
    if design.method == "sobol":
        return np.clip(outcomes, -bound, bound)
    steps = np.clip(np.diff(outcomes, axis=1), -bound, bound)
    return np.concatenate([np.zeros_like(outcomes[:, :1]), np.cumsum(steps, axis=1)], axis=1)


def _of_outcome(
    design: Design, outcomes: Array, finite: NDArray[np.bool_], seed: int
) -> tuple[Array, Array, Array, Array]:
    """Return size, its error, the other index and its error, each (f,), of one outcome (blocks, runs)."""
    f = len(design.names)
    y, x = outcomes[finite], design.points[finite]
    if len(y) < 2:
        nothing = np.full(f, np.nan)
        return nothing, nothing, nothing, nothing
    if np.ptp(y) == 0.0:  # SALib would divide by the variance
        return np.zeros(f), np.zeros(f), np.zeros(f), np.zeros(f)
    if design.method == "sobol":
        from SALib.analyze import sobol

        found = sobol.analyze(
            problem(design.names),
            y.ravel(),
            calc_second_order=False,
            num_resamples=RESAMPLES,
            conf_level=LEVEL,
            seed=seed + 1,  # SALib takes 0 for no seed
        )
        keys = ("ST", "ST_conf", "S1", "S1_conf")
        size, size_conf, other, other_conf = (np.asarray(found[key], dtype=np.float64) for key in keys)
        return size, size_conf / _Z, other, other_conf / _Z
    from SALib.analyze import morris

    found = morris.analyze(
        problem(design.names),
        x.reshape(-1, f),
        y.ravel(),
        num_resamples=RESAMPLES,
        conf_level=LEVEL,
        num_levels=LEVELS,
        seed=seed,
    )
    size, conf, sigma = (np.ma.filled(found[key], np.nan) for key in ("mu_star", "mu_star_conf", "sigma"))
    return size, conf / _Z, sigma, np.full(f, np.nan)
