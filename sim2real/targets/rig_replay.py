"""Recordings replayed open loop in a rig, in other domains, by the workers of a pool."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence, TooManyDivergences
from sim2real.evidence import Replayed, Segment
from sim2real.randomizers.base import BoolArray
from sim2real.targets.starts import drawn_start
from sim2real.workers import Advance, Box, WorkerPool
from sim2real_envs import rigs
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.state import WorldState

_SEEDS = 2**63 - 1


@dataclass(frozen=True)
class RigFacts:
    """What a rig says of itself."""

    space: ParameterSpace
    outcomes: tuple[Outcome, ...]
    signals: tuple[rigs.Signal, ...]


def rig_facts(rig: str, options: Mapping[str, Any]) -> RigFacts:
    """Return parameters and outcomes of a rig, which is made once to find out."""
    made = rigs.make(rig, **options)
    try:
        return RigFacts(made.parameters, made.outcomes, made.signals)
    finally:
        made.close()


@dataclass(frozen=True)
class _Toss:
    """One recording to replay: starts, one a repeat, and what drives it."""

    starts: tuple[WorldState, ...]
    actions: Array
    times: Array
    whole: bool = True


@dataclass(frozen=True)
class _Errand:
    """What all domains of a call have in common; sent once to each worker."""

    rig: str
    options: str  # JSON
    outcomes: tuple[str, ...]
    tosses: tuple[_Toss, ...]
    paths: bool


_Paths = Mapping[str, Array]
_Result = tuple[Array, BoolArray, list[list[_Paths]]]
"""Of one domain outcomes (s, r, m), what diverged (s, r), and its paths by segment and repeat where they are wanted."""


@dataclass
class RigReplay:
    """Replays recordings in a rig: ``sim2real.evidence.Replay``.

    Every domain meets the same starts: that of a segment's first repeat is the
    measured one, those of the others are drawn from the spread of the measurement.
    A segment from inside a recording begins at the state that it tells there; of a
    stretch there are paths, and its outcomes are NaN.

    Args:
        pool: The workers.
        rig: Name of the rig.
        options: What it is made with.
        space: Columns of the domains; a parameter that is not there is nominal.
        real: The recordings as episodes, with start, actions and times.
        progress: Called with (done, total) domains.
    """

    pool: WorkerPool
    rig: str
    options: Mapping[str, Any]
    space: ParameterSpace
    real: tuple[Episode, ...]
    progress: Advance | None = None
    env_steps: int = 0
    _facts: RigFacts | None = field(default=None, repr=False)
    drives: ClassVar[frozenset[str]] = frozenset({"actions"})

    @property
    def facts(self) -> RigFacts:
        """What the rig says of itself."""
        if self._facts is None:
            self._facts = rig_facts(self.rig, self.options)
        return self._facts

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The declared outcomes of the rig."""
        return self.facts.outcomes

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        """Return the steps between samples that a call takes."""
        steps = sum(segment.length or self.real[segment.episode].steps - segment.first for segment in segments)
        return domains * repeats * steps

    def __call__(
        self,
        domains: Array,  # (k, n)
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        """Replay every segment in every domain; ``path[signal]`` is (k, s, r, t, d), NaN behind each end.

        Raises:
            InsufficientEvidence: If a segment needs states that the recording does not tell, lies beyond its end, or is
                to be driven by a policy.
            TooManyDivergences: If more than a few worlds diverge; names the domain.
        """
        seed = int(rng.integers(_SEEDS))
        tosses = tuple(self._toss(segment, repeats, [seed, index]) for index, segment in enumerate(segments))
        names = tuple(outcome.name for outcome in self.outcomes)
        errand = _Errand(self.rig, json.dumps(dict(self.options), sort_keys=True), names, tosses, paths)
        rows = [self.facts.space.complete(self.space.to_domain(row)) for row in domains]
        results: tuple[_Result, ...] = self.pool.map(_replay, errand, rows, progress=self.progress)
        table = np.stack([outcomes for outcomes, _, _ in results])  # (k, s, r, m)
        _refuse_divergences(np.stack([diverged for _, diverged, _ in results]), rows)
        steps = self.cost(len(domains), segments, repeats)
        self.env_steps += steps
        return Replayed(
            {name: table[..., column] for column, name in enumerate(names)},
            {signal.name: _stacked([path for _, _, path in results], signal.name) for signal in self.facts.signals}
            if paths
            else {},
            steps,
        )

    def _toss(self, segment: Segment, repeats: int, stream: list[int]) -> _Toss:
        episode = self.real[segment.episode]
        if segment.drive not in self.drives:
            raise InsufficientEvidence(
                f"A recording has no policy: `drive` must be 'actions', but got {segment.drive!r}."
            )
        if episode.actions is None or episode.times is None:
            raise InsufficientEvidence(f"{episode.label!r} must have actions and times to be replayed, but lacks them.")
        first, last = segment.first, episode.steps if segment.length is None else segment.first + segment.length
        if not first < last <= episode.steps:
            raise InsufficientEvidence(
                f"`first + length <= {episode.steps}` must hold in {episode.label!r}, but got first={first}, "
                f"length={segment.length}."
            )
        if first > 0 and episode.states is None:
            raise InsufficientEvidence(
                f"Continuing inside a recording needs its states, which the path of {episode.label!r} does not give, "
                f"but got a segment with first={first}."
            )
        start = episode.start if first == 0 or episode.states is None else episode.states[first]
        drawn = (drawn_start(start, np.random.default_rng([*stream, index])) for index in range(1, repeats))
        times = episode.times[first : last + 1] - episode.times[first]
        return _Toss((start, *drawn), episode.actions[first:last], times, (first, last) == (0, episode.steps))


def _replay(box: Box, errand: _Errand, domain: Domain) -> _Result:
    """Simulate all tosses of an errand in one domain: runs in a worker."""
    rig: rigs.Rig = box.keep(
        ("rig", errand.rig, errand.options), lambda: rigs.make(errand.rig, **json.loads(errand.options))
    )
    repeats = len(errand.tosses[0].starts) if errand.tosses else 0
    outcomes = np.full((len(errand.tosses), repeats, len(errand.outcomes)), np.nan)
    diverged = np.zeros(outcomes.shape[:2], dtype=np.bool_)
    paths: list[list[_Paths]] = []
    for row, toss in enumerate(errand.tosses):
        paths.append([])
        for column, start in enumerate(toss.starts):
            path = rig.simulate(domain, start, toss.actions, toss.times)
            diverged[row, column] = path.diverged
            if toss.whole and not path.diverged:
                measured = rig.measure(path.times, path.values)
                outcomes[row, column] = [measured[name] for name in errand.outcomes]
            if errand.paths:
                paths[row].append(dict(path.values))
    return outcomes, diverged, paths


def _stacked(paths: Sequence[list[list[_Paths]]], signal: str) -> Array:
    """Return a signal of k domains, s segments and r repeats in one array (k, s, r, t, d), NaN behind each end."""
    flat = [path[signal] for domain in paths for segment in domain for path in segment]
    stacked = np.full((len(flat), max(map(len, flat)), flat[0].shape[1]), np.nan)
    for row, path in enumerate(flat):
        stacked[row, : len(path)] = path
    return stacked.reshape(len(paths), len(paths[0]), len(paths[0][0]), *stacked.shape[1:])


def _refuse_divergences(diverged: BoolArray, domains: Sequence[Domain]) -> None:
    """Let a few diverged replays (k, s, r) pass: 3, and one more for every 20."""
    count, allowed = int(diverged.sum()), 3 + diverged.size // 20
    if count > allowed:
        first = domains[int(np.argmax(diverged.any(axis=(1, 2))))]
        named = ", ".join(f"{name}={value:g}" for name, value in first.items())
        raise TooManyDivergences(
            f"{count} of {diverged.size} replayed recordings diverged, more than the {allowed} allowed; the first in "
            f"domain {named}. Narrow the ranges around it, or lower physics.timestep."
        )
