"""The answers of ``sim2real budget`` as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sim2real.gap.planning import (
    Interval,
    bounds,
    coverage,
    detectable,
    discordance_range,
    half_width,
    independent_discordance,
    power_paired,
    power_unpaired,
    trials_for_difference,
    trials_for_rate,
    trials_paired,
    trials_unpaired,
)
from sim2real.gap.statistics import LEVEL
from sim2real_envs.errors import OptionError

HALVES = (0.2, 0.15, 0.1, 0.05)
RATES = (0.5, 0.7, 0.8, 0.9, 0.95)
OWN, SAME = "on starts of their own", "on the same starts"


@dataclass(frozen=True)
class Outlook:
    """What to expect of trials of something that succeeds at ``rate``: the likeliest ``k`` and its interval."""

    rate: float
    k: int
    low: float
    high: float
    half_width: float
    coverage: float


@dataclass(frozen=True)
class Comparison:
    """How two rates are told apart: ``trials`` of each for the wanted power, or the ``power`` of given trials."""

    kind: str
    discordance: float | None
    trials: int | None = None
    power: float | None = None


@dataclass(frozen=True)
class Budget:
    """What trials cost or show.

    Args:
        rate: The guess.
        level: Of intervals.
        interval: Which.
        power: Probability to see a difference.
        against: The other rate.
        trials: Given trials, for the reverse question.
        halves: Half widths: the columns of ``widths``.
        widths: Trials by rate, one for each half width; None where more than are searched.
        outlook: What the given trials show of one rate.
        tellable: The nearest worse and better rate that the given trials tell from ``rate``.
        comparisons: ``rate`` against ``against``.
        difference: Trials of each after which the interval of their difference is so wide; None if not asked or too
            many.
        notes: What to know when reading them.
    """

    rate: float
    level: float
    interval: Interval
    power: float
    against: float | None = None
    trials: int | None = None
    halves: tuple[float, ...] = ()
    widths: Mapping[float, tuple[int | None, ...]] = field(default_factory=dict)
    outlook: tuple[Outlook, ...] = ()
    tellable: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    difference: int | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        plain = asdict(self)
        plain["widths"] = [
            {"rate": rate, "half_width": half, "trials": n}
            for rate, numbers in self.widths.items()
            for half, n in zip(self.halves, numbers, strict=True)
        ]
        plain["tellable"] = {kind: {"worse": low, "better": high} for kind, (low, high) in self.tellable.items()}
        return {"schema": 1, **plain}


def make_budget(
    rate: float,
    *,
    against: float | None = None,
    discordance: float | None = None,
    half_width: float | None = None,
    trials: int | None = None,
    power: float = 0.8,
    level: float = LEVEL,
    interval: Interval = "wilson",
) -> Budget:
    """Return what is asked: trials for an interval, trials for a difference, or what given trials show.

    Raises:
        OptionError: If rates, discordance or width cannot be.
    """
    if discordance is not None and against is None:
        raise OptionError("A discordance is that of two policies: give the rate of the other (--against).")
    if half_width is not None and trials is not None:
        raise OptionError("Give trials, or the half width that they are to reach, not both.")
    if half_width is not None and not 0.0 < half_width < 0.5:
        raise OptionError(f"`0 < half_width < 0.5` must hold, but got {half_width:g}.")
    comparisons: tuple[Comparison, ...] = ()
    if against is not None:
        if against == rate:
            raise OptionError(f"No number of trials tells {rate:g} from {against:g}: give two rates that differ.")
        comparisons = _comparisons(rate, against, discordance, trials, power, level)
    notes = []
    if comparisons and discordance is None:
        least, _ = discordance_range(rate, against or 0.0)
        notes.append(
            f"Discordance is the share of starts at which exactly one succeeds: "
            f"{independent_discordance(rate, against or 0.0):.2f} if the start does not matter, {least:.2f} at least, "
            "where hard starts are hard for both; one in between is shown."
        )
    common = (rate, level, interval, power, against, trials)
    if trials is not None:
        rates = sorted({*RATES, rate})
        outlook = tuple(_outlook(each, trials, level, interval) for each in rates)
        tellable = {} if against is not None else _tellable(rate, trials, power, level)
        return Budget(*common, outlook=outlook, tellable=tellable, comparisons=comparisons, notes=tuple(notes))
    if against is not None and half_width is None:
        return Budget(*common, comparisons=comparisons, notes=tuple(notes))
    halves = HALVES if half_width is None else (half_width,)
    widths = {
        each: tuple(trials_for_rate(each, half, level, interval) for half in halves) for each in sorted({*RATES, rate})
    }
    notes.append("Trials after which the interval is so wide on average; where you cannot guess the rate, take 0.5.")
    wide = None
    if against is not None and half_width is not None:
        wide = trials_for_difference(rate, against, half_width, level)
    return Budget(*common, halves=halves, widths=widths, comparisons=comparisons, difference=wide, notes=tuple(notes))


def _outlook(rate: float, trials: int, level: float, interval: Interval) -> Outlook:
    low, high = bounds(trials, level, interval)
    k = min(int(np.floor((trials + 1) * rate)), trials)  # the mode of the binomial
    expected = half_width(rate, trials, level, interval)
    return Outlook(rate, k, float(low[k]), float(high[k]), expected, coverage(rate, trials, level, interval))


def _tellable(rate: float, trials: int, power: float, level: float) -> dict[str, tuple[float | None, float | None]]:
    return {
        kind: (
            detectable(rate, trials, power, level, paired=paired, better=False),
            detectable(rate, trials, power, level, paired=paired),
        )
        for kind, paired in ((OWN, False), (SAME, True))
    }


def _comparisons(
    rate: float, against: float, discordance: float | None, trials: int | None, power: float, level: float
) -> tuple[Comparison, ...]:
    least, most = discordance_range(rate, against)
    if discordance is not None and not least - 1e-12 <= discordance <= most + 1e-12:
        raise OptionError(
            f"Policies with rates {rate:g} and {against:g} differ at {least:g} to {most:g} of the starts, "
            f"but got a discordance of {discordance:g}."
        )
    free = independent_discordance(rate, against)
    shares = (free, (free + least) / 2.0) if discordance is None else (discordance,)
    if trials is not None:
        return (
            Comparison(OWN, None, power=power_unpaired(rate, against, trials, level)),
            *(Comparison(SAME, each, power=power_paired(rate, against, each, trials, level)) for each in shares),
        )
    return (
        Comparison(OWN, None, trials_unpaired(rate, against, power, level)),
        *(Comparison(SAME, each, trials_paired(rate, against, each, power, level)) for each in shares),
    )
