"""DROPO keeps the contract of a randomizer, and finds known parameters of pseudo-real logs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Need
from sim2real.randomizers.dropo import Dropo
from sim2real.testing import SLIDE_SPACE, RandomizerContract, slide_evidence
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace

QUICK = {"length": 2, "designs": 16, "generations": 15, "checks": 4, "samples": 40}


class TestDropo(RandomizerContract):
    def make(self, space: ParameterSpace) -> Dropo:
        return Dropo.create(space, **QUICK)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_before_any_evidence_it_is_uniform() -> None:
    for marginal in Dropo.create(SLIDE_SPACE).describe().parameters.values():
        assert abs(marginal.contraction) < 0.01
        assert marginal.verdict is None


def test_what_has_no_effect_stays_as_wide_as_its_range_and_is_named() -> None:
    truth = SLIDE_SPACE.from_unit(np.array([0.4, 0.3, 0.7]))
    evidence = slide_evidence(SLIDE_SPACE, truth, rng(), noise=0.01)
    learned = Dropo.create(SLIDE_SPACE, **QUICK).update_from_evidence(evidence, rng(1))
    description = learned.describe()
    assert abs(description.parameters["object.mass"].contraction) < 0.01
    assert description.parameters["object.friction"].contraction > 0.8
    assert any("say nothing of object.mass" in message for message in description.messages)


def test_states_are_asked_for_in_words() -> None:
    evidence = slide_evidence(SLIDE_SPACE, SLIDE_SPACE.to_array(SLIDE_SPACE.nominal()), rng())
    with pytest.raises(InsufficientEvidence, match="'dropo' needs the states"):
        Dropo.create(SLIDE_SPACE).update_from_evidence(replace(evidence, offers=Need.TRAJECTORIES), rng())
    silent = replace(evidence, real=tuple(replace(episode, states=None) for episode in evidence.real))
    with pytest.raises(InsufficientEvidence, match="Real episode 0 has no states"):
        Dropo.create(SLIDE_SPACE).update_from_evidence(silent, rng())


def test_a_transition_must_fit_into_an_episode() -> None:
    evidence = slide_evidence(SLIDE_SPACE, SLIDE_SPACE.to_array(SLIDE_SPACE.nominal()), rng())
    with pytest.raises(InsufficientEvidence, match="has 11 control steps, but the longest of 12 real episodes has 10"):
        Dropo.create(SLIDE_SPACE, length=11).update_from_evidence(evidence, rng())


def test_it_remembers_the_transitions_of_so_many_rounds() -> None:
    truth = SLIDE_SPACE.from_unit(np.array([0.4, 0.3, 0.7]))
    learned = Dropo.create(SLIDE_SPACE, remember=2, **QUICK)
    counts = []
    for index in range(3):
        learned = learned.update_from_evidence(slide_evidence(SLIDE_SPACE, truth, rng(index)), rng(index))
        counts.append(learned.describe().diagnostics["transitions"])
    assert counts[1] == counts[2] == 2 * counts[0]
    assert len(json.dumps(learned.to_dict())) < 1e6


@pytest.mark.parametrize("option", ["length", "per_episode", "designs", "samples", "epsilon", "remember"])
def test_a_bad_option_is_refused(option: str) -> None:
    with pytest.raises(OptionError, match=option):
        Dropo.create(SLIDE_SPACE, **{option: -1})
