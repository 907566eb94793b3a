"""The contract of a rig: a passive or scripted physical system that a recording is replayed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, Part
from sim2real_envs.state import WorldState


@dataclass(frozen=True)
class Signal:
    """One trajectory: of a path, or of what drives it.

    Args:
        name: Such as ``"object.pose"``.
        columns: Name of each of its numbers.
        unit: Of those that are drawn.
        drawn: How many columns, from the first, people would look at.
    """

    name: str
    columns: tuple[str, ...]
    unit: str
    drawn: int


@dataclass(frozen=True)
class Misfit:
    """How far a predicted path is from the recorded one, as one number a recording, SI.

    Args:
        name: Such as ``"position_error"``.
        unit: Unit in which results give it, such as ``"mm"``.
        per_si: That unit's number for 1 of the SI unit: 1000 for mm.
        pool: How many recordings make one number: the mean, or the root of the mean square.
        doc: What it is, in one sentence.
    """

    name: str
    unit: str
    per_si: float
    pool: Literal["mean", "rms"] = "mean"
    doc: str = ""


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

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The trajectories of a path; recordings have those at least."""

    @property
    def controls(self) -> tuple[Signal, ...]:
        """What the columns of ``actions`` are, in their order; none for a passive system."""

    @property
    def misfits(self) -> tuple[Misfit, ...]:
        """What ``misfit`` returns, the one that counts most first."""

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return the path from ``start`` in ``domain``, sampled at ``times`` (t,) s; ``actions`` (t - 1, a)."""

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path, recorded or simulated, the same way for both."""

    def misfit(self, times: Array, recorded: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
        """Return every declared misfit of a prediction; NaN where the path has NaN throughout."""

    def close(self) -> None:
        """Release the engine; may be called twice."""
