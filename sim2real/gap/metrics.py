"""The gap between simulation and the real side: simulated minus real, always with an interval.

Success, return and named outcomes of two sets of episodes, and the distance of a
predicted motion from a recorded one. Arguments are keyword-only, because a
gap with its sides exchanged looks just as plausible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sim2real.gap.statistics import (
    Difference,
    finite_values,
    json_number,
    mcnemar,
    mean_difference,
    newcombe,
    newcombe_paired,
    paired_mean_difference,
)
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.errors import mean_over_time
from sim2real_envs.rigs.errors import position_error as position_error
from sim2real_envs.rigs.errors import rotation_error as rotation_error


@dataclass(frozen=True)
class PairedDifference(Difference):
    """A difference over ``n`` pairs with the same start, and McNemar's exact p value that there is none."""

    n: int
    mcnemar_p: float


@dataclass(frozen=True)
class MeanGap:
    """Means of one continuous quantity on both sides, and simulated minus real, SI.

    Args:
        simulated: Mean of the ``simulated_n`` finite values.
        real: Mean of the ``real_n`` finite values.
        difference: Simulated minus real, the sides taken as independent.
        paired: The same over the ``pairs`` pairs with the same start; None where there are none.
    """

    simulated: float
    real: float
    simulated_n: int
    real_n: int
    difference: Difference
    paired: Difference | None = None
    pairs: int = 0

    @property
    def normalized(self) -> float:
        """The difference divided by the size of the simulated mean; NaN where that is 0."""
        return self.difference.value / abs(self.simulated) if self.simulated else math.nan

    def to_dict(self) -> dict[str, object]:
        """Return everything for JSON, null for NaN."""
        return {
            "simulated": json_number(self.simulated),
            "real": json_number(self.real),
            "simulated_n": self.simulated_n,
            "real_n": self.real_n,
            **self.difference.to_dict(),
            "normalized": json_number(self.normalized),
            "paired": None if self.paired is None else {**self.paired.to_dict(), "n": self.pairs},
        }


def success_gap(*, simulated: ArrayLike, real: ArrayLike) -> Difference:
    """Return SR_sim - SR_real of successes (n,) and (m,), with Newcombe's interval."""
    s, r = np.asarray(simulated, dtype=bool), np.asarray(real, dtype=bool)
    return newcombe(int(s.sum()), s.size, int(r.sum()), r.size)


def paired_success_gap(*, simulated: ArrayLike, real: ArrayLike) -> PairedDifference:
    """Return SR_sim - SR_real over pairs with the same start, successes (n,) and (n,) in the same order.

    Raises:
        ValueError: If the two have different lengths.
    """
    s, r = np.asarray(simulated, dtype=bool), np.asarray(real, dtype=bool)
    if s.shape != r.shape or s.ndim != 1:
        raise ValueError(f"Pairs need two arrays of one shape (n,), but got {s.shape} and {r.shape}.")
    simulated_only, real_only = int((s & ~r).sum()), int((~s & r).sum())
    gap = newcombe_paired(int((s & r).sum()), simulated_only, real_only, int((~s & ~r).sum()))
    p = mcnemar(simulated_only, real_only) if s.size else math.nan
    return PairedDifference(gap.value, gap.low, gap.high, s.size, p)


def mean_gap(*, simulated: ArrayLike, real: ArrayLike, paired: tuple[ArrayLike, ArrayLike] | None = None) -> MeanGap:
    """Return the gap of a continuous quantity, such as the return or an outcome; NaN values are left out.

    Args:
        simulated: Values of the simulated episodes, (n,).
        real: Values of the real episodes, (m,).
        paired: Simulated and real values of the pairs with the same start, each (p,).
    """
    s, r = finite_values(simulated), finite_values(real)
    difference = mean_difference(s, r)
    means = (float(s.mean()) if s.size else math.nan, float(r.mean()) if r.size else math.nan)
    if paired is None:
        return MeanGap(*means, s.size, r.size, difference)
    pairs = finite_values(np.asarray(paired[0], dtype=np.float64) - np.asarray(paired[1], dtype=np.float64)).size
    return MeanGap(*means, s.size, r.size, difference, paired_mean_difference(*paired), pairs)


def feature_errors(*, predicted: ArrayLike, recorded: ArrayLike) -> tuple[Array, Array]:
    """Return the L1 and L2 error of every feature over time, paths (t, d) to (d,) and (d,): mean |e|, root mean e^2."""
    error = np.asarray(predicted, dtype=np.float64) - np.asarray(recorded, dtype=np.float64)
    absolute = mean_over_time(np.abs(error).T)
    return absolute, np.sqrt(mean_over_time((error**2).T))
