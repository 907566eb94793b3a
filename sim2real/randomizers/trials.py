"""What was tried: real episodes of one round, and their replays in simulated designs.

Trials of all rounds are kept, so that every update starts from the prior and
counts each real episode once, whatever policy it was collected with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Segment
from sim2real.randomizers.base import BoolArray, Json
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

SQUASH = 5.0  # differences beyond about this many scales are compressed


@dataclass(frozen=True)
class Trials:
    """Real outcomes of n episodes, and simulated ones in k designs.

    Args:
        outcomes: The m outcomes that are compared.
        observed: Real outcomes (n, m) SI, NaN where one was not measured.
        designs: Replayed domains in the unit cube (k, d).
        simulated: Their outcomes (k, n, m) SI, NaN where a world diverged.
        power: Of the likelihood of these episodes, see ``tempering``.
    """

    outcomes: tuple[Outcome, ...]
    observed: Array
    designs: Array
    simulated: Array
    power: float = 1.0

    def __post_init__(self) -> None:
        for name in ("observed", "designs", "simulated"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def extended(self, designs: Array, simulated: Array) -> Trials:
        """Return these trials with more designs (k', d) and their outcomes (k', n, m)."""
        return Trials(
            self.outcomes,
            self.observed,
            np.concatenate([self.designs, designs]),
            np.concatenate([self.simulated, simulated]),
            self.power,
        )

    def to_dict(self) -> dict[str, Json]:
        """Return everything as plain JSON; NaN becomes null."""
        return {
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "observed": _plain(self.observed),
            "designs": _plain(self.designs),
            "simulated": _plain(self.simulated),
            "power": self.power,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trials:
        """Restore what ``to_dict`` wrote."""
        outcomes = tuple(Outcome(**outcome) for outcome in data["outcomes"])
        observed, designs, simulated = (
            np.array(data[name], dtype=np.float64) for name in ("observed", "designs", "simulated")
        )
        return cls(outcomes, observed, designs, simulated, float(data.get("power", 1.0)))


def _plain(array: Array) -> Json:
    plain = array.astype(object)
    plain[np.isnan(array)] = None
    nested: Json = plain.tolist()
    return nested


def comparable_outcomes(evidence: Evidence, wanted: Sequence[str] | None) -> tuple[Outcome, ...]:
    """Return the declared outcomes that at least one real episode has.

    Raises:
        UnknownNameError: If one of ``wanted`` is not declared.
        InsufficientEvidence: If no real episode has any of them.
    """
    declared = {outcome.name: outcome for outcome in evidence.replay.outcomes}
    for name in wanted or ():
        if name not in declared:
            raise UnknownNameError(name, "an outcome of this environment or rig", declared)
    measured = tuple(
        outcome
        for name, outcome in declared.items()
        if (wanted is None or name in wanted)
        and any(np.isfinite(episode.outcome.get(name, np.nan)) for episode in evidence.real)
    )
    if not measured:
        raise InsufficientEvidence(
            f"At least one real episode must have a finite outcome among {', '.join(wanted or declared)}, but got "
            f"{len(evidence.real)} real episodes without any. Collect more: `episodes.real_per_round`."
        )
    return measured


def real_outcomes(real: Sequence[Episode], outcomes: Sequence[Outcome]) -> tuple[list[int], Array]:
    """Return the indices of the usable real episodes in a canonical order, and their outcomes (n, m).

    The order depends on what the episodes are, not on where they stand, so
    that the same episodes always give the same result, bit for bit.
    """
    rows = {
        index: [float(episode.outcome.get(outcome.name, np.nan)) for outcome in outcomes]
        for index, episode in enumerate(real)
    }
    usable = [index for index, row in rows.items() if np.isfinite(row).any()]
    usable.sort(key=lambda index: (real[index].label, str(real[index].seed), repr(rows[index])))
    return usable, np.array([rows[index] for index in usable])


def segments(evidence: Evidence, episodes: Sequence[int]) -> list[Segment]:
    """Return whole episodes to replay, driven by the policy where the replay has one."""
    drive: Literal["policy", "actions"] = "policy" if "policy" in evidence.replay.drives else "actions"
    return [Segment(index, drive=drive) for index in episodes]


def differences(trials: Trials, simulated: Array) -> Array:
    """Return how far ``simulated`` (k, n, m) is from the real outcomes, compressed, in units of the outcome's scale.

    S asinh(x / S) of x = (simulated - real) / scale is x itself for small x
    and grows like a logarithm beyond S: an emulator should be exact where the
    difference is small and need not be where it is hopeless. A binary outcome
    stays what it is, 0 or 1. A diverged world counts as the worst of its
    column: the largest difference, or the opposite of what really happened.
    """
    result = np.empty(simulated.shape)
    for column, outcome in enumerate(trials.outcomes):
        real, values = trials.observed[:, column], simulated[:, :, column]  # (n,), (k, n)
        if outcome.kind == "binary":
            result[:, :, column] = np.where(np.isnan(values), 1.0 - real, values)
        else:
            compressed = SQUASH * np.arcsinh((values - real) / (SQUASH * outcome.scale))
            result[:, :, column] = np.where(np.isnan(compressed), _worst(compressed), compressed)
    return result


def comparable(trials: Trials) -> tuple[Array, BoolArray]:
    """Return the differences of all replays (k, n, m), 0 where there are none, and where there are some (n, m)."""
    compared = differences(trials, trials.simulated)
    possible: BoolArray = np.asarray(np.isfinite(compared).all(axis=0))
    return np.where(possible, compared, 0.0), possible


def _worst(compressed: Array) -> Array:
    """Return the value of largest size in each column of (k, n); NaN where there is none."""
    size = np.where(np.isnan(compressed), -1.0, np.abs(compressed))
    worst: Array = np.take_along_axis(compressed, size.argmax(axis=0)[None, :], axis=0)[0]
    return worst
