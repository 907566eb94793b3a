"""How far simulated trajectories are from real ones: one number a domain, for methods that make it small.

SimOpt's discrepancy (Chebotar et al., "Closing the sim-to-real loop", 2019, arXiv:1810.05687, equation 5),

    D = l1 sum_c |d_c| / s_c + l2 sum_c (d_c / s_c)^2,

averaged over time, episodes and columns c, where d is the difference of simulated and real values, smoothed over time
by a Gaussian filter. The scales s need no tuning: a column is measured in the root mean square difference that the most
likely of the domains tried so far leaves there, so that what no domain explains, noise above all, counts for less.

Equal length: where a policy acts, an episode that ended before the horizon, on either side, holds its last values,
because an end is something that happened; so a simulated success that reality lacks is charged for. A recording ends
where the recorder was stopped: only its own length is compared. A rollout that diverged has the worst cost there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from scipy.ndimage import gaussian_filter1d

from sim2real.evidence import Evidence, Replayed, Segment
from sim2real.randomizers.base import BoolArray
from sim2real.randomizers.output_error import EXPLAINED, segments_of
from sim2real.randomizers.residuals import CAP, SMALL_RESIDUAL, Comparison, compare
from sim2real_envs.parameters import Array, ParameterSpace

_SEEDS = 2**63 - 1
_BATCH = 2e7  # numbers of paths held at once


@dataclass(frozen=True)
class Misfits:
    """What is left of each of k domains in each of c columns, in spreads of the column's own motion.

    Args:
        absolute: Mean absolute difference over time and episodes (k, c).
        square: Mean squared difference (k, c).
    """

    absolute: Array
    square: Array

    def __len__(self) -> int:
        return len(self.square)

    def cost(self, scale: Array, l1: float, l2: float) -> Array:
        """Return D of each domain (k,), columns measured in ``scale`` (c,)."""
        total: Array = l1 * (self.absolute / scale).mean(axis=1) + l2 * (self.square / scale**2).mean(axis=1)
        return total

    def rms(self) -> Array:
        """Return the root mean square difference of each domain over all columns (k,), in spreads."""
        result: Array = np.sqrt(self.square.mean(axis=1))
        return result

    def scale(self) -> Array:
        """Return what each column is to be measured in (c,): what the most likely of these domains leaves there.

        Of independent normal errors of unknown size in each column the log likelihood, the sizes fitted, is minus the
        sum of the logarithms of root mean squares. Were it the domain of least D in its own scales, then every domain
        could justify itself: an error makes the scale large that it is measured in.
        """
        left: Array = np.maximum(np.sqrt(self.square), SMALL_RESIDUAL)
        likeliest: Array = left[int(np.argmin(np.log(left).sum(axis=1)))]
        return likeliest

    def first(self, count: int) -> Misfits:
        """Return the misfits of the first ``count`` domains."""
        return Misfits(self.absolute[:count], self.square[:count])

    def joined(self, other: Misfits) -> Misfits:
        """Return the misfits of these domains and of others."""
        return Misfits(np.concatenate([self.absolute, other.absolute]), np.concatenate([self.square, other.square]))


@dataclass
class Discrepancy:
    """Misfits of domains, by replaying real episodes; the same random streams in every call.

    Args:
        evidence: With trajectories.
        space: The uncertain parameters.
        active: Which of them have a range of some width, d of them (n,).
        segments: What is replayed.
        comparison: Real trajectories.
        smoothing: Standard deviation of the Gaussian filter in samples; 0 for none.
        seed: Of the replays.
        env_steps: What replays have cost so far.
    """

    evidence: Evidence
    space: ParameterSpace
    active: BoolArray
    segments: Sequence[Segment]
    comparison: Comparison
    smoothing: float
    seed: int
    env_steps: int = 0

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        space: ParameterSpace,
        active: BoolArray,
        rng: np.random.Generator,
        *,
        signals: Sequence[str] | None = None,
        smoothing: float = 0.0,
    ) -> tuple[Self, Misfits]:
        """Return the discrepancy to the real episodes of ``evidence``, and the misfits of the nominal domain.

        Raises:
            InsufficientEvidence: If no episode has trajectories, or nothing can be compared.
            UnknownNameError: If one of ``signals`` does not exist.
        """
        drive: Literal["policy", "actions"] = "policy" if "policy" in evidence.replay.drives else "actions"
        segments = segments_of(evidence, drive)
        nothing = Comparison((), np.empty((0, 0, 0)), np.empty(0), np.empty(0))
        self = cls(evidence, space, active, segments, nothing, smoothing, int(rng.integers(_SEEDS)))
        nominal = np.clip(space.to_unit(space.to_array(space.nominal()))[active], 0.0, 1.0)
        replayed = self._replayed(nominal[None])
        real = [evidence.real[segment.episode] for segment in segments]
        self.comparison = compare(real, [name for name in replayed.path if name != "actions"], signals)
        if drive == "policy":
            length = max(replayed.path[name].shape[3] for name, _ in self.comparison.signals)
            self.comparison = self.comparison.held(length)
        return self, self._misfits(replayed)

    def __call__(self, points: Array) -> Misfits:
        """Return the misfits of domains at points (k, d) of the unit cube of the active parameters."""
        batch = max(1, int(_BATCH // max(self.comparison.real.size, 1)))
        found = [self._misfits(self._replayed(points[i : i + batch])) for i in range(0, len(points), batch)]
        absolute, square = (np.concatenate([getattr(each, name) for each in found]) for name in ("absolute", "square"))
        return Misfits(absolute, square)

    def _replayed(self, points: Array) -> Replayed:
        unit = np.full((len(points), len(self.space)), 0.5)
        unit[:, self.active] = points
        rng = np.random.default_rng(self.seed)
        replayed = self.evidence.replay(self.space.from_unit(unit), self.segments, rng, paths=True)
        self.env_steps += replayed.env_steps
        return replayed

    def _misfits(self, replayed: Replayed) -> Misfits:
        counted = self.comparison.counted  # (s, t, c)
        flat = self.comparison.residuals(replayed.path)
        spreads = flat.reshape(len(flat), *counted.shape)  # (k, s, t, c), 0 where nothing counts
        if self.smoothing > 0.0:
            spreads = _smoothed(spreads, counted, self.smoothing)
        spreads[_diverged(replayed, spreads.shape[:2])] = CAP
        share = counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)  # of each sample in its episode's mean
        share = (share / np.maximum(counted.any(axis=1).sum(axis=0), 1))[None]
        moving = counted.any(axis=(0, 1))
        absolute, square = ((values * share).sum(axis=(1, 2))[:, moving] for values in (np.abs(spreads), spreads**2))
        return Misfits(absolute, square)


def _smoothed(values: Array, counted: BoolArray, width: float) -> Array:
    """Return values (k, s, t, c) filtered over time, as if samples that do not count were not there."""
    weight = gaussian_filter1d(counted.astype(np.float64), width, axis=1, mode="constant")
    filtered = gaussian_filter1d(values * counted, width, axis=2, mode="constant")
    result: Array = np.where(counted, filtered / np.where(counted, weight, 1.0), 0.0)
    return result


def _diverged(replayed: Replayed, shape: tuple[int, ...]) -> BoolArray:
    """Return which rollouts (k, s) ended in NaN: all their outcomes are."""
    if not replayed.outcome:
        return np.zeros(shape, dtype=np.bool_)
    table = np.stack([values[:, :, 0] for values in replayed.outcome.values()])
    return np.asarray(np.isnan(table).all(axis=0), dtype=np.bool_)


def messages_of(left: float) -> tuple[str, ...]:
    """Return what to say of a fit that leaves ``left`` spreads, root mean square."""
    if left <= EXPLAINED**0.5:
        return ()
    return (
        f"No domain in the ranges explains the trajectories: what is left is {left:.2f} of the motion's own spread. "
        "Widen the ranges, or add the parameter that is missing.",
    )
