"""Rates, differences and their intervals: pure functions in float64.

What was never measured is NaN here and null in JSON: a rate of no trials has
no value and no interval. An interval without a stated level is a 95 % one.
Random numbers come from an ``rng`` argument only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from sim2real_envs.parameters import Array

LEVEL = 0.95
RESAMPLES = 2000


def json_number(value: float) -> float | None:
    """Return ``value`` for JSON, where NaN and infinities do not exist: null instead."""
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True)
class Rate:
    """A success rate ``k / n`` with its interval; NaN throughout where ``n`` is 0."""

    k: int
    n: int
    rate: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return what ``summary.json`` holds of a rate."""
        floats = {name: json_number(getattr(self, name)) for name in ("rate", "low", "high")}
        return {"k": self.k, "n": self.n, **floats}


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where it was not measured."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers for JSON, null for NaN."""
        return {name: json_number(number) for name, number in asdict(self).items()}


@dataclass(frozen=True)
class Difference(Estimate):
    """First minus second, with its interval."""


def wilson(k: int, n: int, level: float = LEVEL) -> Rate:
    """Return the rate ``k / n`` with Wilson's score interval (1927).

    Raises:
        ValueError: Unless ``0 <= k <= n`` and ``0 < level < 1``.
    """
    if not 0 <= k <= n:
        raise ValueError(f"`0 <= k <= n` must hold, but got (k={k}, n={n}).")
    z = _normal_quantile(level)
    if n == 0:
        return Rate(0, 0, math.nan, math.nan, math.nan)
    rate = k / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low = 0.0 if k == 0 else max(centre - half, 0.0)
    high = 1.0 if k == n else min(centre + half, 1.0)
    return Rate(int(k), int(n), rate, low, high)


def newcombe(k_first: int, n_first: int, k_second: int, n_second: int, level: float = LEVEL) -> Difference:
    """Return the difference of two independent rates, first minus second.

    Newcombe (1998), Statistics in Medicine 17:873, method 10: the square and add of two Wilson intervals.
    """
    first, second = wilson(k_first, n_first, level), wilson(k_second, n_second, level)
    return _square_and_add(first, second, correlation=0.0)


def newcombe_paired(both: int, first_only: int, second_only: int, neither: int, level: float = LEVEL) -> Difference:
    """Return the difference of two rates measured on the same starts, first minus second.

    Newcombe (1998), Statistics in Medicine 17:2635, method 10: as ``newcombe``, less what the correlation of the two
    explains. Unlike a bootstrap it does not shrink to a point where all pairs agree.
    """
    n = both + first_only + second_only + neither
    first, second = wilson(both + first_only, n, level), wilson(both + second_only, n, level)
    if n == 0:
        return Difference(math.nan, math.nan, math.nan)
    margins = first.k * (n - first.k) * second.k * (n - second.k)
    covariance = float(both * neither - first_only * second_only)
    if covariance > 0:  # continuity correction of the paper, equation for phi
        covariance = max(covariance - n / 2, 0.0)
    return _square_and_add(first, second, covariance / math.sqrt(margins) if margins else 0.0)


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p value that both of a pair succeed equally often.

    Under that hypothesis the discordant pairs are fair coins; 1 where there are none.
    """
    if min(first_only, second_only) < 0:
        raise ValueError(f"Counts of pairs must not be negative, but got ({first_only}, {second_only}).")
    tail = special.bdtr(min(first_only, second_only), first_only + second_only, 0.5)
    return min(1.0, 2.0 * float(tail))


def mean_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Difference:
    """Return the difference of two independent means, first minus second, with Welch's t interval (1947).

    The interval is NaN where a side has fewer than two values.
    """
    x, y = finite_values(first), finite_values(second)
    if min(x.size, y.size) == 0:
        return Difference(math.nan, math.nan, math.nan)
    value = float(x.mean() - y.mean())
    if min(x.size, y.size) < 2:
        return Difference(value, math.nan, math.nan)
    a, b = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    if a + b == 0.0:
        return Difference(value, value, value)
    freedom = (a + b) ** 2 / (a**2 / (x.size - 1) + b**2 / (y.size - 1))
    half = _student_quantile(level, freedom) * math.sqrt(a + b)
    return Difference(value, value - half, value + half)


def paired_mean_difference(first: ArrayLike, second: ArrayLike, level: float = LEVEL) -> Difference:
    """Return the mean of first minus second, pair by pair, with Student's t interval.

    Pairs with a NaN are left out; the interval is NaN where fewer than two pairs are left.
    """
    d = _pairwise(first, second)
    if d.size < 2:
        return Difference(float(d[0]) if d.size else math.nan, math.nan, math.nan)
    value = float(d.mean())
    half = _student_quantile(level, d.size - 1) * float(d.std(ddof=1)) / math.sqrt(d.size)
    return Difference(value, value - half, value + half)


def bootstrap_paired(
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Difference:
    """Return the mean of first minus second, pair by pair, with a percentile bootstrap interval over pairs."""
    d = _pairwise(first, second)
    estimate = stratified_bootstrap([d], lambda groups: float(groups[0].mean()), rng, level, resamples)
    return Difference(estimate.value, estimate.low, estimate.high)


def interquartile_mean(values: ArrayLike) -> float:
    """Return the mean of the middle half: the lowest and highest ``floor(n / 4)`` values are dropped."""
    ordered = np.sort(finite_values(values))
    cut = ordered.size // 4
    return float(ordered[cut : ordered.size - cut].mean()) if ordered.size else math.nan


def stratified_bootstrap(
    groups: Sequence[ArrayLike],
    statistic: Callable[[Sequence[Array]], float],
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Return a statistic of several groups with a percentile bootstrap interval.

    Values are resampled within their own group (task, seed), whose sizes stay as they are
    (Agarwal et al., 2021, arXiv:2108.13264). NaN throughout where a group is empty.
    """
    _normal_quantile(level)
    samples = [finite_values(group) for group in groups]
    if not samples or min(sample.size for sample in samples) == 0:
        return Estimate(math.nan, math.nan, math.nan)
    replicates = [
        statistic([sample[rng.integers(0, sample.size, sample.size)] for sample in samples]) for _ in range(resamples)
    ]
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(statistic(samples)), float(low), float(high))


def _square_and_add(first: Rate, second: Rate, correlation: float) -> Difference:
    value = first.rate - second.rate
    if math.isnan(value):
        return Difference(math.nan, math.nan, math.nan)
    low = _side(first.rate - first.low, second.high - second.rate, correlation)
    high = _side(first.high - first.rate, second.rate - second.low, correlation)
    return Difference(value, max(value - low, -1.0), min(value + high, 1.0))


def _side(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(a * a - 2 * correlation * a * b + b * b, 0.0))


def finite_values(values: ArrayLike) -> Array:
    """Return the values without NaN and infinities, (n,)."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[np.isfinite(array)]


def _pairwise(first: ArrayLike, second: ArrayLike) -> Array:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"Pairs need two arrays of one shape (n,), but got {x.shape} and {y.shape}.")
    return finite_values(x - y)


def _normal_quantile(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"`0 < level < 1` must hold, but got level={level!r}.")
    return float(special.ndtri((1 + level) / 2))


def _student_quantile(level: float, freedom: float) -> float:
    return float(special.stdtrit(freedom, (1 + level) / 2))
