"""The gap of one round: what the same policy did in simulation and on the real side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from sim2real.episodes import Episode
from sim2real.evidence import Evidence
from sim2real.gap.metrics import MeanGap, PairedDifference, mean_gap, paired_success_gap, success_gap
from sim2real.gap.statistics import Difference, Rate, json_number, wilson
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

EXACT = 1e-6
"""Starts that nobody measured are the same if no value differs by more [m, rad, m/s, rad/s]."""
SPREADS = 5.0
"""Starts that were measured are the same if no value differs by more standard deviations."""


@dataclass(frozen=True)
class Gap:
    """What simulation and the real side differ in, simulated minus real.

    Args:
        real: Success on the real side.
        simulated: Success in simulation.
        success: Simulated minus real success, the sides taken as independent.
        paired: The same over the pairs of episodes with the same start; None where there are none.
        returns: The gap in total reward.
        outcomes: The gap in every declared outcome that both sides measured.
    """

    real: Rate
    simulated: Rate
    success: Difference
    paired: PairedDifference | None
    returns: MeanGap
    outcomes: Mapping[str, MeanGap] = field(default_factory=dict)

    def columns(self) -> dict[str, int | float]:
        """Return this gap's columns of ``rounds.csv``; NaN where nothing was measured."""
        row: dict[str, int | float] = {}
        for side, rate in (("real", self.real), ("simulated", self.simulated)):
            row |= {f"{side}_k": rate.k, f"{side}_n": rate.n, f"{side}_rate": rate.rate}
            row |= {f"{side}_low": rate.low, f"{side}_high": rate.high}
        return row | {f"gap_{name}": getattr(self.success, name) for name in ("value", "low", "high")}

    def summary(self) -> dict[str, object]:
        """Return what ``summary.json`` holds under ``gap``: ``value``, ``low``, ``high`` and ``paired``."""
        paired = None
        if self.paired is not None:
            numbers = {name: json_number(getattr(self.paired, name)) for name in ("value", "low", "high", "mcnemar_p")}
            paired = {"n": self.paired.n, **numbers}
        return {**self.success.to_dict(), "paired": paired}

    def to_dict(self) -> dict[str, object]:
        """Return everything for JSON, null for NaN."""
        return {
            "real": self.real.to_dict(),
            "simulated": self.simulated.to_dict(),
            "success": self.summary(),
            "returns": self.returns.to_dict(),
            "outcomes": {name: gap.to_dict() for name, gap in self.outcomes.items()},
        }


def measure(evidence: Evidence) -> Gap:
    """Return the gap of one round; episodes are paired where their starts agree.

    A diverged episode counts as a failure and leaves the continuous outcomes alone, which are NaN there.
    """
    return measure_episodes(
        simulated=evidence.simulated,
        real=evidence.real,
        pairs=pair_by_start(simulated=evidence.simulated, real=evidence.real),
    )


def measure_episodes(
    *, simulated: Sequence[Episode], real: Sequence[Episode], pairs: Sequence[tuple[int, int]] = ()
) -> Gap:
    """Return the gap between two sets of episodes.

    Args:
        simulated: Episodes in simulation.
        real: Episodes on the real side.
        pairs: (index into ``simulated``, index into ``real``) of episodes that began alike, as ``pair_by_start`` finds
            them; for two runs over one list of starts ``[(i, i) for i in range(n)]``.
    """
    successes = {"simulated": [e.success for e in simulated], "real": [e.success for e in real]}

    def continuous(value: Callable[[Episode], float]) -> MeanGap:
        paired = ([value(simulated[s]) for s, _ in pairs], [value(real[r]) for _, r in pairs])
        return mean_gap(
            simulated=[value(e) for e in simulated], real=[value(e) for e in real], paired=paired if pairs else None
        )

    return Gap(
        real=wilson(sum(successes["real"]), len(real)),
        simulated=wilson(sum(successes["simulated"]), len(simulated)),
        success=success_gap(**successes),
        paired=_paired_success(simulated, real, pairs),
        returns=continuous(lambda episode: episode.total_reward),
        outcomes={
            name: continuous(lambda episode, name=name: episode.outcome.get(name, math.nan))  # type: ignore[misc]
            for name in _common_outcomes(simulated, real)
        },
    )


def pair_by_start(*, simulated: Sequence[Episode], real: Sequence[Episode]) -> tuple[tuple[int, int], ...]:
    """Return pairs (index into ``simulated``, index into ``real``) of episodes that began alike, in order of ``real``.

    Two starts are alike where every value that both know agrees: within ``SPREADS`` of the measured spread, or within
    ``EXACT`` where none is given. No episode is used twice, and the sum of the distances is the smallest.
    """
    if not simulated or not real:
        return ()
    distance = np.array([[_distance(s.start, r.start) for r in real] for s in simulated])  # (s, r), inf where not alike
    alike = np.isfinite(distance)
    cost = np.where(alike, distance, 1e6)
    rows, columns = linear_sum_assignment(cost)
    found = [(int(s), int(r)) for s, r in zip(rows, columns, strict=True) if alike[s, r]]
    return tuple(sorted(found, key=lambda pair: pair[1]))


def _distance(simulated: WorldState, real: WorldState) -> float:
    """The mean over the values of squared differences in units of their tolerance; infinite where one is beyond it."""
    terms: list[Array] = []
    for name in simulated.values.keys() & real.values.keys():
        difference = _difference(name, simulated.values[name], real.values[name])
        spread = simulated.spread.get(name, np.zeros(1)) ** 2 + real.spread.get(name, np.zeros(1)) ** 2
        terms.append(difference / (SPREADS * np.sqrt(spread) + EXACT))
    if not terms:
        return math.inf
    together = np.concatenate([term.ravel() for term in terms])
    return float(np.mean(together**2)) if np.abs(together).max() <= 1.0 else math.inf


def _difference(name: str, first: Array, second: Array) -> Array:
    if first.shape != second.shape:
        return np.array([math.inf])
    if not name.endswith(".pose"):
        return first - second
    # Position (3,), then a rotation vector (3,) that is short: twice the vector part of the quaternion between them.
    x, y = first[3:], second[3:]
    between = x[3] * y[:3] - y[3] * x[:3] + np.cross(x[:3], y[:3])
    return np.concatenate([first[:3] - second[:3], 2.0 * between])


def _paired_success(
    simulated: Sequence[Episode], real: Sequence[Episode], pairs: Sequence[tuple[int, int]]
) -> PairedDifference | None:
    if not pairs:
        return None
    return paired_success_gap(
        simulated=[simulated[s].success for s, _ in pairs], real=[real[r].success for _, r in pairs]
    )


def _common_outcomes(simulated: Sequence[Episode], real: Sequence[Episode]) -> tuple[str, ...]:
    """Names that at least one episode of either side measured, in the order of the first simulated episode."""
    known = {name for episode in real for name in episode.outcome}
    return tuple(dict.fromkeys(name for episode in simulated for name in episode.outcome if name in known))
