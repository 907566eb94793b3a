"""AutoDR: when the bounds of its box move, and when they do not."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.randomizers.autodr import START_WIDTH, AutoDr, AutoDrOptions, judge
from sim2real.randomizers.base import Draws, Practice, Randomizer
from sim2real.testing import SLIDE_SPACE, RandomizerContract
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace

UPPER_FRICTION, LOWER_DELAY, UPPER_DELAY = 2, 3, 4  # tags


def at_bounds(randomizer: AutoDr, tags: list[int]) -> Draws:
    """Return draws with these tags, each at the bound that its tag names."""
    unit = np.tile(0.5 * (randomizer.low + randomizer.high), (len(tags), 1))
    for row, tag in enumerate(tags):
        if tag:
            column, upper = divmod(tag - 1, 2)
            unit[row, column] = (randomizer.high if upper else randomizer.low)[column]
    return Draws(randomizer.space.from_unit(unit), np.zeros(len(tags)), np.array(tags, dtype=np.int64))


def seen(draws: Draws, results: list[float]) -> Practice:
    return Practice(draws, np.array(results) > 0.5, np.array(results))


def after(randomizer: AutoDr, tag: int, results: list[float]) -> AutoDr:
    """Return the randomizer after ``results`` of draws with one tag."""
    practice = seen(at_bounds(randomizer, [tag] * len(results)), results)
    return randomizer.update_from_training(practice, np.random.default_rng(0))


class TestAutoDrContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return AutoDr.create(space, buffer=2)

    def updated(self, space: ParameterSpace = SLIDE_SPACE) -> Randomizer:
        randomizer = self.make(space)
        return randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(7))

    def test_the_updates_of_this_class_move_the_box(self) -> None:
        assert self.updated() != self.make(SLIDE_SPACE)


def test_it_starts_at_nominal() -> None:
    values = AutoDr.create(SLIDE_SPACE).sample(np.random.default_rng(0), 100).values
    nominal = SLIDE_SPACE.to_array(SLIDE_SPACE.nominal())
    assert np.abs(SLIDE_SPACE.to_unit(values) - SLIDE_SPACE.to_unit(nominal)).max() <= START_WIDTH


def test_a_bound_moves_when_its_buffer_is_full_and_not_before() -> None:
    start = AutoDr.create(SLIDE_SPACE, buffer=20, delta=0.1)
    nineteen = after(start, UPPER_FRICTION, [1.0] * 19)
    assert (nineteen.low == start.low).all()
    assert (nineteen.high == start.high).all()
    restored = AutoDr.from_dict(SLIDE_SPACE, json.loads(json.dumps(nineteen.to_dict())))
    twenty = after(restored, UPPER_FRICTION, [0.0])  # 19 of 20 is above 0.7; the buffer outlives a chunk
    assert twenty.high - start.high == pytest.approx([0.1, 0.0, 0.0])
    assert (twenty.low == start.low).all()
    assert twenty.diagnostics == {"moved_outward": 1.0, "moved_inward": 0.0}


def test_a_move_clears_the_buffer_and_drops_what_was_seen_at_the_old_place() -> None:
    start = AutoDr.create(SLIDE_SPACE, buffer=10)
    moved = after(start, UPPER_FRICTION, [1.0] * 35)
    assert moved.buffers == ((),) * 6
    assert moved.high[0] == pytest.approx(start.high[0] + 0.1)


def test_results_from_where_the_bound_stood_before_count_for_nothing() -> None:
    start = AutoDr.create(SLIDE_SPACE, buffer=10)
    late = seen(at_bounds(start, [UPPER_FRICTION] * 10), [1.0] * 10)
    moved = start.update_from_training(late, np.random.default_rng(0))
    assert moved.high[0] > start.high[0]
    assert (moved.update_from_training(late, np.random.default_rng(0)).high == moved.high).all()


def test_a_mean_between_the_thresholds_clears_the_buffer_and_moves_nothing() -> None:
    start = AutoDr.create(SLIDE_SPACE, buffer=10)
    judged = after(start, UPPER_FRICTION, [1.0, 0.0] * 5 + [1.0] * 3)
    assert (judged.high == start.high).all()
    assert judged.buffers[1] == (1.0, 1.0, 1.0)


def test_episodes_inside_of_the_box_count_for_nothing() -> None:
    start = AutoDr.create(SLIDE_SPACE, buffer=1)
    assert after(start, 0, [1.0] * 50).to_dict() == {
        **start.to_dict(),
        "diagnostics": {"moved_outward": 0.0, "moved_inward": 0.0},
    }


def test_a_bound_stops_at_the_end_of_its_range() -> None:
    randomizer = AutoDr.create(SLIDE_SPACE, buffer=1, delta=0.3)
    for _ in range(5):
        randomizer = after(after(randomizer, UPPER_DELAY, [1.0]), LOWER_DELAY, [1.0])
    assert (randomizer.low[1], randomizer.high[1]) == (0.0, 1.0)


def test_bounds_that_fail_move_inward_and_never_cross() -> None:
    randomizer = AutoDr.create(SLIDE_SPACE, buffer=1, delta=0.3)
    randomizer = after(randomizer, UPPER_FRICTION, [1.0])
    for _ in range(5):
        randomizer = after(randomizer, UPPER_FRICTION, [0.0])
    assert randomizer.high[0] - randomizer.low[0] == pytest.approx(START_WIDTH)
    assert randomizer.diagnostics["moved_outward"] == 0.0


chunks = st.lists(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=30), max_size=12)


@given(chunks=chunks, buffer=st.integers(1, 6), delta=st.floats(0.01, 0.7))
@settings(max_examples=80, deadline=None)
def test_whatever_is_seen_the_box_keeps_its_promises(
    chunks: list[list[tuple[int, bool]]], buffer: int, delta: float
) -> None:
    randomizer = AutoDr.create(SLIDE_SPACE, buffer=buffer, delta=delta)
    for chunk in chunks:
        tags = [tag for tag, _ in chunk]
        practice = seen(at_bounds(randomizer, tags), [float(success) for _, success in chunk])
        old, randomizer = randomizer, randomizer.update_from_training(practice, np.random.default_rng(0))
        assert (randomizer.low >= 0.0).all()
        assert (randomizer.high <= 1.0).all()
        assert (randomizer.high - randomizer.low >= START_WIDTH * (1.0 - 1e-9)).all()
        steps = np.column_stack([randomizer.low - old.low, randomizer.high - old.high]).ravel()
        assert (np.abs(steps) <= delta + 1e-12).all()
        full = np.array([len(old.buffers[bound]) + tags.count(bound + 1) >= buffer for bound in range(6)])
        assert (steps[~full] == 0.0).all()
        assert all(len(kept) < buffer for kept in randomizer.buffers)
        assert all(randomizer.buffers[bound] == () for bound in np.flatnonzero(steps))


@given(results=st.lists(st.floats(0.0, 1.0), max_size=40), buffer=st.integers(1, 9))
def test_judging_in_one_go_is_judging_one_by_one_up_to_the_first_move(results: list[float], buffer: int) -> None:
    options = AutoDrOptions(buffer=buffer)
    kept: tuple[float, ...] = ()
    outward = 0
    for result in results:
        outward, kept = judge(kept, [result], options)
        if outward:
            break
    assert judge((), results, options) == (outward, kept)


def test_draws_are_half_inside_and_half_on_the_faces_that_their_tags_name() -> None:
    randomizer = after(AutoDr.create(SLIDE_SPACE, buffer=1), UPPER_FRICTION, [1.0])
    randomizer = after(randomizer, UPPER_DELAY, [1.0])
    count = 6000
    draws = randomizer.sample(np.random.default_rng(0), count)
    unit = SLIDE_SPACE.to_unit(draws.values)
    share = float((draws.tag > 0).mean())
    assert abs(share - 0.5) < 4.0 * math.sqrt(0.25 / count)
    bounds = np.column_stack([randomizer.low, randomizer.high]).ravel()
    for bound, place in enumerate(bounds):
        there = draws.tag == bound + 1
        assert abs(there.mean() - 1.0 / 12.0) < 4.0 * math.sqrt(1.0 / 12.0 / count)
        assert unit[there, bound // 2] == pytest.approx(place, abs=1e-12)
    inside = unit[draws.tag == 0]
    assert ((randomizer.low < inside) & (inside < randomizer.high)).all()


def test_the_densities_of_the_volume_and_of_all_faces_add_up_to_one() -> None:
    randomizer = after(AutoDr.create(SLIDE_SPACE, buffer=1, boundary_share=0.3), UPPER_FRICTION, [1.0])
    draws = randomizer.sample(np.random.default_rng(0), 500)
    width = randomizer.high - randomizer.low
    size = np.array([width.prod(), *np.repeat(width.prod() / width, 2)])  # of the volume and of each face
    mass = {
        int(tag): float(np.exp(log_prob) * size[tag]) for tag, log_prob in zip(draws.tag, draws.log_prob, strict=True)
    }
    assert sorted(mass) == list(range(7))
    assert mass[0] == pytest.approx(0.7)
    assert math.fsum(mass.values()) == pytest.approx(1.0)


def test_the_description_counts_the_draws_at_the_bounds() -> None:
    randomizer = after(AutoDr.create(SLIDE_SPACE, buffer=1, delta=0.4), UPPER_DELAY, [1.0])
    values = randomizer.sample(np.random.default_rng(0), 20_000).values[:, 1]
    marginal = randomizer.describe().parameters["actuator.delay"]
    assert marginal.mean == pytest.approx(values.mean(), abs=4.0 * values.std() / math.sqrt(20_000))
    assert marginal.high == marginal.quantiles[-1]  # one draw in twelve is there
    contraction = 1.0 - 12.0 * (values / 0.2).var()
    assert marginal.contraction == pytest.approx(contraction, abs=0.02)
    assert randomizer.describe().diagnostics["nats_per_dimension"] == pytest.approx(
        (2.0 * math.log(START_WIDTH) + math.log(0.4 + START_WIDTH)) / 3.0
    )


def test_returns_can_be_what_is_judged() -> None:
    randomizer = AutoDr.create(SLIDE_SPACE, buffer=3, performance="return", t_low=-5.0, t_high=10.0)
    assert after(randomizer, UPPER_FRICTION, [20.0, 5.0, 6.0]).high[0] > randomizer.high[0]
    assert (after(randomizer, UPPER_FRICTION, [9.0, 9.0, 9.0]).high == randomizer.high).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"t_low": 0.7, "t_high": 0.7}, "`t_low < t_high` must hold"),
        ({"t_high": 20.0}, "0 <= t_high <= 1"),
        ({"buffer": 0}, "buffer"),
        ({"performance": "reward"}, "'success', 'return'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float | str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AutoDr.create(SLIDE_SPACE, **options)
