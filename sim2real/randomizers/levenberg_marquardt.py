"""Levenberg and Marquardt's search in the unit cube, with batches of points a step so that all workers are used.

The sum of squares of residuals r(u) is made small over u in [0, 1]^d. At each
point the Jacobian J is taken by central differences; then several steps are
tried at once, each the minimum within the cube of

    |r + J s|^2 + lambda t |s|^2,    t the mean of the diagonal of J'J,

for lambda from a ladder around the last that was best (Levenberg, 1944;
Marquardt, 1963; More, 1978). A simulator is not smooth: differences begin wide
and become finer as the steps do. A parameter that the simulator rounds, as a
delay to whole physics steps, moves nothing within a step: its differences are
never finer than that, steps of one and two of them are tried besides, the
others following along the linear model, and steps in which it stays where it
is: at the edge of a rounding any other would cross it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import lsq_linear

from sim2real_envs.parameters import Array

Evaluate = Callable[[Array], Array]
"""Residuals (k, m) of points (k, d)."""

LADDER = (1e-2, 1e-1, 1.0, 1e1, 1e2)
FIRST_DAMPING = 1e-2
LEAST_DAMPING = 1e-8
FOLLOWING = 1e-5  # most damping of what follows a rounded parameter: a ridge is followed whole
WIDEST, FINEST = 0.05, 0.005
TRIED_ROUNDINGS = (-2.0, -1.0, 1.0, 2.0)
TOLERANCE = 1e-4  # of the cost: less gain than this is none
HOPELESS = 3.0  # a start whose cost is this many times the best one's after a few steps is given up
_SETTLED = 3


@dataclass
class Climb:
    """One start and how far it came.

    Args:
        point: (d,).
        residual: Of the point (m,).
    """

    point: Array
    residual: Array
    damping: float = FIRST_DAMPING
    width: float = WIDEST
    finished: bool = False
    steps: int = 0
    jacobian: Array = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def cost(self) -> float:
        """Half the sum of squares."""
        return 0.5 * float(self.residual @ self.residual)


def minimize(evaluate: Evaluate, starts: Array, roundings: Array, steps: int, width: float = WIDEST) -> Climb:
    """Return the best that is found from ``starts``.

    Args:
        evaluate: Residuals (k, m) of points (k, d).
        starts: (b, d).
        roundings: Width within which a parameter moves nothing (d,); 0 for most.
        steps: At most so many steps from each start.
        width: Half the distance of the first differences.
    """
    climbs = [Climb(point, row, width=width) for point, row in zip(starts, evaluate(starts), strict=True)]
    for step in range(steps):
        live = [climb for climb in climbs if not climb.finished]
        if not live:
            break
        for climb, jacobian in zip(live, jacobians(evaluate, live, roundings), strict=True):
            climb.jacobian = jacobian
        trials = [np.stack(list(_trials(climb, roundings))) for climb in live]
        tried = evaluate(np.concatenate([points for points, _ in map(_split, trials)]))
        first = 0
        for climb, trial in zip(live, trials, strict=True):
            _advance(climb, trial, tried[first : first + len(trial)])
            first += len(trial)
        best = min(climb.cost for climb in climbs)
        for climb in climbs:
            climb.finished |= step >= _SETTLED - 1 and climb.cost > HOPELESS * best
    return min(climbs, key=lambda climb: climb.cost)


def jacobians(
    evaluate: Evaluate, climbs: Sequence[Climb], roundings: Array, widths: Array | None = None
) -> list[Array]:
    """Return the Jacobian (m, d) at each climb's point by central differences, one-sided at a wall of the cube.

    Args:
        evaluate: Residuals (k, m) of points (k, d).
        climbs: Where.
        roundings: Width within which a parameter moves nothing (d,).
        widths: Half the distance of the two points of each parameter's difference (d,); None for each climb's own.
    """
    size = len(roundings)
    pairs = []
    for climb in climbs:
        half = np.maximum(climb.width if widths is None else widths, roundings)
        offsets = np.concatenate([np.diag(half), np.diag(-half)])
        pairs.append(np.clip(climb.point + offsets, 0.0, 1.0))
    rows = evaluate(np.concatenate(pairs)).reshape(len(climbs), 2, size, -1)
    found = []
    for pair, (above, below) in zip(pairs, rows, strict=True):
        apart = (pair[:size] - pair[size:]).diagonal()
        found.append(((above - below) / apart[:, None]).T)
    return found


def _split(trial: Array) -> tuple[Array, Array]:
    return trial[:, :-1], trial[:, -1]


def _trials(climb: Climb, roundings: Array) -> Iterator[Array]:
    """Yield points to try, each with its damping behind (d + 1,)."""
    normal = climb.jacobian.T @ climb.jacobian
    slope = climb.jacobian.T @ climb.residual
    size = float(normal.diagonal().mean())
    if size <= 0.0:
        yield np.append(climb.point, climb.damping)
        return
    smooth = roundings == 0.0
    for free in [np.ones_like(smooth)] + [smooth] * bool(smooth.any() and not smooth.all()):
        for factor in LADDER:
            damping = max(climb.damping * factor, LEAST_DAMPING)
            damped = normal[np.ix_(free, free)] + damping * size * np.eye(int(free.sum()))
            moved = climb.point.copy()
            moved[free] += _step(damped, slope[free], climb.point[free])
            yield np.append(np.clip(moved, 0.0, 1.0), damping)
    damped = normal + min(climb.damping, FOLLOWING) * size * np.eye(len(slope))
    for column in np.flatnonzero(roundings):
        rest = np.arange(len(slope)) != column
        for count in TRIED_ROUNDINGS:
            moved = climb.point.copy()
            moved[column] = np.clip(moved[column] + count * roundings[column], 0.0, 1.0)
            way = moved[column] - climb.point[column]
            if rest.any():
                follow = slope[rest] + way * normal[rest, column]
                moved[rest] += _step(damped[np.ix_(rest, rest)], follow, climb.point[rest])
            yield np.append(np.clip(moved, 0.0, 1.0), climb.damping)


def _step(matrix: Array, slope: Array, point: Array) -> Array:
    """Return the s that minimizes s'Ms / 2 + slope's with point + s in the unit cube."""
    root = np.linalg.cholesky(matrix)
    wanted = np.linalg.solve(root, -slope)
    free = np.linalg.solve(root.T, wanted)
    if ((point + free >= 0.0) & (point + free <= 1.0)).all():
        return np.asarray(free, dtype=np.float64)
    low, high = np.minimum(-point, -1e-12), np.maximum(1.0 - point, 1e-12)
    return np.asarray(lsq_linear(root.T, wanted, (low, high), method="bvls").x, dtype=np.float64)


def _advance(climb: Climb, trial: Array, tried: Array) -> None:
    """Go to the best of the tried points where it is better, and make the differences finer where it hardly is."""
    costs = 0.5 * (tried**2).sum(axis=1)
    best = int(costs.argmin())
    gain = climb.cost - float(costs[best])
    climb.steps += 1
    if gain > 0.0:
        points, dampings = _split(trial)
        longest = float(np.abs(points[best] - climb.point).max())
        climb.damping = float(dampings[best])
        worthwhile = gain > TOLERANCE * climb.cost
        climb.point, climb.residual = points[best], tried[best]
    else:
        longest, worthwhile = 0.0, False
        climb.damping *= LADDER[-1]
    if worthwhile:
        climb.width = min(climb.width, max(longest, FINEST))
    elif climb.width > FINEST:
        climb.width, climb.damping = max(FINEST, climb.width / 4.0), min(climb.damping, FIRST_DAMPING)
    else:
        climb.finished = True
