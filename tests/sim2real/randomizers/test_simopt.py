"""SimOpt in worlds in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.experiment.simulator import Simulator
from sim2real.randomizers import Json, Randomizer, resolve
from sim2real.randomizers.simopt import NO_POSTERIOR, SimOpt
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from sim2real.testing import RandomizerContract
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import Array, ParameterSpace
from tests.support import point_mass
from tests.support.oscillator import SPACE, evidence

TRUTH = np.array([33.0, 1.7, 0.04, 0.7])
KNOWN = slice(0, 3)  # the fourth has no effect
ITERATIONS = 8


class TestSimOptContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return SimOpt.create(space)


def learned(evidence: Evidence, seed: int = 1, **options: Json) -> SimOpt:
    return SimOpt.create(SPACE, **options).update_from_evidence(evidence, np.random.default_rng(seed))


def recorded(seed: int = 0, **options: float) -> Evidence:
    return evidence(TRUTH, np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def in_unit(randomizer: Randomizer, ends: tuple[str, ...] = ("mean",)) -> Array:
    """Return figures of the marginals in units of the ranges, (len(ends), n)."""
    marginals = randomizer.describe().parameters.values()
    return randomizer.space.to_unit(np.array([[getattr(each, end) for each in marginals] for end in ends]))


@pytest.mark.parametrize("noise", [0.003, 0.03, 0.1])
def test_it_comes_near_the_truth_at_every_level_of_noise(noise: float) -> None:
    error = np.abs(in_unit(learned(recorded(noise=noise)))[0] - SPACE.to_unit(TRUTH[None])[0])
    assert (error[KNOWN] < [0.03, 0.05, 0.15]).all(), error


def test_its_spread_says_nothing_of_the_noise() -> None:
    def spread(noise: float) -> Array:
        low, high = in_unit(learned(recorded(noise=noise)), ("low", "high"))
        return np.asarray((high - low)[KNOWN], dtype=np.float64)

    ratio = spread(0.1) / spread(0.003)
    assert (ratio < 5.0).all()  # 33 times the noise
    randomizer = learned(recorded())
    assert NO_POSTERIOR in randomizer.messages
    assert {marginal.verdict for marginal in randomizer.describe().parameters.values()} == {None}


@pytest.mark.slow
def test_errors_and_coverage_in_200_worlds_are_those_of_the_docstring() -> None:
    errors, inside = zip(*(_world(seed) for seed in range(200)), strict=True)
    assert (np.median(errors, axis=0)[KNOWN] < [0.015, 0.03, 0.07]).all()
    assert np.mean(inside, axis=0) == pytest.approx([0.89, 0.83, 0.79, 0.31], abs=0.05)


def _world(seed: int) -> tuple[Array, list[bool]]:
    """Return error in units of the ranges, and whether the nominal 90 % interval holds the truth, of each parameter."""
    rng = np.random.default_rng(seed)
    truth = SPACE.from_unit(rng.random(len(SPACE)))
    found = evidence(truth, rng, noise=(0.003, 0.03, 0.1)[seed % 3], recordings=6, length=24)
    randomizer = learned(found, seed=seed)
    marginals = randomizer.describe().parameters
    inside = [marginals[name].low <= value <= marginals[name].high for name, value in zip(SPACE, truth, strict=True)]
    return np.abs(in_unit(randomizer)[0] - SPACE.to_unit(truth[None])[0]), inside


def test_no_step_goes_farther_than_the_bound_and_weights_use_all_of_it() -> None:
    for bound in (0.3, 1.0):
        randomizer = learned(recorded(), kl_bound=bound)
        figures = randomizer.diagnostics
        steps = [figures[f"kl.{index}"] for index in range(ITERATIONS)]
        weights = [figures[f"kl_of_weights.{index}"] for index in range(ITERATIONS)]
        assert max(steps) <= bound * (1.0 + 1e-6)
        assert min(steps) > 0.0
        assert weights == pytest.approx([bound] * ITERATIONS, rel=1e-3)
        assert figures["kl_of_update"] == pytest.approx(randomizer.law.kl(SimOpt.create(SPACE).law))


def test_the_discrepancy_falls() -> None:
    figures = learned(recorded()).diagnostics
    assert figures["discrepancy_after"] < 0.1 * figures["discrepancy_before"]
    assert figures["discrepancy_after"] < 0.1 * figures["discrepancy_nominal"]
    assert figures["replay_env_steps"] == 8 * 40 * (16 * ITERATIONS + 3)


def test_more_steps_come_nearer() -> None:
    few, many = (learned(recorded(), iterations=count).diagnostics["rms_after"] for count in (2, ITERATIONS))
    assert many < 0.5 * few


def test_a_second_round_goes_on_from_the_first() -> None:
    once = learned(recorded(seed=1))
    twice = once.update_from_evidence(recorded(seed=2), np.random.default_rng(3))
    truth = SPACE.to_unit(TRUTH[None])[0]
    errors = [np.abs(in_unit(each)[0] - truth)[KNOWN] for each in (once, twice)]
    assert (errors[1] < [0.02, 0.03, 0.1]).all()
    assert twice.diagnostics["discrepancy_before"] < 0.2 * once.diagnostics["discrepancy_before"]


def test_what_no_domain_explains_is_said() -> None:
    soft = SPACE.with_ranges({"joint.stiffness": (5.0, 6.0), "joint.damping": (3.8, 4.0)})
    found = evidence(np.array([80.0, 0.2, 0.0, 0.7]), np.random.default_rng(0), space=soft)
    stuck = SimOpt.create(soft).update_from_evidence(found, np.random.default_rng(1))
    assert any(message.startswith("No domain in the ranges explains") for message in stuck.messages)
    assert learned(recorded()).messages == (NO_POSTERIOR,)


def test_episodes_of_a_policy_are_replayed_with_that_policy() -> None:
    space = point_mass.SPACE.subset(["object.friction", "actuator.delay"])
    truth = {"object.friction": 0.12, "actuator.delay": 0.08, "sensor.object_position_noise": 0.003}
    policy = point_mass.PushAndBrake()
    with Rollouts(point_mass.ENV_ID, workers=0) as rollouts:
        target = HiddenTarget(rollouts, truth)
        real = target.collect(policy, 6, np.random.default_rng(0))
        simulator = Simulator(rollouts, space)
        found = Evidence(0, real, (), target.offers, simulator.replay(policy, real))
        randomizer = SimOpt.create(space).update_from_evidence(found, np.random.default_rng(1))
        unlogged = tuple(replace(episode, actions=None) for episode in real)
        without = replace(found, real=unlogged, replay=simulator.replay(policy, unlogged))
        assert SimOpt.create(space).update_from_evidence(without, np.random.default_rng(1)) == randomizer
    error = np.abs(in_unit(randomizer)[0] - space.to_unit(space.to_array({n: truth[n] for n in space})[None])[0])
    assert (error < [0.03, 0.12]).all(), error  # a delay is rounded to 0.04 s, a fifth of the range


def test_it_is_found_by_its_name_and_refuses_what_it_cannot_use() -> None:
    assert resolve("simopt") is SimOpt
    for options in ({"candidates": 1}, {"kl_bound": 0.0}, {"l1": 0.0, "l2": 0.0}, {"signals": "joint.position"}):
        with pytest.raises(OptionError):
            SimOpt.create(SPACE, **options)
    with pytest.raises(UnknownNameError, match=r"'joint\.velocity' is not a signal"):
        learned(recorded(), signals=["joint.velocity"])
    with pytest.raises(InsufficientEvidence, match="needs trajectories"):
        learned(replace(recorded(), offers=Need.OUTCOMES))
