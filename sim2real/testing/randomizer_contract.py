"""What every randomizer promises: a test class to inherit."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from typing import ClassVar

import numpy as np

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers.base import Practice, Randomizer
from sim2real.testing.sliding_block import SLIDE_SPACE, SlideOffer, shuffled, slide_evidence
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.parameters import ParameterSpace


class RandomizerContract:
    """What every randomizer promises; inherit it in a test module and write ``make``."""

    order_matters: ClassVar[bool] = False  # True for a method that learns from the order of the episodes

    def make(self, space: ParameterSpace) -> Randomizer:
        """Return the randomizer under test before any evidence."""
        raise NotImplementedError("Write `make(self, space)` in your test class.")

    def evidence(self, space: ParameterSpace) -> Evidence:
        """Return the evidence that updates are tested with."""
        rng = np.random.default_rng(5)
        return slide_evidence(space, space.from_unit(np.full(len(space), 0.4)), rng)

    def practice(self, randomizer: Randomizer) -> Practice:
        """Return the training episodes that updates are tested with."""
        rng = np.random.default_rng(6)
        draws = randomizer.sample(rng, 64)
        success = rng.random(64) < 0.6
        return Practice(draws, success, success.astype(np.float64))

    def updated(self, space: ParameterSpace = SLIDE_SPACE) -> Randomizer:
        """Return the randomizer after one round of evidence."""
        return self.make(space).update_from_evidence(self.evidence(space), np.random.default_rng(7))

    def test_it_is_a_frozen_value(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        _assert_raises((FrozenInstanceError, AttributeError), lambda: setattr(randomizer, "space", ParameterSpace()))
        assert randomizer == self.make(SLIDE_SPACE)

    def test_all_arrays_are_read_only(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            draws = randomizer.sample(np.random.default_rng(0), 5)
            arrays = [draws.values, draws.log_prob, draws.tag, *vars(randomizer).values()]
            assert not [array for array in arrays if isinstance(array, np.ndarray) and array.flags.writeable]

    def test_samples_lie_within_the_ranges(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated(), self.updated().final()):
            _check_draws(randomizer, SLIDE_SPACE, 2000)

    def test_the_same_stream_gives_the_same_draws(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            first, second = (randomizer.sample(np.random.default_rng(3), 50) for _ in range(2))
            assert (first.values == second.values).all()
            assert (first.log_prob == second.log_prob).all()

    def test_the_same_evidence_and_stream_give_the_same_randomizer(self) -> None:
        assert self.updated() == self.updated()

    def test_an_update_leaves_the_old_randomizer_as_it_was(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        before = json.dumps(randomizer.to_dict())
        randomizer.update_from_evidence(self.evidence(SLIDE_SPACE), np.random.default_rng(0))
        randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(0))
        randomizer.final()
        assert json.dumps(randomizer.to_dict()) == before

    def test_an_update_returns_the_same_kind_on_the_same_space(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        trained = randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(0))
        for other in (trained, self.updated(), randomizer.final(), self.updated().final()):
            assert type(other) is type(randomizer)
            assert other.space == randomizer.space

    def test_it_comes_back_from_json_bit_for_bit(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated(), self.updated().final()):
            text = json.dumps(randomizer.to_dict(), allow_nan=False)
            restored = type(randomizer).from_dict(SLIDE_SPACE, json.loads(text))
            assert json.dumps(restored.to_dict(), allow_nan=False) == text
            _check_same(randomizer, restored)

    def test_it_comes_back_from_a_pickle(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            _check_same(randomizer, pickle.loads(pickle.dumps(randomizer)))

    def test_it_describes_itself_completely(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated(), self.updated().final()):
            _check_description(randomizer, SLIDE_SPACE)

    def test_evidence_that_lacks_what_it_needs_is_refused(self) -> None:
        randomizer = self.make(SLIDE_SPACE)
        nothing = replace(self.evidence(SLIDE_SPACE), offers=Need.NOTHING)
        if randomizer.needs:
            _assert_raises(
                InsufficientEvidence, lambda: randomizer.update_from_evidence(nothing, np.random.default_rng(0))
            )
        else:
            assert randomizer.update_from_evidence(nothing, np.random.default_rng(0)) is not None

    def test_starts_are_left_to_the_target_or_as_many_as_were_asked_for(self) -> None:
        for randomizer in (self.make(SLIDE_SPACE), self.updated()):
            first, again = (
                randomizer.choose_starts(SlideOffer(SLIDE_SPACE), 3, np.random.default_rng(4)) for _ in range(2)
            )
            if first is None or again is None:
                assert first is again
                continue
            assert len(first) == 3
            for one, other in zip(first, again, strict=True):
                assert {name: array.tolist() for name, array in one.values.items()} == {
                    name: array.tolist() for name, array in other.values.items()
                }

    def test_the_order_of_the_episodes_does_not_matter(self) -> None:
        if self.order_matters:
            return
        randomizer, evidence = self.make(SLIDE_SPACE), self.evidence(SLIDE_SPACE)
        other = shuffled(evidence, np.random.default_rng(1))
        first, second = (
            randomizer.update_from_evidence(each, np.random.default_rng(2)).describe() for each in (evidence, other)
        )
        for name in SLIDE_SPACE:
            assert np.allclose(first.parameters[name].quantiles, second.parameters[name].quantiles, rtol=1e-9)

    def test_a_range_of_no_width_is_kept(self) -> None:
        space = SLIDE_SPACE.with_ranges({"actuator.delay": (0.1, 0.1)})
        for randomizer in (self.make(space), self.updated(space)):
            _check_draws(randomizer, space, 100)
            _check_description(randomizer, space)

    def test_one_parameter_is_enough(self) -> None:
        space = SLIDE_SPACE.subset(["object.friction"])
        for randomizer in (self.make(space), self.updated(space)):
            _check_draws(randomizer, space, 100)
            _check_description(randomizer, space)

    def test_an_unknown_option_is_refused(self) -> None:
        kind = type(self.make(SLIDE_SPACE))
        _assert_raises(UnknownNameError, lambda: kind.create(SLIDE_SPACE, no_such_option=1))


def _assert_raises(kinds: type[BaseException] | tuple[type[BaseException], ...], call: Callable[[], object]) -> None:
    try:
        call()
    except kinds:
        return
    raise AssertionError(f"{kinds} must be raised, but nothing was.")


def _check_draws(randomizer: Randomizer, space: ParameterSpace, size: int) -> None:
    draws = randomizer.sample(np.random.default_rng(1), size)
    low, high = (np.array([getattr(parameter, end) for parameter in space.values()]) for end in ("low", "high"))
    assert draws.values.shape == (size, len(space))
    assert draws.log_prob.shape == draws.tag.shape == (size,)
    assert ((low <= draws.values) & (draws.values <= high)).all()
    assert np.isfinite(draws.log_prob).all()
    for row in draws.values[:10]:
        space.complete(space.to_domain(row))


def _check_same(first: Randomizer, second: Randomizer) -> None:
    assert first == second
    one, other = (randomizer.sample(np.random.default_rng(9), 40) for randomizer in (first, second))
    assert (one.values == other.values).all()
    assert (one.log_prob == other.log_prob).all()
    assert first.describe().parameters == second.describe().parameters


def _check_description(randomizer: Randomizer, space: ParameterSpace) -> None:
    description = randomizer.describe()
    assert tuple(description.parameters) == space.names
    for name, marginal in description.parameters.items():
        parameter, quantiles = space[name], np.array(marginal.quantiles)
        assert quantiles.shape == (21,)
        assert (np.diff(quantiles) >= 0.0).all()
        assert parameter.low <= quantiles[0] <= marginal.mean <= quantiles[-1] <= parameter.high
        assert quantiles[0] <= marginal.low <= marginal.high <= quantiles[-1]
        assert np.isfinite([marginal.mean, marginal.low, marginal.high, marginal.contraction]).all()
        assert marginal.contraction <= 1.0
        assert marginal.verdict in (None, "identified", "bounded", "not identified")
    assert description.correlation.shape == (len(space), len(space))
    assert np.allclose(description.correlation, description.correlation.T)
    assert np.allclose(np.diag(description.correlation), 1.0)
    assert (np.abs(description.correlation) <= 1.0 + 1e-12).all()
    assert np.isfinite(list(description.diagnostics.values())).all()
    assert all(isinstance(message, str) and message for message in description.messages)
