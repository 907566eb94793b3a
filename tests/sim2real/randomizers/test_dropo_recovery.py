"""DROPO finds known parameters of pseudo-real logs, with a spread that grows with their noise."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.evidence import Evidence
from sim2real.experiment.simulator import Simulator
from sim2real.randomizers.dropo import Dropo
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from sim2real.testing import SLIDE_SPACE, slide_evidence
from sim2real_envs.parameters import Array

SPACE = SLIDE_SPACE.subset(["object.friction", "actuator.delay"])
SLIDING = {
    "length": 3,
    "per_episode": 3,
    "designs": 16,
    "refinements": 1,
    "checks": 4,
    "samples": 50,
    "generations": 60,
    "epsilon": 1e-4,
}


def recovered(noise: float, worlds: int) -> tuple[Array, Array]:
    """Return errors of the mean and spreads of friction and delay (worlds, 2), in units of their ranges."""
    errors, spreads = [], []
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        truth = rng.uniform(0.2, 0.8, 2)
        evidence = slide_evidence(SPACE, SPACE.from_unit(truth[None])[0], rng, noise=noise, episodes=8)
        learned = Dropo.create(SPACE, **SLIDING).update_from_evidence(evidence, np.random.default_rng(seed))
        errors.append(learned.location - truth)
        spreads.append(learned.scale)
    return np.array(errors), np.array(spreads)


def test_it_finds_what_is_known_with_a_spread_that_grows_with_the_noise() -> None:
    middle_spreads = []
    for noise, friction, delay in ((0.05, 0.006, 0.03), (0.1, 0.015, 0.05), (0.2, 0.04, 0.15)):
        errors, spreads = recovered(noise, 10)
        assert np.median(np.abs(errors[:, 0])) < friction
        assert np.median(np.abs(errors[:, 1])) < delay
        middle_spreads.append(float(np.median(spreads[:, 0])))
    assert middle_spreads[0] < 0.5 * middle_spreads[1] < 0.25 * middle_spreads[2]


@pytest.mark.slow
def test_over_200_worlds_it_is_near_and_its_interval_is_none() -> None:
    errors, spreads = recovered(0.1, 200)
    assert np.median(np.abs(errors[:, 0])) < 0.008
    assert np.median(np.abs(errors[:, 1])) < 0.03
    inside = (np.abs(errors) < 1.645 * spreads).mean(axis=0)
    # a 90 % interval of this Gaussian would hold the truth this often, which is why there are no verdicts
    assert inside[1] < 0.7
    assert inside[0] < 0.9


class Pusher:
    """Goes behind the cube, and pushes it to the goal."""

    def __call__(self, observation: Array) -> Array:
        to_push_point, to_goal, to_cube = observation[12:14], observation[10:12], observation[4:6]
        behind = np.linalg.norm(to_push_point) > 0.015 and np.linalg.norm(to_cube) > 0.05
        return np.clip((to_push_point if behind else 1.2 * to_goal) / 0.05, -1.0, 1.0) * 0.8


@pytest.mark.slow
def test_friction_delay_and_bias_are_found_from_three_pushes() -> None:
    ranges = {
        "object.friction": (0.05, 1.0),
        "actuator.delay": (0.0, 0.12),
        "sensor.object_position_bias": (-0.03, 0.03),
    }
    hidden = {"object.friction": 0.2, "actuator.delay": 0.05, "sensor.object_position_bias": 0.02}
    rollouts = Rollouts("PandaPush-v0", {"horizon": 50}, workers=0)
    space = rollouts.facts.space.subset(ranges).with_ranges(ranges)
    target = HiddenTarget(rollouts, hidden)
    real = target.collect(Pusher(), 3, np.random.default_rng(0))
    evidence = Evidence(0, real, (), target.offers, Simulator(rollouts, space).replay(Pusher(), real))
    learned = Dropo.create(space).update_from_evidence(evidence, np.random.default_rng(1))
    rollouts.close()
    error = learned.location - space.to_unit(space.to_array(hidden))
    assert (np.abs(error) < [0.06, 0.02, 0.03]).all()
    assert learned.describe().diagnostics["emulator_error"] < 3.0
