"""The search of DROPO: replay transitions in a bank of domains, emulate them, and maximise their likelihood."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from cmaes import CMA
from scipy.stats import qmc

from sim2real.distributions import TruncatedNormal
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Segment
from sim2real.randomizers.base import BoolArray
from sim2real.randomizers.transition_likelihood import LEAST_EPSILON, MOST_EPSILON, Bank, Likelihood
from sim2real.randomizers.transitions import choose
from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array, ParameterSpace

if TYPE_CHECKING:
    from sim2real.randomizers.dropo import DropoOptions

logger = logging.getLogger(__name__)

NARROWEST, WIDEST = 1e-5, 0.25  # standard deviations that are searched, of the range
UNIFORM = 10.0  # a standard deviation of so many ranges is uniform within one
GAIN = 3.0  # [nat] by which a narrow law has to beat the whole range
FIRST_SCALE, FIRST_EPSILON = 0.1, 1e-2  # where the search begins
STARTS = 64  # means from which the best begins the search
NEIGHBOURHOOD = 0.08  # standard deviation about the first optimum of the domains that refine a bank, at least
NARROWING = 0.4  # factor on it with every further refinement
BAD_SHARE = 0.1  # of the domains: a transition that ends nowhere in more of them is left out
SPREAD_MEANS = (
    "The spread of 'dropo' is how much the domain would have to vary to explain the transitions: no uncertainty of the "
    "estimate, and its intervals cover nothing in particular. Use 'particles' for intervals."
)
NOTHING_FOUND = (
    "No narrower law explains the transitions better than the whole ranges. Where states are measured badly, or the "
    "simulator cannot represent reality, raise `epsilon`; where too little happens in a transition, raise `length`."
)
_SEEDS = 2**31 - 1


@dataclass(frozen=True)
class TransitionFit:
    """The law of all parameters (n,), the banks to remember, and what there is to say."""

    location: Array
    scale: Array
    banks: tuple[Bank, ...]
    diagnostics: Mapping[str, float]
    messages: tuple[str, ...]


def fit(
    evidence: Evidence,
    space: ParameterSpace,
    active: BoolArray,
    options: DropoOptions,
    begin: Array,
    banks: tuple[Bank, ...],
    rng: np.random.Generator,
) -> TransitionFit:
    """Return the law under which these transitions and those of earlier rounds are most likely.

    Args:
        evidence: With states.
        space: The uncertain parameters.
        active: Which of them have a range of some width (n,).
        options: How to search.
        begin: Mean from which, among others, the search begins (n,).
        banks: Of earlier rounds, the newest last.
        rng: For domains and for the search.
    """
    kept = banks[max(len(banks) - options.remember + 1, 0) :]
    return _Fit(evidence, space, active, options, rng).result(begin, kept)


class _Fit:
    """What the steps of one fit share."""

    def __init__(
        self,
        evidence: Evidence,
        space: ParameterSpace,
        active: BoolArray,
        options: DropoOptions,
        rng: np.random.Generator,
    ) -> None:
        self._evidence, self._space, self._options, self._rng = evidence, space, options, rng
        self._active, self._size = active, int(active.sum())
        self._levels = self._spread(self._options.samples)
        self._env_steps = 0
        probe = [Segment(0, length=min(options.length, evidence.real[0].steps), drive="actions")]
        nominal = np.clip(space.to_unit(space.to_array(space.nominal())), 0.0, 1.0)
        replayed = evidence.replay(space.from_unit(nominal[None]), probe, rng, paths=True)
        self._transitions = choose(evidence.real, set(replayed.path), options.length, options.per_episode)
        domains = (1 + options.refinements) * options.designs + options.checks
        cost = evidence.replay.cost(domains, self._transitions.segments)
        logger.info("DROPO replays %d transitions: %s env steps.", len(self._transitions.segments), f"{cost:,}")

    def result(self, begin: Array, earlier: tuple[Bank, ...]) -> TransitionFit:
        """Return the law, searched from the mean ``begin`` (n,), under all transitions."""
        options = self._options
        designs = self._spread(options.designs)
        differences = self._kept(self._ends(designs))[1]
        bank = Bank(designs, differences, self._transitions.noise)
        likelihood = Likelihood((*earlier, bank), self._levels)
        location, scale, epsilon, best = self._search(likelihood, begin[self._active])
        for refinement in range(options.refinements):
            near = self._near(location, scale, refinement)
            kept, differences = self._kept(self._ends(near))
            bank = bank.subset(kept).joined(near, differences)
            likelihood = Likelihood((*earlier, bank), self._levels)
            location, scale, epsilon, best = self._search(likelihood, location)
        location, scale, idle = _without_idle(likelihood, location, scale, epsilon, best)
        error = self._emulator_error(likelihood, location, scale, epsilon)
        figures = {
            "replay_env_steps": float(self._env_steps),
            "transitions": float(likelihood.count),
            "log_likelihood": best / likelihood.count,
            "epsilon": epsilon,
            "emulator_error": error,
        }
        return TransitionFit(
            location=self._whole(location, 0.5),
            scale=self._whole(scale, UNIFORM),
            banks=(*earlier, bank),
            diagnostics=figures,
            messages=self._messages(idle),
        )

    def _kept(self, differences: Array) -> tuple[BoolArray, Array]:
        """Keep the transitions that end somewhere in almost all domains; return which (n,), and their ends (k, n', c).

        NaN that is left becomes the mean over the domains.
        """
        lost = np.isnan(differences).any(axis=2).mean(axis=0)
        kept = np.asarray(lost <= BAD_SHARE, dtype=np.bool_)
        if not kept.any():
            raise InsufficientEvidence(
                f"Replays of all {len(kept)} transitions fail in more than {BAD_SHARE:.0%} of the domains; narrow the "
                "ranges, or lower physics.timestep."
            )
        self._transitions = self._transitions.subset(kept)
        known = np.isfinite(differences)
        mean = np.where(known, differences, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return kept, np.where(known, differences, mean)[:, kept]

    def _near(self, location: Array, scale: Array, refinement: int) -> Array:
        """Return domains (k, d) about an optimum, nearer with every refinement unless the spread found is wide."""
        narrowest = NEIGHBOURHOOD * NARROWING**refinement
        wide = np.clip(2.0 * scale, narrowest, min(3.0 * narrowest, WIDEST))
        return TruncatedNormal(location, wide).quantile(self._spread(self._options.designs))

    def _spread(self, count: int) -> Array:
        """Return points (count, d) that cover the open unit cube evenly."""
        points = qmc.Sobol(self._size, rng=self._rng).random_base2((count - 1).bit_length())[:count]
        return np.clip(points, 1e-6, 1.0 - 1e-6)

    def _whole(self, values: Array, idle: float) -> Array:
        whole = np.full(len(self._active), idle)
        whole[self._active] = values
        return whole

    def _ends(self, unit: Array) -> Array:
        """Return differences at the ends (k, n, c) in domains of the active parameters (k, d).

        NaN where a world diverged, and for a transition whose start cannot be in one of the domains.
        """
        points = np.full((len(unit), len(self._active)), 0.5)
        points[:, self._active] = unit
        domains, transitions = self._space.from_unit(points), self._transitions
        ends = np.full((len(unit), len(transitions.segments), len(transitions.scale)), np.nan)
        for row in range(len(transitions.segments)):
            one = transitions.subset(np.arange(len(transitions.segments)) == row)
            with contextlib.suppress(StateError):
                replayed = self._evidence.replay(domains, one.segments, self._rng, paths=True)
                self._env_steps += replayed.env_steps
                ends[:, row] = one.differences(replayed.path)[:, 0]
        return ends

    def _search(self, likelihood: Likelihood, begin: Array) -> tuple[Array, Array, float, float]:
        """Return location, scale (d,), epsilon and log-likelihood of the best law.

        Means and logarithms of standard deviations, and of epsilon where it is not given, are searched from the best of
        ``STARTS`` means and ``begin``.
        """
        size, given = self._size, self._options.epsilon
        low, high = (
            np.log([*[least] * size, *([] if given is not None else [epsilon])])
            for least, epsilon in ((NARROWEST, LEAST_EPSILON), (WIDEST, MOST_EPSILON))
        )

        def law(point: Array) -> tuple[Array, Array, float]:
            bounded = np.clip(point, 0.0, 1.0)
            widths = np.exp(low + (high - low) * bounded[size:])
            return bounded[:size], widths[:size], float(widths[size]) if given is None else given

        first = np.log([*[FIRST_SCALE] * size, *([] if given is not None else [FIRST_EPSILON])])
        tail = (first - low) / (high - low)
        starts = [np.concatenate([mean, tail]) for mean in np.vstack([begin, self._spread(STARTS)])]
        values = [likelihood(*law(start)) for start in starts]
        best, point = max(values), starts[int(np.argmax(values))]
        optimizer = CMA(
            mean=np.clip(point, 0.01, 0.99),
            sigma=0.15,
            bounds=np.tile([0.0, 1.0], (len(point), 1)),
            seed=int(self._rng.integers(_SEEDS)),
        )
        for _ in range(self._options.generations):
            asked = [np.asarray(optimizer.ask(), dtype=np.float64) for _ in range(optimizer.population_size)]
            found = [likelihood(*law(each)) for each in asked]
            optimizer.tell(list(zip(asked, (-value for value in found), strict=True)))
            if max(found) > best:
                best, point = max(found), asked[int(np.argmax(found))]
            if optimizer.should_stop():
                break
        return *law(point), best

    def _emulator_error(self, likelihood: Likelihood, location: Array, scale: Array, epsilon: float) -> float:
        """Return how far fresh replays are from the emulator, in the standard deviations that it gives them."""
        law = TruncatedNormal(location, np.minimum(scale, WIDEST))
        domains = law.quantile(self._spread(self._options.checks))
        ends, deviation = likelihood.newest(domains, epsilon)
        apart = (self._ends(domains) - ends) / deviation
        return float(np.sqrt(np.nanmean(apart**2))) if np.isfinite(apart).any() else 0.0

    def _messages(self, idle: BoolArray) -> tuple[str, ...]:
        active = [name for name, counts in zip(self._space, self._active.tolist(), strict=True) if counts]
        names = ", ".join(name for name, nothing in zip(active, idle.tolist(), strict=True) if nothing)
        silent = f"The transitions say nothing of {names}: its whole range is as likely as any part of it."
        if idle.all():
            return SPREAD_MEANS, NOTHING_FOUND
        return (SPREAD_MEANS, silent) if names else (SPREAD_MEANS,)


def _without_idle(
    likelihood: Likelihood, location: Array, scale: Array, epsilon: float, best: float
) -> tuple[Array, Array, BoolArray]:
    """Return the law with those parameters as wide as their range that gain less than ``GAIN`` by being narrower.

    The one that gains least goes first; then the others are asked again.
    """
    location, scale, idle = location.copy(), scale.copy(), np.zeros(len(location), dtype=bool)
    while not idle.all():
        losses = {}
        for column in np.flatnonzero(~idle).tolist():
            wide, middle = scale.copy(), location.copy()
            wide[column], middle[column] = UNIFORM, 0.5
            losses[column] = best - likelihood(middle, wide, epsilon)
        least = min(losses, key=lambda column: losses[column])
        if losses[least] >= GAIN:
            break
        idle[least], scale[least], location[least] = True, UNIFORM, 0.5
    return location, scale, idle
