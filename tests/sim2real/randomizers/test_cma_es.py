"""The CMA-ES fit in worlds in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers import Json, Randomizer, resolve
from sim2real.randomizers.cma_es import NO_INTERVAL, CmaEs
from sim2real.testing import RandomizerContract
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace
from tests.support.oscillator import SPACE, evidence

TRUTH = np.array([33.0, 1.7, 0.04, 0.7])


class TestCmaEsContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return CmaEs.create(space)


class TestPointContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return CmaEs.create(space, width=0.0, generations=2)


def learned(evidence: Evidence, seed: int = 1, **options: Json) -> CmaEs:
    return CmaEs.create(SPACE, **options).update_from_evidence(evidence, np.random.default_rng(seed))


def recorded(seed: int = 0, noise: float = 0.01) -> Evidence:
    return evidence(TRUTH, np.random.default_rng(seed), noise=noise)


@pytest.mark.parametrize("noise", [0.003, 0.03, 0.1])
def test_it_comes_near_the_truth_at_every_level_of_noise(noise: float) -> None:
    error = np.abs(learned(recorded(noise=noise), generations=20).estimate - SPACE.to_unit(TRUTH[None])[0])
    assert (error[:3] < [0.03, 0.05, 0.15]).all(), error


def test_training_draws_from_a_box_of_the_given_width_about_the_estimate() -> None:
    randomizer = learned(recorded(), width=0.1)
    unit = SPACE.to_unit(randomizer.sample(np.random.default_rng(0), 4000).values)
    low, high = np.maximum(randomizer.estimate - 0.05, 0.0), np.minimum(randomizer.estimate + 0.05, 1.0)
    assert unit.min(axis=0) == pytest.approx(low, abs=1e-3)
    assert unit.max(axis=0) == pytest.approx(high, abs=1e-3)
    means = SPACE.to_unit(np.array([[each.mean for each in randomizer.describe().parameters.values()]]))
    assert means[0] == pytest.approx(randomizer.estimate)


def test_a_box_of_no_width_is_one_domain() -> None:
    draws = learned(recorded(), width=0.0, generations=2).sample(np.random.default_rng(0), 10)
    assert (draws.values == draws.values[0]).all()
    assert (draws.log_prob == 0.0).all()


def test_before_any_evidence_every_domain_is_as_likely() -> None:
    values = CmaEs.create(SPACE).sample(np.random.default_rng(0), 4000).values
    assert SPACE.to_unit(values).mean(axis=0) == pytest.approx(np.full(4, 0.5), abs=0.02)


def test_a_second_round_goes_on_from_the_first() -> None:
    once = learned(recorded(seed=1))
    twice = once.update_from_evidence(recorded(seed=2), np.random.default_rng(3))
    assert twice.diagnostics["rms_after"] < once.diagnostics["rms_after"]


def test_it_claims_no_certainty() -> None:
    randomizer = learned(recorded(), generations=3)
    assert NO_INTERVAL in randomizer.messages
    assert {marginal.verdict for marginal in randomizer.describe().parameters.values()} == {None}
    assert randomizer.diagnostics["replay_env_steps"] == 8 * 40 * (3 * 16 + 1)


def test_it_is_found_by_its_name_and_refuses_what_it_cannot_use() -> None:
    assert resolve("cma_es") is CmaEs
    for options in ({"population": 1}, {"width": 2.0}, {"l1": 0.0, "l2": 0.0}, {"signals": "joint.position"}):
        with pytest.raises(OptionError):
            CmaEs.create(SPACE, **options)
    with pytest.raises(UnknownNameError, match=r"'joint\.velocity' is not a signal"):
        learned(recorded(), signals=["joint.velocity"])
    with pytest.raises(InsufficientEvidence, match="needs trajectories"):
        learned(replace(recorded(), offers=Need.OUTCOMES))
