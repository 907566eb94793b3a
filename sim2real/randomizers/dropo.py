"""DROPO: the Gaussian of domains under which real transitions between measured states are likely.

Tiboni, Arndt and Kyrki, "DROPO: Sim-to-real transfer with offline domain randomization", Robotics and Autonomous
Systems 166, 2023 (arXiv:2201.08434). Of each real transition, lambda = ``length`` control steps from state s_t to
y = s_{t + lambda}, the simulator is put into s_t and repeats the actions in K domains xi ~ N(m, diag(s^2)); with mean
and covariance of the K ends,

    L(m, s) = sum_t log N(y_t; mean_t(m, s), cov_t(m, s) + eps I),

is maximised over m and s by CMA-ES, s in [1e-5, 1/4] of each range. Commands still in a delay line belong to the state
(``WorldState.commands``), without which a transition says little of a delay.

What differs from the paper, for cost: a faithful search replays every transition in K new domains for each of some
hundred candidates. Here transitions are replayed once in a bank of domains, some spread over the ranges (Sobol), as
many again about the optimum that these give, and once more about the next one; the K ends of a candidate come from an
emulator fitted to the bank (``transition_likelihood``). The emulator's own error is added to eps, and fresh replays at
the optimum say how large it is in these terms (``emulator_error`` in the diagnostics; 1 is as it should be). The K
domains are the same quantiles of every candidate's law, so that the search sees no noise. The law is a normal cut off
at the ranges, as training needs. Transitions of the last ``remember`` rounds count together.

What differs for the result: eps is searched too unless it is given, because with less than the noise and the flaws
that there are the widest law is the likeliest and nothing is learned (shown by tosses of a real cube, and by a
pseudo-real robot with gears and stiction). What real ends owe to their sensors' noise, as the target tells it, is
added to eps; what the noise of the *start* does is left to s and eps to explain.

The spread s is how much the domain would have to vary from transition to transition to explain the real ones: it grows
with noise and with what the simulator lacks, the more the less eps takes of it. It is no posterior, does not shrink
with more data, and its intervals cover nothing in particular; so there are no verdicts. A parameter that the
transitions do not tell about - the likelihood gains less than ``GAIN`` by any narrower law than the whole range -
stays as wide as its range, which the paper leaves to chance.

It needs states at every control step. One update costs ``(1 + refinements) designs + checks`` replays of ``length``
steps for each of ``per_episode`` transitions an episode. It fails where states are measured badly: a twist from two
noisy poses, a tool put into an object by noise; where ``sensor.delay`` is uncertain, because states are taken as of
their own time; and where what matters happens within fewer transitions than are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from sim2real.distributions import TruncatedNormal
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers.base import BoolArray, Description, Draws, Json, Randomizer
from sim2real.randomizers.columns import active_columns, marginals
from sim2real.randomizers.options import number, read_options, whole
from sim2real.randomizers.transition_fit import NARROWEST, UNIFORM, fit
from sim2real.randomizers.transition_likelihood import Bank
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen


@dataclass(frozen=True)
class DropoOptions:
    """Options of ``dropo``.

    Args:
        length: Control steps of a transition: lambda of the paper.
        per_episode: Transitions taken of an episode at most, those that move most.
        designs: Domains replayed over the whole ranges, and again about the optimum in each refinement.
        refinements: How often domains about the optimum are replayed, each time nearer to it.
        checks: Domains drawn from the result and replayed, to compare with the emulator.
        samples: Domains that stand for a candidate: K of the paper.
        epsilon: Variance added to each coordinate, in units of the mean square of its motion; None for the likeliest.
            The paper takes 1e-5 between simulators and 1e-3 for a real robot. Less than the noise and the flaws that
            there are, and the widest law may win; more, and the spread has less to explain.
        generations: Of CMA-ES.
        remember: Rounds whose transitions count.
        floor: Smallest standard deviation to train with, in units of a parameter's range.
    """

    length: int = 5
    per_episode: int = 8
    designs: int = 48
    refinements: int = 2
    checks: int = 8
    samples: int = 100
    epsilon: float | None = None
    generations: int = 150
    remember: int = 3
    floor: float = 0.02

    def __post_init__(self) -> None:
        whole("length", self.length, 1, 100)
        whole("per_episode", self.per_episode, 1, 10_000)
        whole("designs", self.designs, 8, 100_000)
        whole("refinements", self.refinements, 0, 100)
        whole("checks", self.checks, 2, 100_000)
        whole("samples", self.samples, 4, 10_000)
        if self.epsilon is not None:
            number("epsilon", self.epsilon, 1e-9, 1.0)
        whole("generations", self.generations, 1, 10_000)
        whole("remember", self.remember, 1, 1000)
        number("floor", self.floor, NARROWEST, 0.3)


@dataclass(frozen=True, eq=False)
class Dropo(Randomizer):
    """One truncated normal a parameter, in the unit cube of the ranges; uniform before any evidence.

    Args:
        space: The uncertain parameters.
        options: How to learn.
        location: Means before truncation (n,).
        scale: Standard deviations before truncation (n,); ``UNIFORM`` where nothing was learned.
        banks: Replayed transitions of the last rounds, the newest last.
        diagnostics: Figures of the last update.
        messages: Sentences of the last update.
    """

    needs: ClassVar[Need] = Need.STATES

    space: ParameterSpace
    options: DropoOptions
    location: Array
    scale: Array
    banks: tuple[Bank, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "location", frozen(self.location))
        object.__setattr__(self, "scale", frozen(self.scale))

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(DropoOptions, options, "dropo")
        return cls(space, checked, np.full(len(space), 0.5), np.full(len(space), UNIFORM))

    @property
    def active(self) -> BoolArray:
        """Which parameters have a range of some width (n,)."""
        return active_columns(self.space)

    @property
    def law(self) -> TruncatedNormal:
        """What was found, in the unit cube."""
        return TruncatedNormal(self.location, self.scale)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        law = TruncatedNormal(self.location, np.maximum(self.scale, self.options.floor))
        unit = law.sample(rng, size)  # (k, n)
        log_prob = law.log_probs(unit)[:, self.active].sum(axis=1)
        return Draws(self.space.from_unit(unit), log_prob, np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        found = marginals(self.space, self.law.quantile, self.law.variance())
        return Description(found, np.eye(len(self.space)), dict(self.diagnostics), self.messages)

    def to_dict(self) -> dict[str, Json]:
        return {
            "options": asdict(self.options),
            "location": self.location.tolist(),
            "scale": self.scale.tolist(),
            "banks": [bank.to_dict() for bank in self.banks],
            "diagnostics": dict(self.diagnostics),
            "messages": list(self.messages),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(
            space,
            read_options(DropoOptions, data["options"], "dropo"),
            np.array(data["location"], dtype=np.float64),
            np.array(data["scale"], dtype=np.float64),
            tuple(Bank.from_dict(bank) for bank in data["banks"]),
            dict(data["diagnostics"]),
            tuple(data["messages"]),
        )

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        """Return the Gaussian under which these transitions, and those of the last rounds, are most likely."""
        if Need.STATES not in evidence.offers:
            raise InsufficientEvidence(
                f"'dropo' needs the states of real episodes at every control step, but the target offers "
                f"{evidence.offers!r}. Use a simulated target with `log: sensors`, or recordings of poses."
            )
        if not self.active.any():
            return self
        found = fit(evidence, self.space, self.active, self.options, self.location, self.banks, rng)
        return replace(
            self,
            location=found.location,
            scale=found.scale,
            banks=found.banks,
            diagnostics=found.diagnostics,
            messages=found.messages,
        )
