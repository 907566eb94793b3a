"""DORAEMON: the widest distribution under which the policy still succeeds, found while it is trained.

Tiboni, Klink, Peters, Tommasi, D'Eramo and Chalvatzaki, "Domain randomization via entropy maximization", 2024,
arXiv:2311.01885. With one Beta a parameter, stretched over its range, each update solves

    max_phi H(p_phi)   s.t.   E_phi[success] >= threshold   and   KL(p_old || p_phi) <= trust region,

    E_phi[success] ~ mean_k p_phi(xi_k) / p_old(xi_k) success_k      over the episodes since the last update.

Where the old law itself misses the threshold, the law with the most successes in the trust region is taken instead,
and the entropy is raised from there only if that suffices. Nothing moves before the threshold was reached once.

Needs nothing from the real side and costs no env step: it learns from the training episodes themselves (successes of
the exploring policy, a little fewer than it would have without noise). An update takes 0.1 s.

How often: all episodes that come back together were drawn from the law at the start of their chunk (32 768 env steps,
some 400 to 1 500 episodes), so they serve one update and not several: slices of them would have to be weighed against
that same law, and K steps of KL eps in a row amount to one of K^2 eps, taken on a K-th of the data. What is fewer than
``episodes`` waits for the next chunk; since the law stays as it is meanwhile, the weights stay exact.

The budget: a training of 200 000 steps is 7 to 10 chunks, where the paper has 150 updates of a KL of 0.001 to 0.1 in
all. So the trust region is 0.15 nats a parameter by default, and 0.6 in all at most (beyond that, few of some hundred
weights carry the estimate; ``effective_sample_size`` in the diagnostics says how many). If everything succeeds, the
whole range is reached in 6 to 9 updates.

It fails where the policy cannot do the task at its start (nothing ever moves: warm up longer), and where reality lies
in a corner that has to be given up for the others' sake: nothing real tells it which domains matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from scipy.optimize import Bounds

from sim2real.distributions.beta import Beta
from sim2real.randomizers.base import BoolArray, Description, Draws, Json, Practice, Randomizer
from sim2real.randomizers.columns import active_columns, marginals
from sim2real.randomizers.entropy_ascent import DIVERGENCES, ascend
from sim2real.randomizers.importance import EDGE, Trials
from sim2real.randomizers.options import choice, number, read_options, whole
from sim2real_envs.parameters import Array, ParameterSpace

HEADROOM = 10.0  # how far exponents may rise above those of the start
LARGEST_TRUST_REGION = 0.6  # of all parameters together [nat]


@dataclass(frozen=True)
class DoraemonOptions:
    """Options of ``doraemon``.

    Args:
        threshold: Least share of training episodes that must succeed.
        trust_region: KL of an update, for each parameter that can vary [nat]; all together 0.6 at most.
        episodes: Fewest episodes that an update is made of.
        start: Mode of the law before any training: ``"nominal"``, where the warm-up trains, or, as in the paper,
            the ``"middle"`` of the ranges, which is the same thing where the nominal value is there.
        start_exponent: Both exponents of a Beta that starts in the middle; 100 is a standard deviation of 3.5 % of
            the range.
        least_exponent: No exponent falls below; at 1 every law has one mode, below it can be U-shaped.
        divergence: ``"old_new"`` for KL(old || new), ``"new_old"`` for KL(new || old).
    """

    threshold: float = 0.5
    trust_region: float = 0.15
    episodes: int = 100
    start: str = "nominal"
    start_exponent: float = 100.0
    least_exponent: float = 1.0
    divergence: str = "old_new"

    def __post_init__(self) -> None:
        number("threshold", self.threshold, 0.0, 1.0)
        number("trust_region", self.trust_region, 1e-4, LARGEST_TRUST_REGION)
        whole("episodes", self.episodes, 1, 1_000_000)
        choice("start", self.start, ("nominal", "middle"))
        number("start_exponent", self.start_exponent, 1.0, 1e4)
        number("least_exponent", self.least_exponent, 0.5, 1.0)
        choice("divergence", self.divergence, DIVERGENCES)


@dataclass(frozen=True, eq=False)
class Doraemon(Randomizer):
    """Independent Betas in the unit cube of the ranges.

    Args:
        space: The uncertain parameters.
        options: How to learn.
        a: Exponents at the low end of each range (n,).
        b: Exponents at the high end (n,).
        met: Whether the threshold was reached once.
        waiting: Episodes that are still too few for an update.
        diagnostics: Figures of the last update.
    """

    space: ParameterSpace
    options: DoraemonOptions
    a: Array
    b: Array
    met: bool
    waiting: Trials
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        law = Beta(self.a, self.b)
        object.__setattr__(self, "a", law.a)
        object.__setattr__(self, "b", law.b)

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(DoraemonOptions, options, "doraemon")
        a, b = _start(space, checked)
        return cls(space, checked, a, b, False, Trials.none(int(active_columns(space).sum())))

    @property
    def active(self) -> BoolArray:
        """Which parameters have a range of some width (n,)."""
        return active_columns(self.space)

    @property
    def law(self) -> Beta:
        """The distribution in the unit cube of the parameters that can vary."""
        return Beta(self.a[self.active], self.b[self.active])

    @property
    def trust_region(self) -> float:
        """KL that one update may go [nat]."""
        return min(self.options.trust_region * int(self.active.sum()), LARGEST_TRUST_REGION)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        drawn = np.clip(self.law.sample(rng, size), EDGE, 1.0 - EDGE)
        unit = np.full((size, len(self.space)), 0.5)
        unit[:, self.active] = drawn
        return Draws(self.space.from_unit(unit), self.law.log_prob(drawn), np.zeros(size, dtype=np.int64))

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        if not self.active.any():
            return self
        trials = self.waiting.and_of(practice, self.space, self.active)
        if len(trials) < self.options.episodes:
            return replace(self, waiting=trials)
        none, law = Trials.none(self.law.dimension), self.law
        seen = {"episodes": float(len(trials)), "success_rate": float(trials.success.mean())}
        if not self.met and seen["success_rate"] < self.options.threshold:
            return replace(self, waiting=none, diagnostics=seen)
        new = ascend(law, trials, self.options.threshold, self.trust_region, self._bounds, self.options.divergence)
        a, b = self.a.copy(), self.b.copy()
        a[self.active], b[self.active] = new.a, new.b
        figures = {
            "predicted_success_rate": trials.success_rate(new),
            "effective_sample_size": trials.effective_sample_size(new),
            "kl": law.kl(new) if self.options.divergence == "old_new" else new.kl(law),
            "updates": self.diagnostics.get("updates", 0.0) + 1.0,
        }
        return replace(self, a=a, b=b, met=True, waiting=none, diagnostics=seen | figures)

    @property
    def _bounds(self) -> Bounds:
        """Of the exponents of the active columns, a first and then b."""
        most = np.maximum(*_start(self.space, self.options))[self.active] + HEADROOM
        return Bounds(np.full(2 * len(most), self.options.least_exponent), np.tile(most, 2))

    def describe(self) -> Description:
        law = Beta(self.a, self.b)

        def quantile(probability: Array) -> Array:
            return np.where(self.active, law.quantile(probability), 0.5)

        parameters = marginals(self.space, quantile, law.variance())
        diagnostics = {**self.diagnostics, "entropy": self.law.entropy()}
        return Description(parameters, np.eye(len(self.space)), diagnostics, self._notes)

    @property
    def _notes(self) -> tuple[str, ...]:
        if self.met or "success_rate" not in self.diagnostics:
            return ()
        return (
            f"Training never reached the threshold of {self.options.threshold:.0%} successes (last "
            f"{self.diagnostics['success_rate']:.0%}), so that nothing was widened. Train longer before, or lower "
            "`threshold`.",
        )

    def to_dict(self) -> dict[str, Json]:
        return {
            "options": asdict(self.options),
            "a": self.a.tolist(),
            "b": self.b.tolist(),
            "met": self.met,
            "waiting": self.waiting.to_dict(),
            "diagnostics": dict(self.diagnostics),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(
            space,
            read_options(DoraemonOptions, data["options"], "doraemon"),
            np.array(data["a"], dtype=np.float64),
            np.array(data["b"], dtype=np.float64),
            data["met"],
            Trials.from_dict(data["waiting"], int(active_columns(space).sum())),
            dict(data["diagnostics"]),
        )


def _start(space: ParameterSpace, options: DoraemonOptions) -> tuple[Array, Array]:
    """Return the exponents before any training: a + b is the same for all modes."""
    mode = np.full(len(space), 0.5)
    if options.start == "nominal":
        mode = np.clip(space.to_unit(space.to_array(space.nominal())), 0.0, 1.0)
    width = 2.0 * (options.start_exponent - 1.0)
    return 1.0 + width * mode, 1.0 + width * (1.0 - mode)
