"""The particles randomizer in a world in closed form."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy import stats

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need, Replayed, Segment
from sim2real.randomizers import Json, Randomizer
from sim2real.randomizers.particles import Particles
from sim2real.testing import SLIDE_SPACE, RandomizerContract, SlideReplay, slide_evidence
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Parameter, ParameterSpace

TRUTH = np.array([0.12, 0.08, 0.7])


class TestParticlesContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Particles.create(space, count=64, designs=24)


@dataclass(frozen=True)
class Watched:
    """The sliding block's replay, changed and observed."""

    slide: SlideReplay
    calls: list[Array] = field(default_factory=list)
    diverge_below: float = 0.0  # domains with less friction than this end as NaN
    jitter: float = 0.0  # noise of the simulator that differs from call to call, in scales

    @property
    def drives(self) -> frozenset[str]:
        return frozenset({"actions"})

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return self.slide.outcomes

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        return self.slide.cost(domains, segments, repeats)

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        assert {segment.drive for segment in segments} == {"actions"}
        logging.getLogger(__name__).info("replayed")
        self.calls.append(domains)
        replayed = replace(self.slide, noise=self.jitter)(domains, segments, rng, repeats=repeats)
        diverged = domains[:, 0] < self.diverge_below
        outcome = {name: np.where(diverged[:, None, None], np.nan, array) for name, array in replayed.outcome.items()}
        return replace(replayed, outcome=outcome)


def _evidence(seed: int = 0, truth: Array = TRUTH, **changes: float) -> tuple[Evidence, Watched]:
    evidence = slide_evidence(SLIDE_SPACE, truth, np.random.default_rng(seed), episodes=15, noise=0.2)
    assert isinstance(evidence.replay, SlideReplay)
    watched = Watched(evidence.replay, **changes)  # type: ignore[arg-type]
    return replace(evidence, replay=watched), watched


def _learned(evidence: Evidence, **options: Json) -> Particles:
    randomizer = Particles.create(SLIDE_SPACE, **({"count": 128, "designs": 32} | options))
    return randomizer.update_from_evidence(evidence, np.random.default_rng(1))


def test_it_finds_what_can_be_found_and_says_what_cannot() -> None:
    evidence, _ = _evidence()
    marginals = _learned(evidence).describe().parameters
    for name, truth in zip(("object.friction", "actuator.delay"), TRUTH[:2], strict=True):
        marginal, width = marginals[name], 0.1 * (SLIDE_SPACE[name].high - SLIDE_SPACE[name].low)
        assert marginal.verdict == "identified"
        assert marginal.low - width < truth < marginal.high + width
    assert marginals["object.mass"].verdict == "not identified"
    assert marginals["object.mass"].contraction < 0.2


def test_a_parameter_without_effect_is_still_drawn_from_its_whole_range() -> None:
    evidence, _ = _evidence()
    values = _learned(evidence).sample(np.random.default_rng(2), 2000).values
    assert stats.kstest(values[:, 2], stats.uniform(0.1, 1.9).cdf).pvalue > 0.001


def test_before_any_evidence_it_draws_uniformly() -> None:
    draws = Particles.create(SLIDE_SPACE).sample(np.random.default_rng(3), 3000)
    assert stats.kstest(draws.values[:, 0], stats.loguniform(0.05, 1.0).cdf).pvalue > 0.001
    assert (draws.log_prob == 0.0).all()


def test_the_cost_is_said_before_it_is_spent(caplog: pytest.LogCaptureFixture) -> None:
    evidence, watched = _evidence()
    with caplog.at_level(logging.INFO):
        randomizer = _learned(evidence)
    first, second = caplog.records[:2]
    assert first.name == "sim2real.randomizers.search"
    assert first.getMessage() == (
        "Inference replays 15 real episodes in up to 96 simulated domains: at most 14,400 env steps."
    )
    assert second.getMessage() == "replayed"
    assert randomizer.diagnostics["replay_cost"] == 96 * 15 * 10
    assert randomizer.diagnostics["replay_env_steps"] == sum(map(len, watched.calls)) * 15 * 10


def test_the_second_sweep_goes_where_the_first_one_pointed() -> None:
    evidence, watched = _evidence()
    _learned(evidence)
    wide, narrow = (np.log(call[:, 0]).std() for call in watched.calls[:2])
    assert narrow < 0.3 * wide


def test_a_good_emulator_needs_two_sweeps_and_a_bad_one_gets_a_third() -> None:
    good, calls = _evidence()
    bad, more_calls = _evidence(truth=np.array([0.6, 0.05, 0.5]))
    replay = Moody(more_calls.slide)
    _learned(good)
    randomizer = _learned(replace(bad, replay=replay))
    assert len(calls.calls) == 2
    assert len(replay.calls) == 3
    assert any("90 % bands held" in message for message in randomizer.messages)


@dataclass(frozen=True)
class Moody(Watched):
    """A simulator that never repeats itself: every call shifts all distances and durations further."""

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        shift = 0.5 * len(self.calls)
        replayed = super().__call__(domains, segments, rng, repeats=repeats)
        outcome = dict(replayed.outcome) | {name: replayed.outcome[name] + shift for name in ("distance", "duration")}
        return replace(replayed, outcome=outcome)


def test_diverged_replays_count_against_their_domains() -> None:
    evidence, _ = _evidence(diverge_below=0.09)
    randomizer = _learned(evidence)
    assert randomizer.describe().parameters["object.friction"].low > 0.09
    assert 0.05 < randomizer.diagnostics["diverged_share"] < 0.5


def test_many_diverged_replays_are_worth_a_sentence() -> None:
    evidence, _ = _evidence(diverge_below=0.8, truth=np.array([0.9, 0.08, 0.7]))
    assert any("of the replays diverged" in message for message in _learned(evidence).messages)


def test_a_world_outside_of_the_ranges_is_called_unexplained() -> None:
    slippery = _evidence(truth=np.array([0.012, 0.08, 0.7]))[0]
    inside = _evidence()[0]
    message = "No domain in the ranges explains reality"
    assert any(message in each for each in _learned(slippery).messages)
    assert not any(message in each for each in _learned(inside).messages)


def test_rounds_add_up_and_no_episode_counts_twice() -> None:
    first, second = _evidence(seed=0)[0], _evidence(seed=1)[0]
    once = _learned(first)
    twice = once.update_from_evidence(second, np.random.default_rng(2))
    assert len(twice.trials) == 2
    assert twice.diagnostics["real_episodes"] == 30.0
    friction = [each.describe().parameters["object.friction"] for each in (once, twice)]
    widths = [marginal.high - marginal.low for marginal in friction]
    assert 0.4 < widths[1] / widths[0] < 1.0  # sqrt(1/2) on average: twice the evidence, not four times


def test_later_rounds_look_mostly_where_the_posterior_is() -> None:
    once = _learned(_evidence(seed=0)[0])
    evidence, watched = _evidence(seed=1)
    once.update_from_evidence(evidence, np.random.default_rng(2))
    near = np.abs(np.log(watched.calls[0][:, 0] / TRUTH[0])) < 0.3
    assert 0.6 < near.mean() < 0.95


def test_the_last_training_draws_from_a_narrower_distribution() -> None:
    randomizer = _learned(_evidence()[0], inflation=3.0, floor=0.0)
    rng = np.random.default_rng(4)
    spread, last = (np.log(each.sample(rng, 2000).values[:, 0]).std() for each in (randomizer, randomizer.final()))
    assert last < spread


def test_repeats_are_further_rows_of_the_same_design() -> None:
    evidence, _ = _evidence(jitter=0.5)
    trials = _learned(evidence, repeats=3, sweeps=2).trials[0]
    assert trials.designs.shape == (3 * 64, 3)
    assert (trials.designs[0] == trials.designs[2]).all()
    assert trials.simulated.shape == (3 * 64, 15, 3)
    assert trials.simulated[0, 0, 0] != trials.simulated[1, 0, 0]


def test_a_product_of_two_parameters_is_kept_as_a_ridge() -> None:
    """Only friction times ``object.mass_scale`` acts: each alone is anything, their product is known."""
    space = ParameterSpace(
        [
            Parameter("object.friction", 0.3, 0.1, 1.0, (0.01, 10.0), "-", log=True),
            Parameter("joint.mass_scale", 0.5, 0.1, 1.0, (0.01, 10.0), "-", log=True),
        ]
    )
    slide = SLIDE_SPACE.subset(["object.friction"])
    evidence = slide_evidence(slide, np.array([0.15]), np.random.default_rng(0), episodes=15, noise=0.2)

    @dataclass(frozen=True)
    class Product(Watched):
        def __call__(
            self,
            domains: Array,
            segments: Sequence[Segment],
            rng: np.random.Generator,
            *,
            repeats: int = 1,
            paths: bool = False,
        ) -> Replayed:
            return super().__call__(domains[:, :1] * domains[:, 1:], segments, rng, repeats=repeats)

    assert isinstance(evidence.replay, SlideReplay)
    evidence = replace(evidence, replay=Product(evidence.replay))
    randomizer = Particles.create(space, count=256, designs=48).update_from_evidence(evidence, np.random.default_rng(1))
    values = randomizer.sample(np.random.default_rng(2), 2000).values
    assert np.median(np.abs(np.log(values.prod(axis=1) / 0.15))) < 0.1
    assert np.log(values).std(axis=0).min() > 0.2
    assert randomizer.describe().correlation[0, 1] < -0.8


def test_a_target_that_offers_no_outcomes_is_refused() -> None:
    evidence = replace(_evidence()[0], offers=Need.TRAJECTORIES)
    with pytest.raises(InsufficientEvidence, match="'particles' needs outcomes of real episodes"):
        _learned(evidence)


def test_a_round_without_real_episodes_is_refused() -> None:
    with pytest.raises(InsufficientEvidence, match="At least one real episode must have a finite outcome"):
        _learned(replace(_evidence()[0], real=()))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"count": 8}, OptionError, "'count' must be a whole number from 32 to 100000, but got 8."),
        ({"designs": 40.0}, OptionError, "'designs' must be a whole number from 8 to 100000, but got 40.0."),
        ({"inflation": 0.5}, OptionError, "`1 <= inflation <= 5` must hold, but got 0.5."),
        ({"floor": float("nan")}, OptionError, "`0 <= floor <= 0.3` must hold, but got nan."),
        ({"outcomes": "distance"}, OptionError, "'outcomes' must be a list of outcome names, but got 'distance'."),
        ({"particles": 128}, UnknownNameError, "'particles' is not an option of 'particles'."),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Json], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        Particles.create(SLIDE_SPACE, **options)
    assert words in str(caught.value)
