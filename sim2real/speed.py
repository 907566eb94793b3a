"""Speeds that were measured turn by turn, and their ratios: the form in which every benchmark answers.

Intervals are those of a median without any assumption about its distribution: from one ordered value to another that
cover it in 95 % of all cases (David and Nagaraja, Order Statistics, 2003, section 7.1).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real_envs.parameters import Array


@dataclass(frozen=True)
class Speed:
    """Env steps per second of one contestant.

    Args:
        name: What was run.
        rate: Median over the turns [1/s].
        low: Slowest turn [1/s].
        high: Fastest turn [1/s].
        ratio: Our speed divided by this one, median over the turns; 1 for ours.
        ratio_low: Lower end of its 95 % interval; with fewer than 6 turns the smallest ratio, which covers less.
        ratio_high: Upper end of its 95 % interval, or the largest ratio.
    """

    name: str
    rate: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float


def compare(names: Sequence[str], rates: Array) -> tuple[Speed, ...]:
    """Return the speed of each contestant from ``rates`` (turns, contestants) [1/s]; ours is the last column."""
    return tuple(_speed(name, rates[:, column], rates[:, -1] / rates[:, column]) for column, name in enumerate(names))


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median of ``values``; with fewer than 6 their range, which covers less."""
    ordered, count = sorted(values), len(values)
    outside, rank = 0.0, 0  # binomial probability that fewer than `rank` values lie below the median
    while rank < (count - 1) // 2 and 2.0 * (outside + math.comb(count, rank) / 2**count) <= 0.05:
        outside += math.comb(count, rank) / 2**count
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[count - 1 - rank]


def _speed(name: str, rates: Array, ratios: Array) -> Speed:
    def middle(values: Array) -> float:
        return float(statistics.median(values.tolist()))

    interval = median_interval(ratios.tolist())
    return Speed(name, middle(rates), float(np.min(rates)), float(np.max(rates)), middle(ratios), *interval)
