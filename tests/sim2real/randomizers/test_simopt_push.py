"""SimOpt and CMA-ES where they are meant to be used: pushes in PyBullet, the real side a hidden domain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sim2real.evidence import Evidence
from sim2real.experiment.simulator import Simulator
from sim2real.randomizers import Json, Randomizer, resolve
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from tests.sim2real.randomizers.test_calibration_push import ScriptedPush

RANGES = {"object.friction": (0.05, 1.0), "actuator.delay": (0.0, 0.1)}
TRUTH = {"object.friction": 0.25, "actuator.delay": 0.06}
OPTIONS: dict[str, dict[str, Json]] = {
    "simopt": {"candidates": 10, "iterations": 6},
    "cma_es": {"population": 10, "generations": 6},
}


@pytest.fixture(scope="module")
def rollouts() -> Iterator[Rollouts]:
    with Rollouts("PandaPush-v0", workers=2) as found:
        yield found


def learned(rollouts: Rollouts, method: str, noise: float) -> Randomizer:
    """Return what is learned from four pseudo-real episodes, the cube seen with ``noise`` [m]."""
    space = rollouts.facts.space.subset(RANGES).with_ranges(RANGES)
    policy, rng = ScriptedPush(), np.random.default_rng(4)
    target = HiddenTarget(rollouts, {**TRUTH, "sensor.object_position_noise": noise})
    real = target.collect(policy, 4, rng)
    evidence = Evidence(0, real, (), target.offers, Simulator(rollouts, space).replay(policy, real))
    return resolve(method).create(space, **OPTIONS[method]).update_from_evidence(evidence, rng)


@pytest.mark.slow
@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_friction_and_delay_are_found_from_the_paths_of_four_pushes(
    rollouts: Rollouts, method: str, noise: float
) -> None:
    randomizer = learned(rollouts, method, noise)
    space, marginals = randomizer.space, randomizer.describe().parameters
    mean, low, high = (
        space.to_unit(np.array([[getattr(each, end) for each in marginals.values()]]))[0]
        for end in ("mean", "low", "high")
    )
    error = np.abs(mean - space.to_unit(space.to_array(TRUTH)[None])[0])
    assert (error < 0.1).all(), f"error {error.round(3)}, 90 % of draws within {(high - low).round(3)}"
    assert randomizer.describe().diagnostics["rms_after"] < 0.6 * randomizer.describe().diagnostics["rms_nominal"]
