"""Least squares on episodes of a policy: the logged actions are repeated, the observations compared."""

from __future__ import annotations

import numpy as np

from sim2real.evidence import Evidence
from sim2real.experiment.simulator import Simulator
from sim2real.randomizers.least_squares import LeastSquares
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from tests.support import point_mass

TRUTH = {"object.friction": 0.12, "actuator.delay": 0.08, "sensor.object_position_noise": 0.003}
SPACE = point_mass.SPACE.subset(["object.friction", "actuator.delay"])


def test_friction_and_delay_are_found_from_episodes_of_a_policy() -> None:
    policy, rollouts = point_mass.PushAndBrake(), Rollouts(point_mass.ENV_ID, workers=0)
    target = HiddenTarget(rollouts, TRUTH)
    real = target.collect(policy, 10, np.random.default_rng(0))
    evidence = Evidence(0, real, (), target.offers, Simulator(rollouts, SPACE).replay(policy, real))
    learned = LeastSquares.create(SPACE, designs=16, steps=10).update_from_evidence(evidence, np.random.default_rng(1))
    for name, marginal in learned.describe().parameters.items():
        margin = 0.5 * (marginal.high - marginal.low)
        assert marginal.verdict == "identified", name
        assert marginal.low - margin <= TRUTH[name] <= marginal.high + margin, name
    rollouts.close()
