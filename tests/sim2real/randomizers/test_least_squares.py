"""The least-squares randomizer in worlds in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need, Replayed, Segment
from sim2real.randomizers import Json, Randomizer, resolve
from sim2real.randomizers.least_squares import LeastSquares
from sim2real.testing import RandomizerContract
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import Array, ParameterSpace
from tests.support.oscillator import PERIOD, SPACE, SUBSTEPS, Oscillator, evidence

TRUTH = np.array([33.0, 1.7, 0.04, 0.7])
KNOWN = ("joint.stiffness", "joint.damping", "actuator.delay")
STEP = PERIOD / SUBSTEPS
LEVEL = 0.001  # a right method fails one check in a thousand


class TestLeastSquaresContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return LeastSquares.create(space, count=64)


def learned(evidence: Evidence, space: ParameterSpace = SPACE, seed: int = 1, **options: Json) -> LeastSquares:
    quick: dict[str, Json] = {"count": 256, "designs": 16, "starts": 1, "scouts": 4, "steps": 12}
    return LeastSquares.create(space, **quick | options).update_from_evidence(evidence, np.random.default_rng(seed))


def recorded(seed: int = 0, truth: Array = TRUTH, **options: float) -> Evidence:
    return evidence(truth, np.random.default_rng(seed), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_it_finds_the_parameters_at_every_level_of_noise(noise: float) -> None:
    marginals = learned(recorded(noise=noise)).describe().parameters
    for name, truth in zip(KNOWN, TRUTH, strict=False):
        marginal = marginals[name]
        margin = 0.5 * (marginal.high - marginal.low)
        assert marginal.verdict == "identified"
        assert marginal.low - margin <= truth <= marginal.high + margin
    widths = [marginals[name].high / marginals[name].low for name in KNOWN[:2]]
    assert max(widths) < (1.02 if noise < 0.1 else 1.4)


def test_a_parameter_without_effect_keeps_its_whole_range() -> None:
    randomizer = learned(recorded())
    marginal = randomizer.describe().parameters["object.mass"]
    assert marginal.verdict == "not identified"
    assert abs(marginal.contraction) < 0.15
    drawn = randomizer.sample(np.random.default_rng(2), 1000).values[:, 3]
    assert stats.kstest(drawn, stats.uniform(0.1, 1.9).cdf).pvalue > LEVEL
    assert any("'object.mass'" in message for message in randomizer.messages)


@pytest.mark.parametrize("delay", [0.0, 0.031, 0.1])
def test_a_delay_is_found_although_the_simulator_rounds_it(delay: float) -> None:
    truth = np.array([33.0, 1.7, delay, 0.7])
    marginal = learned(recorded(seed=4, truth=truth)).describe().parameters["actuator.delay"]
    assert marginal.quantiles[0] - 0.1 * STEP <= STEP * round(delay / STEP) <= marginal.quantiles[-1] + 0.1 * STEP
    assert 0.3 * STEP < marginal.high - marginal.low < 2.0 * STEP


@pytest.mark.parametrize("worlds", [12, pytest.param(100, marks=pytest.mark.slow)])
def test_the_90_percent_intervals_hold_the_truth_in_90_percent_of_worlds(worlds: int) -> None:
    inside = np.array([_inside(seed) for seed in range(worlds)])  # (w, 4)
    low, high = stats.binom(worlds, 0.9).interval(1.0 - LEVEL)
    for column in inside.T:
        assert low <= column.sum() <= high


def _inside(seed: int) -> list[bool]:
    rng = np.random.default_rng(seed)
    truth = SPACE.from_unit(rng.random(len(SPACE)))
    found = evidence(truth, rng, noise=(0.003, 0.03, 0.1)[seed % 3], recordings=6, length=24)
    marginals = learned(found, seed=seed, count=128, steps=8).describe().parameters
    return [marginals[name].low <= value <= marginals[name].high for name, value in zip(SPACE, truth, strict=True)]


def test_what_the_simulator_lacks_widens_the_interval_and_is_said() -> None:
    right, wrong = (learned(recorded(noise=0.003, stiction=force)) for force in (0.0, 1.5))
    widths = [
        float(np.diff(each.describe().parameters["joint.damping"].quantiles)[1:-1].sum()) for each in (right, wrong)
    ]
    assert widths[1] > 3.0 * widths[0]
    assert wrong.diagnostics["lag_1_autocorrelation"] > 0.5 > right.diagnostics["lag_1_autocorrelation"]
    assert any("is not noise" in message for message in wrong.messages)
    assert not any("is not noise" in message for message in right.messages)


def test_windows_of_rollouts_that_differ_say_less_than_as_many_recordings() -> None:
    springs = (31.0, 33.0, 35.0)  # the same in all windows of a rollout
    alone: list[Episode] = []
    for seed, spring in enumerate(springs):
        found = recorded(seed, truth=np.array([spring, *TRUTH[1:]]))
        alone += [replace(episode, label=f"{seed} {episode.label}") for episode in found.real]
    commands = np.stack([episode.actions[:, 0] for episode in alone if episode.actions is not None])
    grouped = [replace(episode, group=episode.label[0]) for episode in alone]
    beliefs = [
        learned(Evidence(0, tuple(real), (), Need.TRAJECTORIES, Oscillator(SPACE, commands)))
        for real in (alone, grouped)
    ]
    narrow, wide = (belief.describe().parameters["joint.stiffness"] for belief in beliefs)
    assert narrow.high - narrow.low < springs[-1] - springs[0] < wide.high - wide.low
    assert wide.low < springs[1] < wide.high


def test_an_estimate_at_the_edge_of_its_range_is_said() -> None:
    space = SPACE.with_ranges({"joint.stiffness": (5.0, 25.0)})
    found = evidence(TRUTH, np.random.default_rng(0), space=space)
    randomizer = learned(found, space)
    assert randomizer.describe().parameters["joint.stiffness"].verdict == "bounded"
    assert any("'joint.stiffness' ends at the upper end of its range, 25 N/m" in each for each in randomizer.messages)


def test_two_rounds_say_more_than_one() -> None:
    first, second = (recorded(seed=seed, noise=0.1) for seed in (1, 2))
    once = learned(first)
    twice = once.update_from_evidence(second, np.random.default_rng(3))
    deviations = [np.sqrt(np.diag(each.covariance)) for each in (once, twice)]
    assert (deviations[1] < 0.85 * deviations[0]).all()  # 1 / sqrt 2 for equal rounds
    after = twice.describe().parameters["joint.damping"]
    assert after.low < TRUTH[1] < after.high


def test_parameters_that_trade_off_are_drawn_together() -> None:
    randomizer = learned(recorded(noise=0.1, recordings=3, length=16))
    matrix = randomizer.describe().correlation
    assert matrix.shape == (4, 4)
    assert np.abs(matrix[:3, :3] - np.eye(3)).max() > 0.3


def test_observations_do_as_well_as_a_path() -> None:
    found = recorded()
    real = tuple(
        replace(episode, path={}, times=None, observations=episode.path["joint.position"]) for episode in found.real
    )
    watched = replace(found, real=real, replay=Renamed(found.replay))  # type: ignore[arg-type]
    one, other = learned(found).describe(), learned(watched).describe()
    for name in KNOWN:
        assert one.parameters[name].quantiles == other.parameters[name].quantiles


@dataclass(frozen=True)
class Renamed:
    """A replay that gives observations and actions, as that of an environment does, and ends early in some worlds."""

    replay: Oscillator
    signal: str = "observations"
    ends: float = np.inf  # stiffer worlds end halfway
    drives = frozenset({"policy", "actions"})
    outcomes = ()

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        return self.replay.cost(domains, segments, repeats)

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
        replayed = self.replay(domains, segments, rng, paths=paths)
        position = replayed.path["joint.position"].copy()
        position[domains[:, 0] > self.ends, :, :, position.shape[3] // 2 :] = np.nan
        return Replayed({}, {self.signal: position, "actions": position[..., :-1, :]}, replayed.env_steps)


def test_worlds_that_end_early_do_not_stop_the_search() -> None:
    found = recorded()
    ending = replace(found, replay=Renamed(found.replay, "joint.position", ends=40.0))  # type: ignore[arg-type]
    marginal = learned(ending).describe().parameters["joint.stiffness"]
    assert marginal.low - 0.5 < TRUTH[0] < marginal.high + 0.5


def test_the_same_evidence_gives_the_same_numbers_and_says_what_it_cost() -> None:
    one, other = learned(recorded()), learned(recorded())
    assert one == other
    assert one.diagnostics["replay_env_steps"] > 0.0
    assert one.diagnostics["rms_after"] < 0.1 * one.diagnostics["rms_before"]
    assert np.isfinite(list(one.diagnostics.values())).all()


def test_it_is_found_by_its_name_and_refuses_what_it_cannot_use() -> None:
    assert resolve("least_squares") is LeastSquares
    for options in ({"designs": 0}, {"signals": "joint.position"}, {"inflation": 0.5}):
        with pytest.raises(OptionError):
            LeastSquares.create(SPACE, **options)
    found = recorded()
    with pytest.raises(UnknownNameError, match=r"'joint\.velocity' is not a signal"):
        learned(found, signals=["joint.velocity"])
    with pytest.raises(InsufficientEvidence, match="needs trajectories"):
        learned(replace(found, offers=Need.OUTCOMES))
    with pytest.raises(InsufficientEvidence, match="trajectories and the actions"):
        learned(replace(found, real=tuple(replace(episode, path={}) for episode in found.real)))
