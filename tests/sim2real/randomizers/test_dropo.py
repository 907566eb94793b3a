"""DROPO keeps the contract of a randomizer, and says what it needs; what it finds is in ``test_dropo_recovery``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Need, Replayed, Segment
from sim2real.randomizers.dropo import Dropo
from sim2real.testing import SLIDE_SPACE, RandomizerContract, SlideReplay, slide_evidence
from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, ParameterSpace

QUICK = {"length": 2, "designs": 16, "generations": 15, "checks": 4, "samples": 40}


class TestDropo(RandomizerContract):
    def make(self, space: ParameterSpace) -> Dropo:
        return Dropo.create(space, **QUICK)


def rng(seed: int = 0) -> Generator:
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


@dataclass(frozen=True)
class Choosy:
    """A replay that refuses to start where a block has gone farther than ``most`` [m]."""

    replay: SlideReplay
    most: float
    outcomes: tuple[Outcome, ...] = ()
    drives = frozenset({"actions"})

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        return self.replay.cost(domains, segments, repeats)

    def __call__(self, domains: Array, segments: Sequence[Segment], rng: Generator, **options: Any) -> Replayed:
        for segment in segments:
            if self.replay.states[segment.episode][segment.first].values["object.pose"][0] > self.most:
                raise StateError("'object.pose' puts the block out of reach.")
        return self.replay(domains, segments, rng, **options)


def test_a_transition_whose_start_cannot_be_is_left_out() -> None:
    evidence = slide_evidence(SLIDE_SPACE, SLIDE_SPACE.from_unit(np.array([0.4, 0.3, 0.7])), rng(), noise=0.01)
    assert isinstance(evidence.replay, SlideReplay)
    counts = []
    for most in (0.5, np.inf):
        choosy = replace(evidence, replay=Choosy(evidence.replay, most))
        learned = Dropo.create(SLIDE_SPACE, **QUICK).update_from_evidence(choosy, rng(1)).describe()
        assert learned.parameters["object.friction"].contraction > 0.8
        counts.append(learned.diagnostics["transitions"])
    assert 0 < counts[0] < counts[1]


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
