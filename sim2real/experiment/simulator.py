"""The simulated side of an experiment: episodes under a randomizer, and real episodes replayed in other domains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Replayed, Segment
from sim2real.policy import Policy
from sim2real.randomizers.base import Randomizer
from sim2real.rollouts import SEEDS, Job, Rollouts, refuse_divergences
from sim2real.targets.starts import drawn_start
from sim2real.workers import Advance
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import WorldState


@dataclass(frozen=True)
class Simulator:
    """Runs policies in worlds drawn from a randomizer.

    Args:
        rollouts: The workers.
        space: The uncertain parameters: the columns of ``Replay``'s domains.
        progress: Called with (done, total) episodes.
    """

    rollouts: Rollouts
    space: ParameterSpace
    progress: Advance | None = None

    def collect(
        self,
        policy: Policy,
        randomizer: Randomizer,
        episodes: int,
        rng: np.random.Generator,
        like: Sequence[Episode] = (),
    ) -> tuple[Episode, ...]:
        """Run episodes in domains drawn from ``randomizer``.

        Args:
            policy: The policy.
            randomizer: Where each episode's domain comes from.
            episodes: How many.
            rng: Used for domains and for the seeds of the episodes.
            like: Real episodes; episode i begins at the measured start of ``like[i % len(like)]``.

        Raises:
            TooManyDivergences: If more than a few diverge; names the domain.
        """
        seeds = rng.integers(SEEDS, size=episodes)
        domains = randomizer.sample(rng, episodes).values  # (episodes, n)
        jobs = [
            Job(int(seed), randomizer.space.to_domain(row), like[i % len(like)].start if like else None)
            for i, (seed, row) in enumerate(zip(seeds, domains, strict=True))
        ]
        finished = self.rollouts.run(policy, jobs, progress=self.progress)
        refuse_divergences(finished, "simulated")
        return finished

    def replay(self, policy: Policy, real: Sequence[Episode]) -> PolicyReplay:
        """Return the means to replay ``real`` with the policy that made them."""
        return PolicyReplay(self.rollouts, self.space, policy, tuple(real), self.progress)

    def offer(self, policy: Policy) -> StartsOffer:
        """Return the means to look for starts for ``policy``."""
        return StartsOffer(self, policy)


@dataclass(frozen=True)
class StartsOffer:
    """Starts of the simulator, and the policy that would go on from them: ``sim2real.evidence.Offer``."""

    simulator: Simulator
    policy: Policy

    def candidates(self, count: int, rng: np.random.Generator) -> tuple[WorldState, ...]:
        """Return starts as the simulator's task draws them."""
        return self.simulator.rollouts.starts([int(seed) for seed in rng.integers(SEEDS, size=count)])

    def replay(self, starts: Sequence[WorldState]) -> PolicyReplay:
        """Return the means to try the policy from ``starts``."""
        period = self.simulator.rollouts.facts.period
        awaited = [Episode(start, {}, False, "none", 0, 0.0, period) for start in starts]
        return self.simulator.replay(self.policy, awaited)


@dataclass(frozen=True)
class PolicyReplay:
    """Replays real episodes in the simulator: ``sim2real.evidence.Replay``.

    Every domain meets the same random streams and the same starts: those of a segment's first repeat are the measured
    ones, those of the others are drawn from the spread of the measurement.

    Paths are ``"observations"`` (k, s, r, t + 1, o) and ``"actions"`` (k, s, r, t, a) over the horizon. A segment from
    inside an episode begins at the state that was measured there, with the commands of before still on their way, and
    repeats logged actions. Where all segments have a length, paths are so long as the longest of them, what the sensors
    say of each state is among them, such as ``"object.pose"`` (k, s, r, t + 1, 7), and outcomes are NaN, because
    nothing has ended.
    """

    rollouts: Rollouts
    space: ParameterSpace
    policy: Policy
    real: tuple[Episode, ...]
    progress: Advance | None = None
    drives: ClassVar[frozenset[str]] = frozenset({"policy", "actions"})

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The declared outcomes of the environment."""
        return self.rollouts.facts.outcomes

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        """Return the env steps that a call would take at most."""
        return domains * repeats * sum(segment.length or self.rollouts.facts.horizon for segment in segments)

    def __call__(
        self,
        domains: Array,  # (k, n)
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        """Replay every segment in every domain.

        Raises:
            InsufficientEvidence: If a segment needs states or actions that were not logged, or lies beyond its episode.
            TooManyDivergences: If more than a few worlds diverge; names the domain.
        """
        starts = [self._starts(segment, repeats, rng) for segment in segments]  # (s, r) of (seed, start)
        jobs = [
            Job(seed, self.space.to_domain(row), start, self._actions(segment), length=segment.length)
            for row in domains
            for segment, drawn in zip(segments, starts, strict=True)
            for seed, start in drawn
        ]
        log = "sensors" if paths else "outcomes"
        episodes = self.rollouts.run(self.policy, jobs, log=log, progress=self.progress)  # type: ignore[arg-type]
        refuse_divergences(episodes, "replayed")
        shape = (len(domains), len(segments), repeats)
        return Replayed(
            {o.name: _table(episodes, o.name, shape) for o in self.outcomes},
            _paths(episodes, shape, max(s.length or self.rollouts.facts.horizon for s in segments)) if paths else {},
            sum(episode.steps for episode in episodes),
        )

    def _starts(self, segment: Segment, repeats: int, rng: np.random.Generator) -> list[tuple[int, WorldState]]:
        measured = self._begin(segment)
        seeds = rng.integers(SEEDS, size=repeats)
        return [(int(seed), measured if i == 0 else drawn_start(measured, rng)) for i, seed in enumerate(seeds)]

    def _begin(self, segment: Segment) -> WorldState:
        """Return where a segment begins, as it was measured."""
        episode = self.real[segment.episode]
        if segment.first == 0:
            return episode.start
        if episode.states is None:
            raise InsufficientEvidence(
                f"Continuing inside a real episode needs its states, which episode {segment.episode} lacks, but got a "
                f"segment with first={segment.first}; use a target that offers Need.STATES, with `log: sensors`."
            )
        if segment.drive != "actions":
            raise InsufficientEvidence(
                f"A segment with first={segment.first} must have drive='actions', but got {segment.drive!r}: what the "
                "policy remembers of before is not known."
            )
        if not segment.first + (segment.length or 1) <= episode.steps:
            raise InsufficientEvidence(
                f"`first + length <= {episode.steps}` must hold in real episode {segment.episode}, but got "
                f"first={segment.first}, length={segment.length}."
            )
        return episode.states[segment.first]

    def _actions(self, segment: Segment) -> Array | None:
        if segment.drive == "policy":
            return None
        actions = self.real[segment.episode].actions
        if actions is None:
            raise InsufficientEvidence(
                f"Real episode {segment.episode} has no logged actions to repeat; give the target `log: sensors`, or "
                f'replay with drive="policy".'
            )
        return actions[segment.first :]


def _table(episodes: Sequence[Episode], outcome: str, shape: tuple[int, int, int]) -> Array:
    return np.array([episode.outcome[outcome] for episode in episodes], dtype=np.float64).reshape(shape)


def _paths(episodes: Sequence[Episode], shape: tuple[int, int, int], steps: int) -> dict[str, Array]:
    def stacked(log: Callable[[Episode], Array | None], length: int) -> Array:
        rows = [row for episode in episodes if (row := log(episode)) is not None]
        path = np.full((len(rows), length, rows[0].shape[1]), np.nan)
        for i, row in enumerate(rows):
            path[i, : len(row)] = row
        return path.reshape((*shape, *path.shape[1:]))

    paths = {
        "observations": stacked(lambda episode: episode.observations, steps + 1),
        "actions": stacked(lambda episode: episode.actions, steps),
    }
    if episodes and all(episode.states for episode in episodes):
        for name in episodes[0].states[-1].values:  # type: ignore[index]
            paths[name] = stacked(lambda episode, name=name: _of_states(episode, name), steps + 1)  # type: ignore[misc]
    return paths


def _of_states(episode: Episode, name: str) -> Array:
    """Return one value of the states of an episode (t + 1, d), NaN where it is not told."""
    states = episode.states or ()
    width = len(states[-1].values[name])
    return np.stack([state.values.get(name, np.full(width, np.nan)) for state in states])
