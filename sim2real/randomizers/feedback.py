"""Truncated normals that the success gap widens or narrows: the simplest rule that closes the loop.

A simulated episode that ended as its real partner did pulls the distribution
towards its domain and narrows it; one that ended otherwise pushes the
distribution away and widens it. The steps of a batch are averaged, so their
order does not matter, and the width stays between 1 % and half of the range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from sim2real.distributions.truncated_normal import TruncatedNormal
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers.base import BoolArray, Description, Draws, Json, Randomizer
from sim2real.randomizers.columns import active_columns, marginals
from sim2real.randomizers.options import choice, number, read_options
from sim2real.randomizers.pairs import Pairs, pair
from sim2real_envs.parameters import Array, ParameterSpace

FIRST_SCALE = 1.0 / 6.0  # of the range
SMALLEST_SCALE, LARGEST_SCALE = 0.01, 0.5  # of the range
REPULSION = 0.1  # share of the distance by which a mismatch pushes the mean away


@dataclass(frozen=True)
class FeedbackOptions:
    """Options of ``feedback``.

    Args:
        rate: How much one batch changes mean and width.
        threshold: A gap above this is a mismatch.
        both_fail_weight: Weight of a pair in which both sides fail; that they agree says little.
        attribution: ``"regression"`` scales each parameter's step by its standardized effect on the gap, so that a
            parameter that is not to blame stays where it is; ``"none"`` moves all alike.
    """

    rate: float = 0.1
    threshold: float = 0.3
    both_fail_weight: float = 0.25
    attribution: str = "none"

    def __post_init__(self) -> None:
        number("rate", self.rate, 0.0, 1.0)
        number("threshold", self.threshold, 0.0, 1.0)
        number("both_fail_weight", self.both_fail_weight, 0.0, 1.0)
        choice("attribution", self.attribution, ("none", "regression"))


@dataclass(frozen=True, eq=False)
class Feedback(Randomizer):
    """One truncated normal a parameter, in the unit cube of the ranges.

    Args:
        space: The uncertain parameters.
        options: How to learn.
        location: Means before truncation (n,).
        scale: Standard deviations before truncation (n,).
        diagnostics: Figures of the last update.
    """

    needs: ClassVar[Need] = Need.OUTCOMES

    space: ParameterSpace
    options: FeedbackOptions
    location: Array
    scale: Array
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        law = TruncatedNormal(self.location, self.scale)
        object.__setattr__(self, "location", law.location)
        object.__setattr__(self, "scale", law.scale)

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(FeedbackOptions, options, "feedback")
        nominal = space.to_unit(space.to_array(space.nominal()))
        return cls(space, checked, np.clip(nominal, 0.0, 1.0), np.full(len(space), FIRST_SCALE))

    @property
    def law(self) -> TruncatedNormal:
        """The distribution in the unit cube."""
        return TruncatedNormal(self.location, self.scale)

    @property
    def active(self) -> BoolArray:
        """Which parameters have a range of some width (n,)."""
        return active_columns(self.space)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        unit = self.law.sample(rng, size)  # (k, n)
        log_prob = self.law.log_probs(unit)[:, self.active].sum(axis=1)
        return Draws(self.space.from_unit(unit), log_prob, np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        parameters = marginals(self.space, self.law.quantile, self.law.variance())
        return Description(parameters, np.eye(len(self.space)), dict(self.diagnostics))

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        if Need.OUTCOMES not in evidence.offers:
            raise InsufficientEvidence(
                f"'feedback' needs outcomes of real episodes, but the target offers {evidence.offers!r}. "
                "Use a target with `log: outcomes` or `log: sensors`."
            )
        pairs = pair(self.space, evidence)
        location, scale = step(self.law, pairs, self.options)
        return replace(
            self,
            location=np.where(self.active, location, self.location),
            scale=np.where(self.active, scale, self.scale),
            diagnostics={
                "pairs": float(len(pairs.gap)),
                "mean_gap": float(pairs.gap.mean()),
                "both_failed_share": float(pairs.both_failed.mean()),
            },
        )

    def to_dict(self) -> dict[str, Json]:
        return {
            "options": asdict(self.options),
            "location": self.location.tolist(),
            "scale": self.scale.tolist(),
            "diagnostics": dict(self.diagnostics),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(
            space,
            read_options(FeedbackOptions, data["options"], "feedback"),
            np.array(data["location"], dtype=np.float64),
            np.array(data["scale"], dtype=np.float64),
            dict(data["diagnostics"]),
        )


def step(law: TruncatedNormal, pairs: Pairs, options: FeedbackOptions) -> tuple[Array, Array]:
    """Return location and scale after one batch of pairs, (n,) each.

    Of each pair with domain x, for a mismatch (gap > threshold)

        scale *= 1 + rate        location += 0.1 (location - x)

    and for a match ``scale *= 1 - rate / 2`` and ``location += rate (x - location)``. The steps, those of the scale in
    its logarithm, are averaged over the batch with the weight of a pair in which both sides failed reduced.
    """
    mismatch = pairs.gap > options.threshold
    weight = 1.0 - (1.0 - options.both_fail_weight) * pairs.both_failed
    if weight.sum() == 0.0:  # every pair failed together, and that counts for nothing
        return law.location, law.scale
    share = weight / weight.sum()
    pull = np.where(mismatch, -REPULSION, options.rate)[:, None] * (pairs.domains - law.location)  # (p, n)
    growth = np.where(mismatch, np.log1p(options.rate), np.log1p(-0.5 * options.rate))
    blame = effects(pairs) if options.attribution == "regression" else np.ones(len(law.location))
    location = np.clip(law.location + blame * (share @ pull), 0.0, 1.0)
    scale = np.clip(law.scale * np.exp(blame * (share @ growth)), SMALLEST_SCALE, LARGEST_SCALE)
    return location, scale


def effects(pairs: Pairs) -> Array:
    """Return each parameter's standardized effect on the gap relative to the largest one, (n,) in [0, 1].

    Coefficients of a ridge regression of the gap on the standardized domains;
    1 for all where the gap does not vary, for then nothing can be told apart.
    """
    spread = pairs.domains.std(axis=0)
    standardized = (pairs.domains - pairs.domains.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)
    gap = pairs.gap - pairs.gap.mean()
    normal = standardized.T @ standardized + np.eye(len(spread))
    size = np.abs(np.linalg.solve(normal, standardized.T @ gap))
    if size.size == 0 or size.max() < 1e-12:
        return np.ones(len(spread))
    relative: Array = size / size.max()
    return relative
