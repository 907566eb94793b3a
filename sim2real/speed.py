"""Speeds that were measured turn by turn, and their ratios: the form in which every benchmark answers."""

from __future__ import annotations

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
        ratio_low: Smallest of those ratios.
        ratio_high: Largest of those ratios.
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


def _speed(name: str, rates: Array, ratios: Array) -> Speed:
    def middle(values: Array) -> float:
        return float(statistics.median(values.tolist()))

    return Speed(
        name,
        middle(rates),
        float(np.min(rates)),
        float(np.max(rates)),
        middle(ratios),
        float(np.min(ratios)),
        float(np.max(ratios)),
    )
