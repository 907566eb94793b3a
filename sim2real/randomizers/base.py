"""The contract of every randomizer: a frozen distribution over domains that can learn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim2real.evidence import Evidence, Need, Offer
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import WorldState, frozen

IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Verdict: TypeAlias = Literal["identified", "bounded", "not identified"]


@dataclass(frozen=True)
class Draws:
    """Domains drawn from a randomizer, arrays read-only.

    Args:
        values: SI values (k, n), column order of the space.
        log_prob: Log density in the unit cube under the distribution that drew them, (k,).
        tag: The method's own mark, returned unchanged with the finished episode, (k,).
    """

    values: Array
    log_prob: Array
    tag: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values))
        object.__setattr__(self, "log_prob", frozen(self.log_prob))
        tag = np.array(self.tag, dtype=np.int64)
        tag.setflags(write=False)
        object.__setattr__(self, "tag", tag)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Practice:
    """Training episodes finished since the last call, in a fixed order; ``success`` and ``returns`` have shape (k,)."""

    draws: Draws
    success: BoolArray
    returns: Array


@dataclass(frozen=True)
class Marginal:
    """What a randomizer believes of one parameter, SI.

    Args:
        mean: Mean.
        low: Lower end of the central 90 % interval.
        high: Upper end of it.
        quantiles: 21 quantiles at probabilities 0, 0.05 … 1.
        contraction: ``1 - var / var_prior``, the prior uniform over the range; 0 where nothing was learned.
        verdict: For methods that identify, else None.
    """

    mean: float
    low: float
    high: float
    quantiles: tuple[float, ...]
    contraction: float
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Description:
    """What a randomizer has to say of itself; everything the report draws.

    Args:
        parameters: One marginal per parameter, in column order.
        correlation: Correlation matrix of the parameters, (n, n).
        diagnostics: Named numbers such as ``"effective_sample_size"``.
        messages: Sentences that the user should read, such as a failed posterior predictive check.
    """

    parameters: Mapping[str, Marginal]
    correlation: Array
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    messages: tuple[str, ...] = ()


class Randomizer(ABC):
    """A distribution over domains that can learn.

    A randomizer is a value: an update returns a new one and leaves this one as
    it was, and there is no generator inside. Every round of an experiment can
    therefore be written down, replayed, and sent to another machine.
    ``sim2real.testing.RandomizerContract`` checks this for any class.
    """

    needs: ClassVar[Need] = Need.NOTHING
    warm_start: ClassVar[bool] = True
    needs_truth: ClassVar[bool] = False  # True: ``create`` takes ``domain``, the target's own; a ceiling, not a method
    space: ParameterSpace

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Randomizer):
            return NotImplemented
        return type(self) is type(other) and self.space == other.space and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((type(self), self.space))

    @classmethod
    @abstractmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        """Return the randomizer before any evidence; ``options`` come from the experiment file.

        Raises:
            UnknownNameError: If an option does not exist; the message lists those that do.
            ValueError: If an option has a value that is not allowed.
        """

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        """Draw ``size`` domains, each value within its parameter's range."""

    @abstractmethod
    def describe(self) -> Description:
        """Return quantiles, correlation and diagnostics of the current distribution."""

    @abstractmethod
    def to_dict(self) -> dict[str, Json]:
        """Return everything but the space; ``from_dict`` restores it bit for bit."""

    @classmethod
    @abstractmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Json]) -> Self:
        """Restore what ``to_dict`` wrote."""

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        """Return the randomizer to train with from here on; called between chunks of training."""
        return self

    def choose_starts(self, offer: Offer, episodes: int, rng: np.random.Generator) -> tuple[WorldState, ...] | None:
        """Return where the next ``episodes`` real episodes should begin, or None to let the target draw them.

        Called once a round by the runner, before the real episodes; what is tried for it counts as replay steps. A
        target that cannot place the world raises an error that says so.
        """
        return None

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        """Return the randomizer to use from the next round on.

        Called once a round by the runner, after the real episodes are in.

        Raises:
            InsufficientEvidence: If ``evidence.offers`` lacks what ``needs`` asks for.
        """
        return self

    def final(self) -> Self:
        """Return what the last training of an experiment draws from."""
        return self
