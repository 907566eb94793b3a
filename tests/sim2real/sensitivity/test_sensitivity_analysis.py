"""The analysis of a screening against functions whose indices are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from SALib.analyze import morris as salib_morris

from sim2real.sensitivity import Design, Verdict, analyze, counting, find_ridges, morris_design, sobol_design, verdicts
from sim2real.sensitivity.design import LEVELS, problem
from sim2real.sensitivity.indices import Indices, effects
from sim2real.sensitivity.information import expected_left, left_after
from sim2real.sensitivity.verdicts import p_values
from sim2real_envs.errors import OptionError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array

NAMES = ("one", "two", "three")
SLOPES = np.array([2.0, -1.0, 0.0, 0.0])  # the last is that of the random streams


def of(design: Design, outcome: Array) -> Indices:
    return analyze(design, outcome[:, :, None], bound=math.inf)


def ishigami(points: Array) -> Array:
    x = math.pi * (2.0 * points - 1.0)
    return np.asarray(np.sin(x[..., 0]) + 7.0 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * np.sin(x[..., 0]))


def with_streams(design: Design, sizes: Array, rng: np.random.Generator) -> Array:
    """Return noise (blocks, runs, len(sizes)) that is the same wherever the streams of a block are."""
    noise = np.empty((*design.points.shape[:2], len(sizes)))
    for block, points in enumerate(design.points):
        drawn: dict[float, Array] = {}
        for run, share in enumerate(points[:, -1].tolist()):
            if share not in drawn:
                drawn[share] = rng.normal(size=len(sizes)) * sizes
            noise[block, run] = drawn[share]
    return noise


# -- Closed forms ------------------------------------------------------------------------------------------------


def test_of_a_linear_function_mu_is_the_slope_mu_star_its_size_and_sigma_nothing() -> None:
    design = morris_design(NAMES, 20, seed=1)
    found = of(design, design.points @ SLOPES)
    np.testing.assert_allclose(found.change[:, 0], SLOPES, atol=1e-12)
    np.testing.assert_allclose(found.size[:, 0], np.abs(SLOPES), atol=1e-12)
    np.testing.assert_allclose(found.other[:, 0], 0.0, atol=1e-12)


def test_of_a_linear_function_sobol_shares_are_the_squared_slopes() -> None:
    design = sobol_design(NAMES, 256, seed=1)
    found = of(design, design.points @ SLOPES)
    shares = SLOPES**2 / (SLOPES @ SLOPES)
    np.testing.assert_allclose(found.size[:, 0], shares, atol=0.03)
    np.testing.assert_allclose(found.other[:, 0], shares, atol=0.08)
    np.testing.assert_allclose(found.change[:, 0], SLOPES, atol=4.0 * found.change_error.max() + 1e-12)


def test_the_sobol_shares_of_ishigamis_function_are_those_of_its_closed_form() -> None:
    # Ishigami and Homma (1990) with a = 7, b = 0.1: V = a^2/8 + b pi^4/5 + b^2 pi^8/18 + 1/2
    a, b = 7.0, 0.1
    variance = a**2 / 8 + b * math.pi**4 / 5 + b**2 * math.pi**8 / 18 + 0.5
    first = np.array([0.5 * (1 + b * math.pi**4 / 5) ** 2, a**2 / 8, 0.0, 0.0]) / variance
    total = first + np.array([1.0, 0.0, 1.0, 0.0]) * b**2 * math.pi**8 * (1 / 18 - 1 / 50) / variance
    design = sobol_design(NAMES, 1024, seed=0)
    found = of(design, ishigami(design.points))
    np.testing.assert_array_less(np.abs(found.size[:, 0] - total), 4.0 * found.size_error[:, 0] + 1e-9)
    np.testing.assert_array_less(np.abs(found.other[:, 0] - first), 4.0 * found.other_error[:, 0] + 1e-9)
    assert float(found.size_error.max()) < 0.06


def test_morris_numbers_are_those_of_salib() -> None:
    design = morris_design(NAMES, 40, seed=3)
    y = ishigami(design.points)
    found = of(design, y)
    theirs = salib_morris.analyze(
        problem(design.names), design.points.reshape(-1, 4), y.ravel(), num_levels=LEVELS, seed=5
    )
    np.testing.assert_allclose(found.change[:, 0], theirs["mu"], atol=1e-12)
    np.testing.assert_allclose(np.abs(effects(design, y[:, :, None])).mean(axis=0)[:, 0], theirs["mu_star"], atol=1e-12)
    np.testing.assert_allclose(found.size_error[:, 0] * 1.96, theirs["mu_star_conf"], rtol=0.35, atol=1e-12)


@pytest.mark.parametrize("make", [morris_design, sobol_design])
def test_differences_are_held_within_the_bound(make: object) -> None:
    design = make(NAMES, 32, seed=0)  # type: ignore[operator]
    outcomes = (design.points @ (1000.0 * SLOPES))[:, :, None]
    free, held = analyze(design, outcomes, bound=math.inf), analyze(design, outcomes, bound=3.0)
    assert float(np.abs(free.change).max()) > 1000.0
    assert float(np.abs(held.change).max()) <= 3.0 * 6.0
    assert np.sign(held.change[0, 0]) == np.sign(free.change[0, 0])


def test_a_diverged_world_takes_its_block_away_and_nothing_else() -> None:
    design = morris_design(NAMES, 20, seed=1)
    outcomes = (design.points @ SLOPES)[:, :, None]
    outcomes[3, 2] = math.nan
    found = analyze(design, outcomes)
    assert found.n.tolist() == [19.0]
    np.testing.assert_allclose(found.change[:, 0], SLOPES, atol=1e-12)


# -- The floor ---------------------------------------------------------------------------------------------------


def test_a_parameter_without_effect_stays_at_the_floor_and_one_with_effect_is_found() -> None:
    design = morris_design(NAMES, 100, seed=2)
    outcomes = design.points[:, :, :2] @ np.diag([1.0, 0.0]) + with_streams(
        design, np.array([0.3, 0.3]), np.random.default_rng(0)
    )
    declared = (Outcome("seen", "m", 1.0), Outcome("noise", "m", 1.0))
    found = verdicts(NAMES, declared, analyze(design, outcomes))
    assert [verdict.changes for verdict in found] == [("seen",), (), ()]
    assert found[0].sentence == "can be identified from: seen"
    assert found[1].word == "leave out"


def test_an_offset_that_acts_either_way_by_start_is_found_by_its_size() -> None:
    rng = np.random.default_rng(4)
    design = morris_design(NAMES, 150, seed=2)
    signs = rng.choice([-1.0, 1.0], size=(150, 1))
    outcomes = signs * design.points[:, :, 0] + with_streams(design, np.array([0.1]), rng)[:, :, 0]
    indices = analyze(design, outcomes[:, :, None])
    assert abs(indices.change[0, 0]) < 4.0 * indices.change_error[0, 0]
    assert verdicts(NAMES, (Outcome("seen", "m", 1.0),), indices)[0].changes == ("seen",)


def test_in_worlds_where_nothing_has_an_effect_hardly_anything_is_named() -> None:
    names = tuple(f"p{number}" for number in range(10))
    named = 0
    for world in range(60):
        design = morris_design(names, 40, seed=world)
        rng = np.random.default_rng(world)
        # Chaos: every run differs, whatever moves it, as much as under other seeds.
        outcomes = rng.normal(size=(*design.points.shape[:2], 5))
        named += int(counting(p_values(analyze(design, outcomes))).any())
    assert named <= 8  # at 5 % a world: 3 of 60 expected, more than 8 with probability 0.003


def test_a_change_that_is_certain_but_too_small_does_not_count() -> None:
    design = morris_design(NAMES, 30, seed=0)
    indices = analyze(design, (design.points @ (0.01 * SLOPES))[:, :, None])
    outcome = (Outcome("seen", "m", 1.0),)
    assert all(not verdict.changes for verdict in verdicts(NAMES, outcome, indices))
    assert verdicts(NAMES, outcome, indices, smallest=0.005)[0].changes == ("seen",)


def test_success_that_never_changed_has_an_interval_still() -> None:
    design = morris_design(NAMES, 50, seed=0)
    indices = analyze(design, np.zeros((*design.points.shape[:2], 1)), binary=[True])
    half = 1.96 * indices.change_error[0, 0]
    assert indices.change[0, 0] == 0.0
    # Zero of 50 pairs: the exact one-sided 97.5 % limit is 1 - 0.025^(1/50) = 7.1 % of pairs, each worth 1.5.
    assert 0.5 * 1.5 * 0.071 < half < 1.5 * 0.071


def test_nothing_is_left_out_while_success_may_depend_on_it() -> None:
    few = Verdict("one", (), 0.02, 0.1)
    assert (few.word, Verdict("one", (), 0.02, 0.05).word) == ("undecided", "leave out")
    assert few.sentence == "no effect found, but success may change by 22 points: undecided, take more"
    seen = Verdict("one", ("peak_force",), -0.1, 0.1)
    assert seen.word == "identify"
    assert seen.sentence == "can be identified from: peak_force; success may change by 30 points: undecided"
    assert Verdict("one", (), math.nan, math.nan).word == "leave out"


# -- Ridges ------------------------------------------------------------------------------------------------------


def test_two_factors_of_a_product_lie_on_a_ridge_and_a_third_does_not() -> None:
    rng = np.random.default_rng(0)
    design = morris_design(NAMES, 120, seed=0)
    x = 1.0 + design.points
    product = x[:, :, 0] * x[:, :, 1]
    outcomes = np.stack([product, -0.5 * product + x[:, :, 2], x[:, :, 2]], axis=2)
    outcomes = outcomes + with_streams(design, np.full(3, 0.5), rng)
    found = find_ridges(NAMES, analyze(design, outcomes, bound=math.inf), [0, 1, 2])
    assert [(each.first, each.second) for each in found] == [("one", "two")]
    ridge = found[0]
    assert ridge.cosine.value > 0.97
    assert ridge.cosine.low <= ridge.cosine.value <= ridge.cosine.high
    assert ridge.collinearity > 5.0
    assert ridge.sentence == "one and two act alike"


def test_the_cosine_of_known_directions_is_covered_by_its_interval() -> None:
    slopes = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 0.0], [0.0, 0.0]])  # (f, o): cosine 0.6 under equal noise
    from sim2real.sensitivity.ridges import cosine_intervals

    covered = 0
    for world in range(100):
        rng = np.random.default_rng(world)
        measured = slopes[None, :2] + rng.normal(size=(60, 2, 2))
        _, low, high = cosine_intervals(measured, math.sqrt(2.0) * rng.normal(size=(60, 2)))
        covered += bool(low[0, 1] <= 0.6 <= high[0, 1])
    assert covered >= 87  # 95 expected; fewer than 87 with probability 0.001


# -- What trials will tell ---------------------------------------------------------------------------------------


def test_one_outcome_narrows_one_parameter_as_the_closed_form_says() -> None:
    # y = 2 x + N(0, 0.5): after n trials the precision of x is 12 + n 2^2 / 0.5^2
    for trials in (1, 15, 100):
        assert left_after(np.array([[16.0]]), trials) == pytest.approx([math.sqrt(12.0 / (12.0 + 16.0 * trials))])
    np.testing.assert_allclose(left_after(np.diag([16.0, 0.0]), 10), [math.sqrt(12.0 / 172.0), 1.0])


def test_two_parameters_on_a_ridge_stay_wide_however_many_trials() -> None:
    same = 1e4 * np.ones((2, 2))
    np.testing.assert_allclose(left_after(same, 1000), math.sqrt(0.5), atol=1e-3)  # their sum is known, no more


def test_what_trials_leave_is_estimated_from_a_screening_within_its_interval() -> None:
    slopes = np.array([[1.0, 0.0], [0.5, 1.0], [0.0, 0.0], [0.0, 0.0]])
    noise = np.array([0.5, 0.8])
    exact = np.linalg.inv(15.0 * slopes[:2] @ np.diag(1.0 / (noise**2 + 0.01)) @ slopes[:2].T + 12.0 * np.eye(2))
    expected = np.sqrt(12.0 * np.diag(exact))
    covered = 0
    for world in range(40):
        rng = np.random.default_rng(world)
        design = morris_design(NAMES, 150, seed=world)
        indices = analyze(design, design.points @ slopes + with_streams(design, noise, rng), bound=math.inf)
        value, low, high = expected_left(indices, [0, 1], 15)
        assert value[2] == 1.0
        assert value[:2] == pytest.approx(expected, abs=0.15)
        covered += int(((low[:2] <= expected) & (expected <= high[:2])).sum())
    assert covered >= 66  # of 80; 76 expected


# -- What is refused ---------------------------------------------------------------------------------------------


def test_too_few_blocks_and_odd_numbers_of_samples_are_refused() -> None:
    with pytest.raises(OptionError, match="`trajectories >= 10` must hold"):
        morris_design(NAMES, 9, seed=0)
    with pytest.raises(OptionError, match="a power of two of samples"):
        sobol_design(NAMES, 100, seed=0)
    with pytest.raises(OptionError, match="no parameter to screen"):
        morris_design((), 20, seed=0)


def test_outcomes_of_another_design_are_refused() -> None:
    with pytest.raises(ValueError, match="Outcomes must be of shape"):
        analyze(morris_design(NAMES, 10, seed=0), np.zeros((10, 4, 1)))
