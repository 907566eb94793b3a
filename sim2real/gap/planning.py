"""How many trials a wanted interval needs, and what so many trials can show: before any of them is spent.

Every figure is a sum over all results that so many trials can have, weighted with their binomial probabilities: no
normal approximation, no simulation. The intervals and tests are those that reports use (``sim2real.gap.statistics``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from sim2real.gap.statistics import LEVEL
from sim2real_envs.parameters import Array

Interval: TypeAlias = Literal["wilson", "clopper-pearson"]
MOST_TRIALS = 100_000
"""What a search for a number of trials gives up at."""
MOST_PAIRED, MOST_UNPAIRED = 20_000, 2_000
_CLEAR = 0.02  # above the wanted power the teeth of its saw no longer reach down to it


def bounds(n: int, level: float = LEVEL, interval: Interval = "wilson") -> tuple[Array, Array]:
    """Return both ends of the interval of a rate for k = 0 … n successes, each (n + 1,).

    ``"wilson"``: Wilson's score interval (1927). ``"clopper-pearson"``: Clopper and Pearson (1934), Biometrika 26:404,
    which covers at least ``level`` whatever the rate, and is mostly wider.

    Raises:
        ValueError: Unless ``n >= 1`` and ``0 < level < 1``.
    """
    _check(n, level)
    k = np.arange(n + 1)
    if interval == "clopper-pearson":
        tail = (1.0 - level) / 2.0
        low = np.where(k == 0, 0.0, stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1))
        high = np.where(k == n, 1.0, stats.beta.ppf(1.0 - tail, k + 1, np.maximum(n - k, 1)))
        return np.asarray(low), np.asarray(high)
    z, rate = float(special.ndtri((1.0 + level) / 2.0)), k / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low, high = np.where(k == 0, 0.0, centre - half), np.where(k == n, 1.0, centre + half)
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


# -- One rate ----------------------------------------------------------------------------------------------------


def half_width(rate: float, n: int, level: float = LEVEL, interval: Interval = "wilson") -> float:
    """Return the expected half width of the interval after ``n`` trials of something that succeeds at ``rate``."""
    low, high = bounds(n, level, interval)
    return float(_binomial(n, rate) @ (high - low)) / 2.0


def coverage(rate: float, n: int, level: float = LEVEL, interval: Interval = "wilson") -> float:
    """Return the probability that the interval after ``n`` trials contains ``rate``."""
    low, high = bounds(n, level, interval)
    return float(_binomial(n, rate) @ ((low <= rate) & (rate <= high)))


def trials_for_rate(rate: float, half: float, level: float = LEVEL, interval: Interval = "wilson") -> int | None:
    """Return the fewest trials after which the interval's half width is ``half`` in expectation; None if too many.

    Raises:
        ValueError: Unless ``0 < half < 0.5``.
    """
    if not 0.0 < half < 0.5:
        raise ValueError(f"`0 < half < 0.5` must hold, but got half={half!r}.")
    return _fewest(lambda n: half_width(rate, n, level, interval) <= half, MOST_TRIALS)


# -- Two rates, on starts of their own ---------------------------------------------------------------------------


def difference_half_width(first: float, second: float, n: int, level: float = LEVEL) -> float:
    """Return the expected half width of Newcombe's interval of ``first - second`` after ``n`` trials of each."""
    low, high = _newcombe(n, level)
    return float(_binomial(n, first) @ (high - low) @ _binomial(n, second)) / 2.0


def trials_for_difference(first: float, second: float, half: float, level: float = LEVEL) -> int | None:
    """Return the fewest trials of each after which the half width of ``first - second`` is ``half`` in expectation.

    None if that takes more than ``MOST_UNPAIRED``.

    Raises:
        ValueError: Unless ``0 < half < 1``.
    """
    if not 0.0 < half < 1.0:
        raise ValueError(f"`0 < half < 1` must hold, but got half={half!r}.")
    return _fewest(lambda n: difference_half_width(first, second, n, level) <= half, MOST_UNPAIRED)


def power_unpaired(first: float, second: float, n: int, level: float = LEVEL) -> float:
    """Return the probability that Newcombe's interval of the difference leaves out 0 after ``n`` trials of each."""
    low, high = _newcombe(n, level)
    seen = ((low > 0.0) | (high < 0.0)).astype(np.float64)
    return float(_binomial(n, first) @ seen @ _binomial(n, second))


def trials_unpaired(first: float, second: float, power: float = 0.8, level: float = LEVEL) -> int | None:
    """Return the trials of each from which on a difference is seen with probability ``power``; None if too many."""
    return _steady(lambda n: power_unpaired(first, second, n, level), power, MOST_UNPAIRED)


# -- Two rates, on the same starts -------------------------------------------------------------------------------


def discordance_range(first: float, second: float) -> tuple[float, float]:
    """Return the least and the greatest share of starts at which exactly one of two can succeed.

    ``|a - b|``, where whoever is worse succeeds only where the other does, and ``min(a + b, 2 - a - b)``.
    """
    return abs(first - second), min(first + second, 2.0 - first - second)


def independent_discordance(first: float, second: float) -> float:
    """Return the share of starts at which exactly one of two succeeds, if the start does not matter to either."""
    return first * (1.0 - second) + second * (1.0 - first)


def power_paired(first: float, second: float, discordance: float, n: int, level: float = LEVEL) -> float:
    """Return the probability that McNemar's exact test rejects equality after ``n`` starts, each tried with both.

    Args:
        first: Rate of one.
        second: Rate of the other.
        discordance: Share of starts at which exactly one of them succeeds.
        n: Starts.
        level: One minus the level of the test.

    Raises:
        ValueError: If two such rates cannot have that discordance.
    """
    _check(n, level)
    least, most = discordance_range(first, second)
    if not least - 1e-12 <= discordance <= most + 1e-12:
        raise ValueError(
            f"Two rates of {first:g} and {second:g} differ at {least:g} to {most:g} of the starts, "
            f"but got discordance={discordance:g}."
        )
    if discordance <= 1e-12:
        return 0.0
    share = min(max((discordance + first - second) / (2.0 * discordance), 0.0), 1.0)
    pairs = np.arange(n + 1)  # discordant ones
    critical = _critical(pairs, 1.0 - level)
    rejected = stats.binom.cdf(critical, pairs, share) + stats.binom.sf(pairs - critical - 1, pairs, share)
    return float(_binomial(n, discordance) @ np.where(critical >= 0, rejected, 0.0))


def trials_paired(
    first: float, second: float, discordance: float, power: float = 0.8, level: float = LEVEL
) -> int | None:
    """Return the starts from which on a difference is seen with probability ``power``; None if too many."""
    return _steady(lambda n: power_paired(first, second, discordance, n, level), power, MOST_PAIRED)


# -- What so many trials can show --------------------------------------------------------------------------------


def detectable(
    rate: float, n: int, power: float = 0.8, level: float = LEVEL, *, paired: bool = False, better: bool = True
) -> float | None:
    """Return the rate nearest to ``rate`` that ``n`` trials of each tell from it with probability ``power``.

    Args:
        rate: Of the one.
        n: Trials of each.
        power: Probability to see the difference.
        level: Of the interval, or one minus the level of the test.
        paired: On the same starts, by McNemar's test, where the start does not matter to success: the least that
            pairing is worth.
        better: Whether to look for a better or a worse one.

    Returns:
        To 0.001; None if even 1 (or 0) would not be told apart.
    """

    def seen(other: float) -> float:
        if paired:
            return power_paired(rate, other, independent_discordance(rate, other), n, level)
        return power_unpaired(rate, other, n, level)

    end = 1.0 if better else 0.0
    steps = math.floor(abs(end - rate) * 1000.0 + 1e-9)
    direction = 1.0 if better else -1.0
    if steps < 1 or seen(rate + direction * steps / 1000.0) < power:
        return None
    fewest = _fewest(lambda step: seen(rate + direction * step / 1000.0) >= power, steps)
    return None if fewest is None else round(rate + direction * fewest / 1000.0, 9)


# -- Inside ------------------------------------------------------------------------------------------------------


def _binomial(n: int, rate: float) -> Array:
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"`0 <= rate <= 1` must hold, but got rate={rate!r}.")
    exact = 0.0 if rate < 1e-15 else rate  # SciPy overflows on what is next to nothing
    return np.asarray(stats.binom.pmf(np.arange(n + 1), n, exact), dtype=np.float64)


def _newcombe(n: int, level: float) -> tuple[Array, Array]:
    """Return both ends of Newcombe's interval for every pair of results, each (n + 1, n + 1): method 10 of 1998."""
    low, high = bounds(n, level)
    rate = np.arange(n + 1) / n
    down, up = (rate - low) ** 2, (high - rate) ** 2
    difference = rate[:, None] - rate[None, :]
    return (
        np.asarray(difference - np.sqrt(down[:, None] + up[None, :])),
        np.asarray(difference + np.sqrt(up[:, None] + down[None, :])),
    )


def _critical(pairs: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """Return up to how many of so many discordant pairs may go one way for p <= alpha; -1 where none may."""
    found = np.asarray(stats.binom.ppf(alpha / 2.0, pairs, 0.5), dtype=np.int64)  # the first with cdf >= alpha / 2
    exceeds = 2.0 * stats.binom.cdf(found, pairs, 0.5) > alpha
    return np.asarray(np.where(pairs == 0, -1, found - exceeds), dtype=np.int64)


def _fewest(holds: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest n in 1 … most from which ``holds``, if it goes on holding; by doubling and bisection."""
    high = 1
    while not holds(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _steady(power: Callable[[int], float], wanted: float, most: int) -> int | None:
    """Return the smallest n from which on the power is ``wanted``: it goes up like a saw, and may fall back.

    From where it is clear of the saw's teeth it is followed down to the first n at which it falls short.
    """
    if not 0.0 < wanted < 1.0:
        raise ValueError(f"`0 < power < 1` must hold, but got power={wanted!r}.")
    clear = min(wanted + _CLEAR, (1.0 + wanted) / 2.0)
    found = _fewest(lambda n: power(n) >= clear, most)
    if found is None:
        return None
    while found > 1 and power(found - 1) >= wanted:
        found -= 1
    return found


def _check(n: int, level: float) -> None:
    if n < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"`n >= 1` and `0 < level < 1` must hold, but got n={n}, level={level!r}.")
