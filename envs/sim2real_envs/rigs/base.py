"""The contract of a rig: a passive or scripted physical system that a recording is replayed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, Part
from sim2real_envs.state import WorldState


@dataclass(frozen=True)
class Path:
    """What a rig did: ``times`` (t,) s from the start, and named trajectories such as ``"object.pose"`` (t, 7)."""

    times: Array
    values: Mapping[str, Array]
    diverged: bool = False


class Rig(Part, Protocol):
    """A physical system without reward: start it, drive it, watch it."""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What ``measure`` returns of a path."""

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return the path from ``start`` in ``domain``, sampled at ``times`` (t,) s; ``actions`` (t - 1, a)."""

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path, recorded or simulated, the same way for both."""

    def close(self) -> None:
        """Release the engine; may be called twice."""
