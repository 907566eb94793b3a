"""What the real outcomes say about the domain: Bayesian inference by particles and an emulator.

An update replays the real episodes in a set of designs, domains that fill the
prior; fits an emulator of every outcome; samples the posterior on the
emulator,

    p(u | y) ~ prod_ij p(y_ij | u)^(w_j p_i),

with outcome j of episode i, u in the unit cube with a uniform prior; and then
replays fresh designs drawn from that posterior, which check the emulator where
it matters and sharpen it. ``likelihood`` has the factors and the powers w_j,
which keep outcomes that say the same from counting twice; ``tempering`` the
powers p_i <= 1, which make up for the emulator's errors; ``emulator`` and
``smc`` the rest, each with its source. Trials of all rounds are kept, so every
update starts from the uniform prior and counts each real episode once.

With ``trajectories: true`` what the logged paths say of each parameter joins
the outcomes, see ``path_estimates``: six pushes then tell what outcomes of
many more do not. The replays are the same.

It needs outcomes of real episodes, and a simulator that can begin where they
began. It costs up to ``sweeps * designs * repeats`` replays of each new
episode, and with ``starts: informative`` 32 times ``candidates`` more. It is
wrong where no domain of the ranges behaves like the target and one fits by
accident, and learns little where outcomes jump about between the designs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from scipy.stats import qmc

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need, Offer, Segment
from sim2real.randomizers import beliefs
from sim2real.randomizers.base import Json
from sim2real.randomizers.cloud import Cloud, as_names, check_cloud_options
from sim2real.randomizers.inference import FIRST_MISFIT, Belief, infer, surprise
from sim2real.randomizers.informative_starts import greedy, linear_information, whitened
from sim2real.randomizers.options import choice, flag, number, read_options, whole
from sim2real.randomizers.search import Search
from sim2real.randomizers.tempering import Exam
from sim2real.randomizers.trials import Trials, comparable_outcomes, real_outcomes, segments
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import WorldState

logger = logging.getLogger(__name__)

EXPLORE = 0.25  # share of a later round's designs that fill the whole range instead of the posterior
CHECKED_SHARE = 0.8  # an emulator whose 90 % bands hold fewer fresh replays than this is not trusted
EXPLAINED_SHARE = 0.6  # fewer real outcomes inside their predicted 90 % bands: no domain explains reality
CONTRAST = 256  # points that a replay's own domain has to stand out from, when the likelihood is examined
LOOKED_INTO = 32  # domains in which candidate starts are tried
CHANCE = 0.5  # standard deviation of a binary outcome that nothing decides
DOUBTED_POWER = 0.5  # an emulator that is believed less than this leaves much unsaid
DIVERGED_SHARE = 0.2  # more diverged replays than this are worth a sentence


@dataclass(frozen=True)
class ParticlesOptions:
    """Options of ``particles``.

    Args:
        count: Particles kept.
        designs: Domains replayed in each sweep.
        sweeps: Sweeps at most; the first fills the prior, the next check and refine, and those after the second
            run only while the check fails.
        repeats: Replays of each episode in each design.
        inflation: Factor on the posterior's standard deviation to train with.
        final_inflation: The same for the last training.
        floor: Smallest standard deviation of a learned parameter to train with, in units of its range.
        success_floor: A binary outcome is never predicted to be more certain than this.
        trust: How far the emulator is believed: ``measured`` on replays that it has not seen, or ``full``, which is
            sharper where outcomes jump about between the designs, and over-confident.
        outcomes: Names of the outcomes to compare; None for all that are declared.
        trajectories: Whether what logged trajectories say of each parameter is compared beside the outcomes; they are
            not, where the target offers none.
        starts: Where the next real episodes begin: ``random``, as the task draws them, or ``informative``, the set of
            ``candidates`` whose outcomes are expected to tell most about the domain. That needs a target that can be
            placed, and ``candidates`` times as many tries in each of 32 domains.
        candidates: Starts to choose from for each real episode.
    """

    count: int = 256
    designs: int = 64
    sweeps: int = 3
    repeats: int = 1
    inflation: float = 1.2
    final_inflation: float = 1.1
    floor: float = 0.02
    success_floor: float = 0.05
    trust: str = "measured"
    outcomes: tuple[str, ...] | None = None
    trajectories: bool = False
    starts: str = "random"
    candidates: int = 4

    def __post_init__(self) -> None:
        check_cloud_options(self)
        whole("designs", self.designs, 8, 100_000)
        whole("sweeps", self.sweeps, 1, 20)
        whole("repeats", self.repeats, 1, 1000)
        number("success_floor", self.success_floor, 1e-6, 0.5)
        choice("trust", self.trust, ("measured", "full"))
        flag("trajectories", self.trajectories)
        choice("starts", self.starts, ("random", "informative"))
        whole("candidates", self.candidates, 2, 1000)
        object.__setattr__(self, "outcomes", as_names("outcomes", self.outcomes, "outcome names"))


@dataclass(frozen=True, eq=False)
class Particles(Cloud):
    """The joint posterior of the domain given the outcomes of real episodes.

    Args:
        options: How to infer.
        trials: Everything tried so far, one entry a round.
    """

    needs: ClassVar[Need] = Need.OUTCOMES

    options: ParticlesOptions
    trials: tuple[Trials, ...] = ()

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(ParticlesOptions, options, "particles")
        return cls(space, checked, np.empty((0, len(space))), inflation=checked.inflation)

    def _density(self) -> beliefs.KernelMixture:
        return beliefs.through(self.unit[:, self.active], self.inflation, self.options.floor)

    def to_dict(self) -> dict[str, Json]:
        return {
            "options": {**asdict(self.options), "outcomes": _listed(self.options.outcomes)},
            "unit": self.unit.tolist(),
            "trials": [each.to_dict() for each in self.trials],
            "inflation": self.inflation,
            "diagnostics": dict(self.diagnostics),
            "messages": list(self.messages),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(
            space,
            read_options(ParticlesOptions, data["options"], "particles"),
            np.array(data["unit"], dtype=np.float64).reshape(-1, len(space)),
            tuple(Trials.from_dict(each) for each in data["trials"]),
            inflation=float(data["inflation"]),
            diagnostics=dict(data["diagnostics"]),
            messages=tuple(data["messages"]),
        )

    def choose_starts(self, offer: Offer, episodes: int, rng: np.random.Generator) -> tuple[WorldState, ...] | None:
        """Return the starts that are expected to tell most, where options say so: see ``informative_starts``."""
        if self.options.starts == "random" or not self.active.any():
            return None
        starts = offer.candidates(self.options.candidates * episodes, rng)
        count = max(LOOKED_INTO, 4 * (int(self.active.sum()) + 1))
        active = self.unit[:, self.active]
        points = beliefs.thin(active, count) if len(active) else self._first_points(rng, count)
        replay, tries = offer.replay(starts), [Segment(index) for index in range(len(starts))]
        logger.info(
            "Choosing %d starts of %d tries each in %d simulated domains: at most %s env steps.",
            episodes,
            len(starts),
            len(points),
            f"{replay.cost(len(points), tries):,}",
        )
        replayed = replay(self.space.from_unit(self.whole(points)), tries, rng)
        compared = [o for o in replay.outcomes if self.options.outcomes is None or o.name in self.options.outcomes]
        outcomes = np.stack([replayed.outcome[o.name][:, :, 0] / o.scale for o in compared], axis=-1)  # (k, c, m)
        misfit = np.array([self._misfit(outcome) for outcome in compared])
        information = linear_information(whitened(points), outcomes, misfit)
        return tuple(starts[index] for index in greedy(information, episodes))

    def _misfit(self, outcome: Outcome) -> float:
        """Return what an outcome's misfit was last, or is assumed to be, in units of its scale."""
        if outcome.kind == "binary":
            return CHANCE
        return self.diagnostics.get(f"misfit.{outcome.name}", FIRST_MISFIT * outcome.scale) / outcome.scale

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        if Need.OUTCOMES not in evidence.offers:
            raise InsufficientEvidence(
                f"'particles' needs outcomes of real episodes, but the target offers {evidence.offers!r}. "
                "Use a target with `log: outcomes` or `log: sensors`."
            )
        outcomes = comparable_outcomes(evidence, self.options.outcomes)
        episodes, observed = real_outcomes(evidence.real, outcomes)
        if not self.active.any():
            return self
        empty = Trials(outcomes, observed, np.empty((0, len(self.space))), np.empty((0, *observed.shape)))
        search = Search(
            self.options, self.space, self.active, evidence, segments(evidence, episodes), self.trials, empty
        )
        if self.options.trajectories:
            search.compare_paths(rng)
        return self._learned(search, rng)

    def _learned(self, search: Search, rng: np.random.Generator) -> Self:
        diagnostics = {"replay_cost": float(search.announce())}
        search.replay(self.whole(self._first_points(rng, self.options.designs)), rng)
        exam = search.exam(self._first_points(rng, CONTRAST))
        belief = self._infer(search, None, exam, rng)
        for _ in range(1, self.options.sweeps):
            proposal = belief.spread()
            fresh = self.whole(proposal.sample(rng, self.options.designs))
            checked = surprise(belief, search.trials, fresh, search.replay(fresh, rng))
            diagnostics |= {"emulator_error": checked.error, "emulator_coverage": checked.coverage}
            search.learn_to_read_paths()
            exam = search.exam(proposal.sample(rng, CONTRAST))
            belief = self._infer(search, belief, exam, rng)
            if checked.coverage >= CHECKED_SHARE:
                break
        if self.options.sweeps == 1:  # nothing to check with, but now the outcomes' weights are known
            belief = self._infer(search, belief, exam, rng)
        diagnostics |= search.diagnostics() | belief.diagnostics()
        return replace(
            self,
            unit=self.whole(belief.thinned(self.options.count)),
            trials=(*self.trials, replace(search.trials, power=belief.power)),
            diagnostics=diagnostics,
            messages=_messages(diagnostics),
        )

    def _infer(self, search: Search, earlier: Belief | None, exam: Exam, rng: np.random.Generator) -> Belief:
        trusted = None if self.options.trust == "full" else exam
        return infer(search.pool, self.active, earlier, trusted, self.options.count, self.options.success_floor, rng)

    def _first_points(self, rng: np.random.Generator, count: int) -> Array:
        """Return points that fill the range, and in later rounds mostly what is left of it, (count, d)."""
        active = self.active
        explored = count if len(self.unit) == 0 else max(1, round(EXPLORE * count))
        points = qmc.Sobol(int(active.sum()), rng=rng).random_base2((explored - 1).bit_length())[:explored]
        if explored < count:
            points = np.concatenate([points, self._density().sample(rng, count - explored)])
        return points


def _listed(names: tuple[str, ...] | None) -> Json:
    return None if names is None else list(names)


def _messages(diagnostics: Mapping[str, float]) -> tuple[str, ...]:
    messages = []
    if (share := diagnostics["explained_share"]) < EXPLAINED_SHARE:
        messages.append(
            f"No domain in the ranges explains reality: {share:.0%} of the real outcomes lie inside their predicted "
            "90 % bands. Widen the ranges, or add the parameter that is missing."
        )
    if (coverage := diagnostics.get("emulator_coverage", 1.0)) < CHECKED_SHARE:
        messages.append(
            f"The emulator's 90 % bands held {coverage:.0%} of fresh replays before its last fit. "
            "Use more `designs` or `sweeps`."
        )
    if (power := diagnostics["likelihood_power"]) < DOUBTED_POWER:
        messages.append(
            f"The emulator finds where unseen replays came from only if it is believed with power {power:.2f}, so that "
            "much is left open: outcomes jump about between the designs. Use more `designs`, or narrower ranges."
        )
    if not diagnostics.get("paths_told", 1.0):
        messages.append(
            "Trajectories say nothing of any parameter, or none were logged: outcomes alone were compared. Give the "
            "target `log: sensors`, or leave `trajectories` out."
        )
    if (share := diagnostics["diverged_share"]) > DIVERGED_SHARE:
        messages.append(f"{share:.0%} of the replays diverged: the ranges hold worlds that the simulator cannot run.")
    return tuple(messages)
