"""What one round learned, and the means to ask the simulator about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Literal, Protocol

import numpy as np

from sim2real.episodes import Episode
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


class Need(Flag):
    """What a randomizer needs from the real side, and what a target offers."""

    NOTHING = 0
    OUTCOMES = auto()
    TRAJECTORIES = auto()
    STATES = auto()


@dataclass(frozen=True)
class Segment:
    """A stretch of a real episode to be replayed in simulation.

    Args:
        episode: Index into ``Evidence.real``.
        first: First control step; above 0 needs ``Need.STATES``.
        length: Control steps; None means to the end.
        drive: ``"policy"``: the same policy acts; ``"actions"``: the logged actions are repeated (a passive
            recording has actions of shape (t, 0)).
    """

    episode: int
    first: int = 0
    length: int | None = None
    drive: Literal["policy", "actions"] = "policy"


@dataclass(frozen=True)
class Replayed:
    """Outcomes and paths of s segments replayed in k domains with r repeats.

    ``outcome[name]`` has shape (k, s, r), NaN where a world diverged;
    ``path[name]`` has shape (k, s, r, t, d), NaN behind the end of an episode;
    ``env_steps`` counts the control steps that it took.
    """

    outcome: Mapping[str, Array]
    path: Mapping[str, Array] = field(default_factory=dict)
    env_steps: int = 0


class Replay(Protocol):
    """Replays real episodes in the simulator's workers.

    The result depends on the arguments alone: not on the number of workers,
    and ``rng`` is used once to derive the streams of all rollouts.
    """

    @property
    def drives(self) -> frozenset[str]:
        """The ``Segment.drive`` values that this replay supports."""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The declared outcomes of the environment or rig."""

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        """Return the env steps that a call would take at most, before they are spent."""

    def __call__(
        self,
        domains: Array,  # (k, n) SI, column order of the randomizer's space
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        """Replay every segment in every domain."""


class Offer(Protocol):
    """Lets a randomizer look at starts before real episodes are spent on them."""

    def candidates(self, count: int, rng: np.random.Generator) -> tuple[WorldState, ...]:
        """Return ``count`` starts, drawn by the task as it draws those of any episode."""

    def replay(self, starts: Sequence[WorldState]) -> Replay:
        """Return the means to try the current policy from ``starts``, the segments' episodes, in any domain."""


@dataclass(frozen=True)
class Evidence:
    """What one round learned.

    Args:
        round: Index of the round, from 0.
        real: Episodes from the target.
        simulated: Episodes of the same policy under the current randomizer, same starts where possible.
        offers: What the target makes available.
        replay: Replays real episodes in other domains.
    """

    round: int
    real: tuple[Episode, ...]
    simulated: tuple[Episode, ...]
    offers: Need
    replay: Replay
