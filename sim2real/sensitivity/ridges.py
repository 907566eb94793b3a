"""Which parameters cannot be told apart: those that change the outcomes in the same direction.

A pair whose ``cos_jk = F_jk / sqrt(F_jj F_kk)`` is near 1 or -1, with F the Fisher information of ``information.py``,
lies on a ridge: what one does, the other undoes. The collinearity index of a pair, ``1 / sqrt(1 - |cos|)``, is that of
Brun, Reichert and Künsch (2001), Water Resources Research 37:1015, who call a set poorly identifiable from 5 to 20 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.gap.statistics import Estimate
from sim2real.sensitivity.indices import Indices
from sim2real.sensitivity.information import information, jackknife_half
from sim2real_envs.parameters import Array

ALIKE = 0.9
"""Pairs whose cosine is beyond this are reported, ..."""
SURE = 0.7
"""... if its whole interval is beyond this."""


@dataclass(frozen=True)
class Ridge:
    """Two parameters that move the outcomes alike: with sign +1 the same way, with -1 against each other.

    ``cosine``: of their effects, with its interval.
    """

    first: str
    second: str
    cosine: Estimate

    @property
    def collinearity(self) -> float:
        """The collinearity index of the pair; infinite where their effects are the same."""
        left = 1.0 - min(abs(self.cosine.value), 1.0)
        return float(1.0 / np.sqrt(left)) if left > 0.0 else float("inf")

    @property
    def sentence(self) -> str:
        """The finding in words."""
        how = "alike" if self.cosine.value > 0.0 else "against each other"
        return f"{self.first} and {self.second} act {how}"


def find_ridges(
    names: Sequence[str], indices: Indices, among: Sequence[int], alike: float = ALIKE
) -> tuple[Ridge, ...]:
    """Return the pairs that cannot be told apart, closest first.

    Args:
        names: The parameters.
        indices: What was measured.
        among: Which of the parameters have an effect that counts: the others have no direction, nor have those whose
            own information is not clear of 0.
        alike: Pairs with ``|cos|`` beyond it are returned, if the interval lies beyond ``SURE``.
    """
    finite = np.isfinite(indices.effects).all(axis=(1, 2))
    if len(among) < 2 or finite.sum() < 3:
        return ()
    effects, seeds = indices.effects[finite], indices.seeds[finite]  # (b, f, o), (b, o)
    own, without = information(effects[:, list(among)], seeds)
    clear = np.diag(own) > np.diag(jackknife_half(without))
    chosen = [row for row, known in zip(among, clear, strict=True) if known]
    if len(chosen) < 2:
        return ()
    cosines, low, high = cosine_intervals(effects[:, chosen], seeds)
    sure = np.where(cosines > 0.0, low, -high)
    pairs = [
        (j, k)
        for j in range(len(chosen))
        for k in range(j + 1, len(chosen))
        if abs(cosines[j, k]) > alike and sure[j, k] > SURE
    ]
    pairs.sort(key=lambda pair: -abs(cosines[pair]))
    return tuple(
        Ridge(names[chosen[j]], names[chosen[k]], Estimate(float(cosines[j, k]), float(low[j, k]), float(high[j, k])))
        for j, k in pairs
    )


def cosine_intervals(effects: Array, seeds: Array) -> tuple[Array, Array, Array]:
    """Return the cosine of every pair of parameters and both ends of its interval, each (f, f), effects (b, f, o)."""
    found, without = information(effects, seeds)
    value = _cosine(found)
    half = jackknife_half(np.stack([_cosine(matrix) for matrix in without]))
    return tuple(np.clip(each, -1.0, 1.0) for each in (value, value - half, value + half))  # type: ignore[return-value]


def _cosine(information: Array) -> Array:
    """Return F scaled to a unit diagonal; 0 where noise leaves no information, beyond 1 where it is estimated so."""
    diagonal = np.diag(information)
    lengths = np.sqrt(np.where(diagonal > 0.0, diagonal, np.inf))
    return np.asarray(information / np.outer(lengths, lengths))
