"""What trajectories say beside the outcomes, in a world in closed form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from sim2real.evidence import Evidence, Need
from sim2real.randomizers import Json, Randomizer
from sim2real.randomizers.particles import Particles
from sim2real.testing import SLIDE_SPACE, RandomizerContract, slide_evidence
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, ParameterSpace

WORLDS = 20
NOISE = 0.3  # of every real outcome and position, in units of the outcomes' scales; the replays have none
LEVEL = 0.001  # a right method fails one check in a thousand
TRUTH = np.array([0.12, 0.08, 0.7])


class TestParticlesWithTrajectoriesContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Particles.create(space, count=64, designs=24, trajectories=True)


@dataclass(frozen=True)
class Learned:
    """Of each world: whether the truth was in the 90 % interval, and the standard deviation by range, (w, 3)."""

    inside: Array
    spread: Array


@pytest.fixture(scope="module")
def outcomes_alone() -> Learned:
    return _learn(trajectories=False)


@pytest.fixture(scope="module")
def with_paths() -> Learned:
    return _learn(trajectories=True)


def _learn(*, trajectories: bool) -> Learned:
    inside, spread = [], []
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        truth = SLIDE_SPACE.from_unit(rng.random(len(SLIDE_SPACE)))
        evidence = slide_evidence(SLIDE_SPACE, truth, rng, episodes=6, noise=NOISE)
        learned = _particles(evidence, trajectories=trajectories)
        marginals = learned.describe().parameters.values()
        inside.append([m.low <= value <= m.high for m, value in zip(marginals, truth, strict=True)])
        spread.append(learned.unit.std(axis=0))
    return Learned(np.array(inside), np.array(spread))


def _particles(evidence: Evidence, **options: Json) -> Particles:
    randomizer = Particles.create(SLIDE_SPACE, **({"count": 128, "designs": 32} | options))
    return randomizer.update_from_evidence(evidence, np.random.default_rng(1))


def _evidence(**changes: Need) -> Evidence:
    evidence = slide_evidence(SLIDE_SPACE, TRUTH, np.random.default_rng(0), episodes=6, noise=NOISE)
    return replace(evidence, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("column", range(3), ids=list(SLIDE_SPACE))
def test_the_90_percent_interval_holds_the_truth_in_90_percent_of_worlds(with_paths: Learned, column: int) -> None:
    assert with_paths.inside[:, column].sum() >= stats.binom(WORLDS, 0.9).ppf(LEVEL)


@pytest.mark.parametrize("column", [0, 1], ids=list(SLIDE_SPACE)[:2])
def test_a_path_tells_more_than_its_end(outcomes_alone: Learned, with_paths: Learned, column: int) -> None:
    ratio = with_paths.spread[:, column] / outcomes_alone.spread[:, column]
    assert np.median(ratio) < 0.95


def test_a_parameter_without_effect_stays_unknown(with_paths: Learned) -> None:
    assert np.median(with_paths.spread[:, 2]) > 0.95 * 12.0**-0.5


def test_a_target_that_logs_outcomes_alone_is_learned_from_all_the_same() -> None:
    evidence = _evidence(offers=Need.OUTCOMES)
    randomizer = _particles(evidence, trajectories=True)
    assert randomizer.diagnostics["paths_told"] == 0.0
    assert randomizer.describe().parameters["object.friction"].contraction > 0.9
    assert any("outcomes alone" in message for message in randomizer.messages)


def test_without_the_option_trajectories_change_nothing() -> None:
    with_log, without = _particles(_evidence()), _particles(_evidence(offers=Need.OUTCOMES))
    assert (with_log.unit == without.unit).all()
    assert not any(name.startswith("path") for name in with_log.diagnostics)


def test_rounds_with_and_without_trajectories_are_learned_from_together() -> None:
    first = _particles(_evidence(), trajectories=True)
    both = first.update_from_evidence(_evidence(offers=Need.OUTCOMES), np.random.default_rng(2))
    assert first.diagnostics["paths_told"] > 0.3
    assert both.diagnostics["real_episodes"] == 12.0


def test_worlds_that_diverge_teach_nothing_and_do_no_harm() -> None:
    evidence = _evidence()
    diverging = replace(evidence, replay=Diverging(evidence.replay))  # type: ignore[arg-type]
    randomizer = _particles(diverging, trajectories=True)
    assert randomizer.diagnostics["diverged_share"] > 0.0
    assert np.isfinite(randomizer.unit).all()


@dataclass(frozen=True)
class Diverging:
    """The sliding block's replay, ending in NaN where friction is high."""

    slide: object

    def __getattr__(self, name: str) -> object:
        return getattr(self.slide, name)

    def __call__(self, domains: Array, *args: object, **kwargs: object) -> object:
        replayed = self.slide(domains, *args, **kwargs)  # type: ignore[operator]
        lost = (domains[:, 0] > 0.5)[:, None, None]
        outcome = {name: np.where(lost, np.nan, values) for name, values in replayed.outcome.items()}
        path = {name: np.where(lost[..., None, None], np.nan, values) for name, values in replayed.path.items()}
        return replace(replayed, outcome=outcome, path=path)


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_the_option_is_true_or_false(value: Json) -> None:
    with pytest.raises(OptionError, match="trajectories"):
        Particles.create(SLIDE_SPACE, trajectories=value)
