"""The shipped contract catches what it is there to catch, and its world is the closed form it claims to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pytest

from sim2real.evidence import Evidence, Segment
from sim2real.randomizers import Description, Draws, Json, Randomizer
from sim2real.randomizers.uniform import Uniform
from sim2real.testing import SLIDE_SPACE, RandomizerContract, SlideReplay, shuffled, slide_evidence
from sim2real_envs.parameters import ParameterSpace


def test_the_sliding_block_stops_where_the_formula_says() -> None:
    replay = SlideReplay(SLIDE_SPACE, (2.0,))
    domains = np.array([[0.25, 0.1, 0.5], [0.25, 0.1, 2.0]])
    replayed = replay(domains, [Segment(0)], np.random.default_rng(0))
    expected = 2.0 * 0.1 + 4.0 / (2.0 * 0.25 * 9.81)
    assert replayed.outcome["distance"][:, 0, 0] == pytest.approx([expected, expected])
    assert replayed.outcome["duration"][0, 0, 0] == pytest.approx(0.1 + 2.0 / (0.25 * 9.81))
    assert replayed.env_steps == replay.cost(2, [Segment(0)])


def test_shuffled_evidence_replays_each_episode_from_its_own_start() -> None:
    evidence = slide_evidence(SLIDE_SPACE, np.array([0.2, 0.05, 0.5]), np.random.default_rng(0), noise=0.0)
    other = shuffled(evidence, np.random.default_rng(1))
    replayed = other.replay(
        np.array([[0.2, 0.05, 0.5]]), [Segment(index) for index in range(12)], np.random.default_rng(0)
    )
    assert [episode.label for episode in other.real] != [episode.label for episode in evidence.real]
    assert replayed.outcome["distance"][0, :, 0] == pytest.approx([e.outcome["distance"] for e in other.real])


@dataclass(frozen=True, eq=False)
class Sloppy(Randomizer):
    """A randomizer with one fault at a time."""

    space: ParameterSpace
    fault: str = ""
    shift: float = 0.0

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        if cls.__name__ == "Sloppy" and options:
            Uniform.create(space, **options)
        return cls(space)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        rng = np.random.default_rng() if self.fault == "ignores the stream" else rng
        draws = Uniform(self.space).sample(rng, size)
        return replace(draws, values=draws.values + 1.0) if self.fault == "leaves the ranges" else draws

    def describe(self) -> Description:
        description = Uniform(self.space).describe()
        marginals = {
            name: replace(marginal, quantiles=tuple(q + self.shift * 1e-3 for q in marginal.quantiles))
            for name, marginal in description.parameters.items()
        }
        if self.fault == "forgets a parameter":
            marginals.popitem()
        return replace(description, parameters=marginals)

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        first = float(evidence.real[0].outcome["distance"])
        if self.fault == "writes into itself":
            object.__setattr__(self, "shift", first)
        return replace(self, shift=first) if self.fault == "learns from the first episode only" else self

    def to_dict(self) -> dict[str, Json]:
        return {"shift": round(self.shift, 3) if self.fault == "rounds its state" else self.shift, "fault": self.fault}

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Json]) -> Self:
        return cls(space, str(data["fault"]), float(str(data["shift"])))


def _contract(fault: str, shift: float = 0.0) -> RandomizerContract:
    class Contract(RandomizerContract):
        def make(self, space: ParameterSpace) -> Randomizer:
            return Sloppy(space, fault, shift)

    return Contract()


def _check_names() -> list[str]:
    return [name for name in vars(RandomizerContract) if name.startswith("test_")]


@pytest.mark.parametrize("check", _check_names())
def test_a_randomizer_without_a_fault_passes(check: str) -> None:
    getattr(_contract(""), check)()


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("ignores the stream", "test_the_same_stream_gives_the_same_draws"),
        ("leaves the ranges", "test_samples_lie_within_the_ranges"),
        ("forgets a parameter", "test_it_describes_itself_completely"),
        ("writes into itself", "test_an_update_leaves_the_old_randomizer_as_it_was"),
        ("learns from the first episode only", "test_the_order_of_the_episodes_does_not_matter"),
    ],
)
def test_a_fault_is_caught_by_its_check(fault: str, check: str) -> None:
    with pytest.raises(AssertionError):
        getattr(_contract(fault), check)()


def test_a_state_that_is_rounded_on_the_way_to_json_is_caught() -> None:
    contract = _contract("rounds its state", shift=0.12345)
    with pytest.raises(AssertionError):
        contract.test_it_comes_back_from_json_bit_for_bit()


def test_the_contract_asks_for_make() -> None:
    with pytest.raises(NotImplementedError, match="Write `make"):
        RandomizerContract().test_it_is_a_frozen_value()
