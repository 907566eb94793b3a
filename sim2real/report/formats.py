"""Numbers as people read them: percent, points, counts, times, and words in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim2real.report.run import Table

NARROW = "\u202f"
"""A narrow space that does not break, between a number and its unit."""
NOTHING = "–"


def believed(marginal: Table) -> tuple[str, str, str]:
    """Return mean and interval of a parameter, to two digits of the interval's width."""
    width = marginal["high"] - marginal["low"]
    if width <= 0.0:
        return f"{marginal['mean']:.3g}", f"{marginal['low']:.3g}", f"{marginal['high']:.3g}"
    decimals = max(0, 1 - math.floor(math.log10(width)))
    mean, low, high = (f"{marginal[key]:z.{decimals}f}" for key in ("mean", "low", "high"))
    return mean, low, high


def percent(rate: float | None) -> str:
    """Return a rate in [0, 1] as percent."""
    return NOTHING if rate is None else f"{100 * rate:.0f}{NARROW}%"


def interval(rate: Table) -> str:
    """Return the interval of a rate in percent."""
    if rate.get("low") is None:
        return NOTHING
    return f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}{NARROW}%"


def rate_text(rate: Table | None) -> str:
    """Return a rate, and below it its interval and counts."""
    if not rate or not rate.get("n"):
        return NOTHING
    return f"{percent(rate['rate'])}\n{interval(rate)} · {rate['k']}/{rate['n']}"


def points(gap: Table) -> str:
    """Return a difference of rates in percentage points, and below it its interval."""
    if gap.get("value") is None:
        return NOTHING
    value, low, high = (signed(100 * gap[key]) for key in ("value", "low", "high"))
    return f"{value}\n{low} to {high}"


def signed(number: float) -> str:
    """Return a whole number with its sign; a true minus sign."""
    rounded = round(number)
    return "0" if rounded == 0 else f"{rounded:+d}".replace("-", "−")


def whole(number: float | None) -> str:
    """Return a count with narrow spaces between thousands."""
    return NOTHING if number is None else f"{number:,.0f}".replace(",", NARROW)


def duration(seconds: float | None) -> str:
    """Return a time for people."""
    if seconds is None:
        return NOTHING
    return f"{seconds:.0f}{NARROW}s" if seconds < 120 else f"{seconds / 60:.1f}{NARROW}min"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form."""
    return f"{whole(number)} {noun}{'' if number == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
