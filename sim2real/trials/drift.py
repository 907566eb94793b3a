"""Whether success changed while the trials went on: the robot, the light, or the operator may have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from sim2real.gap.statistics import Difference, json_number, newcombe

SHUFFLES = 4000
_TOGETHER = 500  # shuffles at a time
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Drift:
    """How success went with a clock, within each policy.

    Args:
        n: Trials.
        slope: Change of the success rate per unit of the clock, least squares within policies; NaN where the clock
            stands still.
        p: Share of random orders within policies whose slope is at least as steep, either way; NaN likewise.
    """

    n: int
    slope: float
    p: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers for JSON, null for NaN."""
        return {name: json_number(value) for name, value in asdict(self).items()}


def drift(clock: ArrayLike, success: ArrayLike, policy: Sequence[str], rng: np.random.Generator) -> Drift:
    """Return how success went with ``clock``.

    Both are centred within each policy, so that a policy that is better, and happened to come later, is no drift. The
    p value is that of a permutation test: verdicts are shuffled within policies, which holds for any number of trials.

    Args:
        clock: (n,) trial numbers or hours.
        success: (n,) 0 or 1.
        policy: (n,) which policy each was.
        rng: Of the shuffles.
    """
    when, won = np.asarray(clock, dtype=np.float64), np.asarray(success, dtype=np.float64)
    groups = [np.flatnonzero([each == name for each in policy]) for name in sorted(set(policy))]
    centred = when.copy()
    for rows in groups:
        centred[rows] -= when[rows].mean()
    scale = float(centred @ centred)
    if scale <= 1e-12 * max(1.0, float(when @ when)):
        return Drift(len(when), math.nan, math.nan)
    slope = float(centred @ won) / scale  # centring one factor of the sum is enough
    steeper = 1  # the order that was observed is one of those that could have been
    for _ in range(SHUFFLES // _TOGETHER):
        sums = sum(rng.permuted(np.tile(won[rows], (_TOGETHER, 1)), axis=1) @ centred[rows] for rows in groups)
        steeper += int((np.abs(sums) >= abs(slope) * scale - _ROUNDING * math.sqrt(scale)).sum())
    return Drift(len(when), slope, steeper / (SHUFFLES + 1))


def halves(success: ArrayLike) -> Difference:
    """Return the success rate of the second half of trials minus that of the first, with Newcombe's interval."""
    won = np.asarray(success, dtype=bool)
    first, second = won[: len(won) // 2], won[len(won) // 2 :]
    return newcombe(int(second.sum()), len(second), int(first.sum()), len(first))
