"""Calibration where it is meant to be used: pushes in PyBullet, the real side a hidden domain drawn from the ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from sim2real.evidence import Evidence
from sim2real.experiment.simulator import Simulator
from sim2real.randomizers.base import Marginal
from sim2real.randomizers.particles import Particles
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from sim2real_envs.parameters import Array

RANGES = {
    "object.friction": (0.05, 1.0),
    "actuator.delay": (0.0, 0.1),
    "object.mass": (0.05, 0.8),
    "sensor.force_noise": (0.0, 0.01),  # a hundredth of a newton: nothing that an outcome could show
}
WORLDS = 20
EPISODES = 8


@dataclass(frozen=True)
class ScriptedPush:
    """Goes behind the cube and pushes it towards the goal; observations as ``sim2real_envs.tasks.push`` has them."""

    def __call__(self, observation: Array) -> Array:
        observed = np.asarray(observation, dtype=np.float64)
        cube, goal, push_point = (observed[i : i + 2] / 2.0 for i in (4, 10, 12))  # [m]; the fields' scale is 2
        distance = float(np.linalg.norm(goal))
        ahead = goal / max(distance, 1e-9)
        away = float(np.linalg.norm(push_point))
        forward = min(distance, 0.03) if away < 0.02 else 0.01 if cube @ ahead >= 0.03 else 0.0
        return np.clip((push_point + forward * ahead) / 0.05, -1.0, 1.0)


@dataclass(frozen=True)
class World:
    """A hidden domain and what was learned of it."""

    truth: dict[str, float]
    learned: dict[str, Marginal]


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[World]]:
    with Rollouts("PandaPush-v0", workers=2) as rollouts:
        yield [_world(rollouts, seed) for seed in range(WORLDS)]


def _world(rollouts: Rollouts, seed: int) -> World:
    space = rollouts.facts.space.subset(RANGES).with_ranges(RANGES)
    rng, policy = np.random.default_rng(seed), ScriptedPush()
    truth = space.to_domain(space.from_unit(rng.random(len(space))))
    target = HiddenTarget(rollouts, truth)
    real = target.collect(policy, EPISODES, rng)
    evidence = Evidence(0, real, (), target.offers, Simulator(rollouts, space).replay(policy, real))
    learned = Particles.create(space, count=256, designs=40, sweeps=2).update_from_evidence(evidence, rng)
    return World(truth, dict(learned.describe().parameters))


@pytest.mark.slow
@pytest.mark.parametrize("name", RANGES)
def test_the_truth_is_inside_the_90_percent_interval_in_90_percent_of_worlds(worlds: list[World], name: str) -> None:
    inside = sum(world.learned[name].low <= world.truth[name] <= world.learned[name].high for world in worlds)
    assert inside >= stats.binom(WORLDS, 0.9).ppf(0.005)


@pytest.mark.slow
def test_what_acts_is_learned_and_what_does_not_is_not(worlds: list[World]) -> None:
    contraction = {name: [world.learned[name].contraction for world in worlds] for name in RANGES}
    assert np.median(contraction["actuator.delay"]) > 0.8
    assert np.median(contraction["object.friction"]) > 0.5
    assert max(contraction["sensor.force_noise"]) < 0.2
