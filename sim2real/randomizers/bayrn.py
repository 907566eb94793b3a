"""Bayesian domain randomization: the distribution whose policy scores best on the real side, searched as a black box.

Let phi be the parameters of a distribution p_phi over domains and pi(phi) the
policy trained in it. What counts is what that policy reaches on the real side,

    phi* = argmax_phi  J_real(pi(phi)),

and each evaluation costs a training and some real episodes. A Gaussian process
over phi is fitted to the scores of the policies so far; the next phi is where
it expects most improvement over the best (log EI of Optuna's ``GPSampler``:
Ament et al. 2023, arXiv:2310.20708); in the end phi is where its mean is
highest. Muratore, Eilers, Gienger and Peters, "Data-efficient domain
randomization with Bayesian optimization", 2021, arXiv:2003.02471, algorithm 1.

Here x in the unit cube is the middle of one law a parameter (a normal cut off
at the walls, or a box) of a stated standard deviation, or of one that is part
of x. The first evidence comes from a policy that was trained at nominal, before
anything was known: it is booked as a trial at nominal with the narrowest width,
which is where that policy was trained, though as a rule for another number of
steps (``count_first: false`` leaves it out). ``initial`` points of a Latin
hypercube follow, then those of the process.

It needs nothing from the real side but successes or returns, and not even
episodes that begin alike. It costs one training a trial, no replays, and about
a second of computing. It fails where there are few trials for the number of
dimensions (the rule is ten for each: Loeppky, Sacks and Welch 2009), where few
episodes a trial tell policies apart by chance only, and with ``warm_start``,
where a policy goes on from the one before: a score then depends on all rounds
before it, and later ones are better because they were trained for longer.
``warm_start: false`` trains each from nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from scipy.stats import qmc

from sim2real import distributions
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers import bayrn_trials, response_surface
from sim2real.randomizers.base import Description, Draws, Json, Randomizer
from sim2real.randomizers.bayrn_trials import Trial
from sim2real.randomizers.columns import active_columns, marginals
from sim2real.randomizers.options import choice, number, read_options, whole
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen

NARROWEST, WIDEST = 0.02, 0.3  # standard deviations between which a width is searched, in its logarithm
FRESH = 1024  # points at which the posterior mean is compared in the end, beside those tried
PREFERRED = 0.55  # probability from which on a fresh point is preferred to the best tried
ENOUGH = 10  # trials for each coordinate of x from which on a search means something


@dataclass(frozen=True)
class BayRnOptions:
    """Options of ``bayrn``.

    Args:
        score: ``"success"`` or ``"return"`` of the real episodes.
        bound: ``"mean"`` of them, or ``"lower"`` for its 5 % bootstrap bound.
        initial: Points of a Latin hypercube before the process proposes any.
        width: Standard deviation of the law about x, in units of a parameter's range.
        widths: ``"fixed"`` at ``width``; ``"common"``: one factor for all is searched too; ``"each"``: one a parameter.
        shape: ``"normal"``, cut off at the ends of the range, or ``"uniform"``.
        warm_start: Whether a policy goes on from that of the round before, or begins from nothing.
        count_first: Whether the policy that was trained before the first round counts as a trial at nominal.
    """

    score: str = "success"
    bound: str = "mean"
    initial: int = 2
    width: float = 0.1
    widths: str = "fixed"
    shape: str = "normal"
    warm_start: bool = True
    count_first: bool = True

    def __post_init__(self) -> None:
        choice("score", self.score, ("success", "return"))
        choice("bound", self.bound, ("mean", "lower"))
        whole("initial", self.initial, 1, 1000)
        number("width", self.width, NARROWEST, WIDEST)
        choice("widths", self.widths, ("fixed", "common", "each"))
        choice("shape", self.shape, ("normal", "uniform"))
        for name in ("warm_start", "count_first"):
            if not isinstance(getattr(self, name), bool):
                raise OptionError(f"{name!r} must be true or false, but got {getattr(self, name)!r}.")


@dataclass(frozen=True, eq=False)
class BayRn(Randomizer):
    """A law about the point x that is on trial; see the module.

    Args:
        space: The uncertain parameters.
        options: How to search.
        x: Point on trial (q,): the middles of the parameters with a range of some width, then the widths searched.
        trials: Points that were tried, in order.
        planned: Points to try before the process proposes any (p, q).
        heard: How often evidence came in.
        surface: What the process says of x, once it was chosen at the end.
    """

    needs: ClassVar[Need] = Need.OUTCOMES

    space: ParameterSpace
    options: BayRnOptions
    x: Array
    trials: tuple[Trial, ...] = ()
    planned: Array = field(default_factory=lambda: np.empty((0, 0)))
    heard: int = 0
    surface: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", frozen(self.x))
        object.__setattr__(self, "planned", frozen(self.planned))
        object.__setattr__(self, "warm_start", self.options.warm_start)

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(BayRnOptions, options, "bayrn")
        nominal = np.clip(space.to_unit(space.to_array(space.nominal())), 0.0, 1.0)[active_columns(space)]
        extra = {"fixed": 0, "common": 1, "each": len(nominal)}[checked.widths] if len(nominal) else 0
        return cls(space, checked, np.concatenate([nominal, np.zeros(extra)]))  # narrowest: it knew nothing of widths

    @property
    def law(self) -> distributions.TruncatedNormal | distributions.Uniform:
        """The distribution in the unit cube."""
        active = active_columns(self.space)
        count = int(active.sum())
        location, scale = np.full(len(active), 0.5), np.full(len(active), self.options.width)
        location[active] = self.x[:count]
        if len(self.x) > count:
            scale[active] = NARROWEST * (WIDEST / NARROWEST) ** self.x[count:]
        if self.options.shape == "normal":
            return distributions.TruncatedNormal(location, scale)
        half = np.sqrt(3.0) * scale
        return distributions.Uniform(np.clip(location - half, 0.0, 1.0), np.clip(location + half, 0.0, 1.0))

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        active = active_columns(self.space)
        unit = np.where(active, self.law.sample(rng, size), 0.5)  # (k, n)
        log_prob = self.law.log_probs(unit)[:, active].sum(axis=1)
        return Draws(self.space.from_unit(unit), log_prob, np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        law = self.law
        spread = law.variance() if isinstance(law, distributions.TruncatedNormal) else (law.high - law.low) ** 2 / 12.0
        known = marginals(self.space, law.quantile, spread)
        return Description(known, np.eye(len(self.space)), self._diagnostics(), self._messages())

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        if Need.OUTCOMES not in evidence.offers or not evidence.real:
            raise InsufficientEvidence(
                f"'bayrn' needs outcomes of real episodes, but the target offers {evidence.offers!r} and "
                f"{len(evidence.real)} episodes. Use a target with `log: outcomes` or `log: sensors`, and "
                "`real_per_round` of at least 1."
            )
        if len(self.x) == 0:
            return self
        options, trials, planned = self.options, self.trials, self.planned
        if self.heard > 0 or options.count_first:
            trials += (bayrn_trials.score(self.x, evidence.real, rng, of=options.score, bound=options.bound),)
        if self.heard == 0:
            planned = bayrn_trials.first_points(options.initial, len(self.x), rng)
        if len(planned):
            x, planned = planned[0], planned[1:]
        else:
            x = bayrn_trials.propose(trials, rng)
        return replace(self, x=x, trials=trials, planned=planned, heard=self.heard + 1, surface={})

    def final(self) -> Self:
        """Return the law about the point with the highest posterior mean.

        The process of ``response_surface``, which knows how uncertain each score is, is fitted to all trials; its mean
        is compared at the points tried and at ``FRESH`` points of a Sobol sequence. A fresh one must be better than
        the best tried with a probability of ``PREFERRED``: where the mean is flat, its highest point says nothing.
        Of equals the first tried wins.
        """
        if not self.trials:
            return self
        tried = bayrn_trials.points(self.trials)
        y, error = (np.array([getattr(trial, name) for trial in self.trials]) for name in ("y", "error"))
        fitted = response_surface.fit(tried, y, error)
        fresh = qmc.Sobol(len(self.x), scramble=False).random(FRESH)
        best, other = (points[fitted.predict(points)[0].argmax()] for points in (tried, fresh))
        probability = fitted.better(other, best)
        if probability >= PREFERRED:
            best = other
        mean, deviation = fitted.predict(best[None])
        surface = {
            "posterior_mean": float(mean[0]),
            "posterior_deviation": float(deviation[0]),
            "fresh_better_probability": probability,
        }
        return replace(self, x=best, surface=surface)

    def to_dict(self) -> dict[str, Json]:
        return {
            "options": asdict(self.options),
            "x": self.x.tolist(),
            "trials": [trial.to_dict() for trial in self.trials],
            "planned": self.planned.tolist(),
            "heard": self.heard,
            "surface": dict(self.surface),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        x = np.array(data["x"], dtype=np.float64)
        return cls(
            space,
            read_options(BayRnOptions, data["options"], "bayrn"),
            x,
            tuple(Trial.from_dict(trial) for trial in data["trials"]),
            np.array(data["planned"], dtype=np.float64).reshape(len(data["planned"]), len(x)),
            int(data["heard"]),
            dict(data["surface"]),
        )

    def _diagnostics(self) -> dict[str, float]:
        if not self.trials:
            return {}
        return {
            "trials": float(len(self.trials)),
            "real_episodes": float(sum(trial.episodes for trial in self.trials)),
            "best_score": max(trial.y for trial in self.trials),
            "last_score": self.trials[-1].y,
            "chance_of_the_differences": bayrn_trials.chance(self.trials),
            **self.surface,
        }

    def _messages(self) -> tuple[str, ...]:
        if not self.trials:
            return ()
        count, enough = len(self.trials), ENOUGH * len(self.x)
        messages = []
        if count < enough:
            messages.append(
                f"{count} trials are too few to find the best distribution in {len(self.x)} dimensions: about {enough} "
                "are needed. What is trained in is the best guess among few."
            )
        chance = bayrn_trials.chance(self.trials)
        if count > 1 and chance > 0.05:
            messages.append(
                f"The scores of the {count} trials differ no more than the few episodes explain by chance "
                f"(p = {chance:.2f}): none is known to be better than another."
            )
        if self.options.warm_start and count > 1:
            messages.append(
                "Every policy went on from that of the round before, so a score depends on all earlier rounds, "
                "and later policies were trained for longer."
            )
        return tuple(messages)
