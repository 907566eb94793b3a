"""What to conclude of each parameter: an effect counts when it stands out from what repeating a trial changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sim2real.sensitivity.indices import Indices
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array

SMALLEST = 0.05
"""Smaller changes of an outcome are no effect, however certain they are [scales]; 5 points of a success rate."""
FALSE = 0.05
"""Share of what is named that may be chance."""
SUCCESS = "success"
RELEVANT = 0.15
"""A change of the success rate that nobody wants to overlook: while it may be as large, nothing is left out."""
_Z = 1.959963984540054


@dataclass(frozen=True)
class Verdict:
    """What a screening says of one parameter.

    Args:
        parameter: Its name.
        changes: The outcomes that it changes beyond doubt, clearest first.
        success: Mean change of the success rate over its range; NaN where the environment has no success.
        success_error: Standard error of that.
    """

    parameter: str
    changes: tuple[str, ...]
    success: float
    success_error: float

    @property
    def randomize(self) -> bool:
        """Whether success depends on it."""
        return SUCCESS in self.changes

    @property
    def identified_from(self) -> tuple[str, ...]:
        """The outcomes that tell its value."""
        return tuple(name for name in self.changes if name != SUCCESS)

    @property
    def at_most(self) -> float:
        """How much success may change, at the far end of its 95 % interval; NaN where there is no success."""
        return abs(self.success) + _Z * self.success_error

    @property
    def undecided(self) -> bool:
        """Whether no effect on success was found, and one that matters may have been overlooked."""
        return not self.randomize and self.at_most > RELEVANT

    @property
    def word(self) -> str:
        """``"randomize"``, ``"identify"``, ``"undecided"`` or ``"leave out"``."""
        if self.randomize:
            return "randomize"
        if self.changes:
            return "identify"
        return "undecided" if self.undecided else "leave out"

    @property
    def sentence(self) -> str:
        """The conclusion in words."""
        parts = []
        if self.randomize:
            parts.append("worth randomizing: changes success")
        if self.identified_from:
            parts.append(f"can be identified from: {', '.join(self.identified_from)}")
        if self.undecided:
            points = f"success may change by {100.0 * min(self.at_most, 1.0):.0f} points: undecided"
            parts.append(points if parts else f"no effect found, but {points}, take more")
        return "; ".join(parts) or "changes nothing that is measured: leave it out"


def p_values(indices: Indices, smallest: float = SMALLEST) -> Array:
    """Return the p value of every parameter (f - 1) and outcome (o) that there is no effect, twice the smaller of two.

    Direction: Student's t of ``(|change| - smallest) / its error``, two-sided. Size: of ``size - floor``, where the
    floor is the size of the seed's effect. The first sees what always pushes an outcome the same way, the second what
    moves it now here, now there, as an offset does whose effect depends on the start.
    """
    freedom = np.maximum(indices.n - 1.0, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        direction = 2.0 * stats.t.sf((np.abs(indices.change) - smallest) / indices.change_error, freedom)
        error = np.hypot(indices.size_error, indices.size_error[-1])
        size = stats.t.sf((indices.size - np.maximum(indices.size[-1], smallest)) / error, freedom)
    smaller = np.fmin(np.nan_to_num(direction, nan=1.0), np.nan_to_num(size, nan=1.0))
    return np.asarray(np.minimum(1.0, 2.0 * smaller[:-1]))


def counting(p: Array, false: float = FALSE) -> NDArray[np.bool_]:
    """Return which effects count, when at most a share ``false`` of those may be chance.

    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57:289, over all parameters and outcomes.
    """
    adjusted = stats.false_discovery_control(p.ravel()).reshape(p.shape)
    return np.asarray(adjusted <= false)


def verdicts(
    parameters: Sequence[str], outcomes: Sequence[Outcome], indices: Indices, smallest: float = SMALLEST
) -> tuple[Verdict, ...]:
    """Return a verdict for every parameter, in their order."""
    p = p_values(indices, smallest)
    counts = counting(p)
    names = [outcome.name for outcome in outcomes]
    success = names.index(SUCCESS) if SUCCESS in names else None
    found = []
    for row, parameter in enumerate(parameters):
        clear = np.abs(indices.change[row]) / np.maximum(indices.change_error[row], 1e-12)
        order = sorted(np.flatnonzero(counts[row]).tolist(), key=lambda k: (p[row, k], -clear[k]))
        number, error = (
            (np.nan, np.nan) if success is None else (indices.change[row, success], indices.change_error[row, success])
        )
        found.append(Verdict(parameter, tuple(names[k] for k in order), float(number), float(error)))
    return tuple(found)
