"""DORAEMON against what can be worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from scipy.special import betainc

from sim2real.randomizers.base import BoolArray, Draws, Practice, Randomizer
from sim2real.randomizers.doraemon import HEADROOM, LARGEST_TRUST_REGION, Doraemon
from sim2real.testing import SLIDE_SPACE, RandomizerContract
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, Parameter, ParameterSpace

STRETCHED = ParameterSpace([Parameter("object.friction", 1.5, 0.0, 3.0, (0.0, 3.0), "-")])
PLANE = ParameterSpace([Parameter("plane.angle", 0.0, -math.pi / 2, math.pi / 2, (-2.0, 2.0), "rad")])
STEEPEST = 0.31079  # rad; sin(0.31079) = 3 / 9.81
Succeeds = Callable[[Array], BoolArray]


def practised(randomizer: Doraemon, draws: Draws, succeeds: Succeeds) -> Doraemon:
    """Return the randomizer after a chunk; ``succeeds`` takes SI values (k, n)."""
    success = succeeds(draws.values)
    practice = Practice(draws, success, success.astype(np.float64))
    return randomizer.update_from_training(practice, np.random.default_rng(0))


def evenly(randomizer: Doraemon, count: int) -> Draws:
    """Return the quantiles of a law of one parameter: its draws, without their noise."""
    unit = randomizer.law.quantile((np.arange(count)[:, None] + 0.5) / count)
    return Draws(randomizer.space.from_unit(unit), randomizer.law.log_prob(unit), np.zeros(count, dtype=np.int64))


def always(values: Array) -> BoolArray:
    return np.ones(len(values), dtype=bool)


def never(values: Array) -> BoolArray:
    return np.zeros(len(values), dtype=bool)


class TestDoraemonContract(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Doraemon.create(space, episodes=50)

    def updated(self, space: ParameterSpace = SLIDE_SPACE) -> Randomizer:
        randomizer = self.make(space)
        return randomizer.update_from_training(self.practice(randomizer), np.random.default_rng(7))

    def test_the_updates_of_this_class_move_the_law(self) -> None:
        assert self.updated() != self.make(SLIDE_SPACE)


@pytest.mark.parametrize(("divergence", "rounds"), [("old_new", 10), ("new_old", 12)])
def test_where_all_succeeds_the_trust_region_binds_until_the_law_is_uniform(divergence: str, rounds: int) -> None:
    randomizer = Doraemon.create(STRETCHED, trust_region=0.05, divergence=divergence)
    assert (randomizer.a[0], randomizer.b[0]) == (100.0, 100.0)
    entropies = [randomizer.law.entropy() + math.log(3.0)]
    assert entropies[0] == pytest.approx(-0.827, abs=5e-4)
    while entropies[-1] < math.log(3.0) - 1e-4:
        randomizer = practised(randomizer, evenly(randomizer, 2000), always)
        entropies.append(randomizer.law.entropy() + math.log(3.0))
        if len(entropies) <= rounds:
            assert randomizer.diagnostics["kl"] == pytest.approx(0.05, rel=0.01)
    assert len(entropies) - 1 == rounds
    assert (np.diff(entropies) > 0.0).all()


def test_on_an_inclined_plane_it_stops_where_half_of_the_mass_slides_well() -> None:
    walls = 0.5 - STEEPEST / math.pi, 0.5 + STEEPEST / math.pi
    exact = brentq(lambda a: float(np.diff(betainc(a, a, walls))[0]) - 0.5, 1.0, 50.0)
    assert exact == pytest.approx(5.94, abs=5e-3)
    randomizer = Doraemon.create(PLANE, trust_region=0.05)
    for _ in range(9):
        randomizer = practised(randomizer, evenly(randomizer, 20_000), lambda angle: np.abs(angle[:, 0]) <= STEEPEST)
    assert (randomizer.a[0], randomizer.b[0]) == pytest.approx((exact, exact), rel=1e-2)
    assert randomizer.diagnostics["success_rate"] == pytest.approx(0.5, abs=1e-3)


def test_nothing_moves_before_the_threshold_was_met_once_and_the_user_is_told() -> None:
    start = Doraemon.create(SLIDE_SPACE)
    failed = practised(start, start.sample(np.random.default_rng(0), 200), never)
    assert (failed.a == start.a).all()
    assert (failed.b == start.b).all()
    (message,) = failed.describe().messages
    assert "never reached the threshold of 50% successes" in message
    moved = practised(failed, failed.sample(np.random.default_rng(0), 200), always)
    assert moved.law.entropy() > start.law.entropy()
    assert not moved.describe().messages
    assert practised(moved, moved.sample(np.random.default_rng(0), 200), never).met


def test_episodes_that_are_too_few_wait_and_count_as_if_they_had_come_together() -> None:
    start = Doraemon.create(SLIDE_SPACE, episodes=100)
    draws = start.sample(np.random.default_rng(0), 160)

    def succeeds(values: Array) -> BoolArray:
        return np.asarray(values[:, 2] < 0.52)

    first, second = (
        Draws(draws.values[rows], draws.log_prob[rows], draws.tag[rows]) for rows in (slice(0, 60), slice(60, 160))
    )
    waiting = practised(start, first, succeeds)
    assert (len(waiting.waiting), waiting.diagnostics) == (60, {})
    restored = Doraemon.from_dict(SLIDE_SPACE, waiting.to_dict())
    assert practised(restored, second, succeeds) == practised(start, draws, succeeds)


def test_a_law_that_fails_too_often_goes_first_to_where_more_succeeds() -> None:
    start = replace(Doraemon.create(PLANE, trust_region=0.05), a=np.array([4.0]), b=np.array([4.0]), met=True)

    def steep(angle: Array) -> BoolArray:
        return np.asarray(angle[:, 0] > 0.5)

    after = practised(start, evenly(start, 2000), steep)
    assert after.diagnostics["success_rate"] < after.diagnostics["predicted_success_rate"] < 0.5
    assert after.diagnostics["kl"] == pytest.approx(0.05, rel=0.01)
    for _ in range(6):
        after = practised(after, evenly(after, 2000), steep)
    assert after.diagnostics["predicted_success_rate"] == pytest.approx(0.5, abs=0.01)


@given(
    seed=st.integers(0, 2**32 - 1),
    modes=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4),
    wall=st.floats(0.05, 0.95),
    trust_region=st.floats(0.01, 0.6),
    divergence=st.sampled_from(["old_new", "new_old"]),
)
@settings(max_examples=6, deadline=None)
def test_no_update_leaves_the_trust_region_or_gives_up_successes_that_it_must_keep(
    seed: int, modes: list[float], wall: float, trust_region: float, divergence: str
) -> None:
    space = ParameterSpace([Parameter(f"p{i}", mode, 0.0, 1.0, (0.0, 1.0), "-") for i, mode in enumerate(modes)])
    randomizer = Doraemon.create(space, trust_region=trust_region, divergence=divergence)
    randomizer = replace(randomizer, met=True)
    for _ in range(3):
        old, draws = randomizer, randomizer.sample(np.random.default_rng(seed), 150)
        randomizer = practised(old, draws, lambda values: np.asarray(values[:, 0] < wall))
        seen = randomizer.diagnostics
        assert seen["kl"] <= old.trust_region + 2e-6
        assert seen["predicted_success_rate"] >= min(0.5, seen["success_rate"]) - 2e-6
        assert 0.0 < seen["effective_sample_size"] <= 150.0 + 1e-6
        assert (np.minimum(randomizer.a, randomizer.b) >= 1.0).all()
        most = np.maximum(old.a, old.b).max() if old.diagnostics == {} else math.inf
        assert (np.maximum(randomizer.a, randomizer.b) <= most + HEADROOM + 1e-9).all()
        if seen["success_rate"] >= 0.5:
            assert randomizer.law.entropy() >= old.law.entropy() - 1e-9


def test_it_starts_around_nominal_or_in_the_middle_of_the_ranges() -> None:
    nominal, middle = Doraemon.create(SLIDE_SPACE), Doraemon.create(SLIDE_SPACE, start="middle")
    modes = (nominal.a - 1.0) / (nominal.a + nominal.b - 2.0)
    assert modes == pytest.approx(SLIDE_SPACE.to_unit(SLIDE_SPACE.to_array(SLIDE_SPACE.nominal())))
    assert (middle.a == 100.0).all()
    assert (middle.b == 100.0).all()
    assert nominal.a + nominal.b == pytest.approx(np.full(3, 200.0))


def test_the_trust_region_grows_with_the_parameters_up_to_a_limit() -> None:
    spaces = [SLIDE_SPACE.subset(SLIDE_SPACE.names[:count]) for count in (1, 3)]
    assert [Doraemon.create(space, trust_region=0.1).trust_region for space in spaces] == pytest.approx([0.1, 0.3])
    assert Doraemon.create(SLIDE_SPACE, trust_region=0.5).trust_region == LARGEST_TRUST_REGION
    flat = SLIDE_SPACE.with_ranges({"actuator.delay": (0.1, 0.1)})
    assert Doraemon.create(flat, trust_region=0.1).trust_region == pytest.approx(0.2)


def test_a_space_without_anything_uncertain_stays_as_it_is() -> None:
    flat = STRETCHED.with_ranges({"object.friction": (1.0, 1.0)})
    start = Doraemon.create(flat)
    after = practised(start, start.sample(np.random.default_rng(0), 200), always)
    assert Doraemon.from_dict(flat, after.to_dict()) == after
    assert (after.sample(np.random.default_rng(0), 5).values == 1.0).all()


def test_draws_follow_the_betas() -> None:
    randomizer = replace(Doraemon.create(STRETCHED), a=np.array([2.0]), b=np.array([5.0]))
    draws = randomizer.sample(np.random.default_rng(0), 4000)
    law = stats.beta(2.0, 5.0, loc=0.0, scale=3.0)
    assert stats.kstest(draws.values[:, 0], law.cdf).pvalue > 0.001
    assert draws.log_prob == pytest.approx(law.logpdf(draws.values[:, 0]) + math.log(3.0))
    marginal = randomizer.describe().parameters["object.friction"]
    assert (marginal.mean, marginal.low, marginal.high) == pytest.approx((law.mean(), *law.ppf([0.05, 0.95])), abs=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "0 <= threshold <= 1"),
        ({"trust_region": 0.0}, "trust_region"),
        ({"divergence": "both"}, "'old_new', 'new_old'"),
        ({"start": "mean"}, "'nominal', 'middle'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float | str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Doraemon.create(SLIDE_SPACE, **options)
