"""Weights within a bound on the relative entropy, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr

from sim2real.randomizers.relative_entropy import divergence, dual, entropy_weights
from sim2real_envs.parameters import Array

worlds = st.tuples(st.integers(0, 2**31 - 1), st.integers(3, 60), st.floats(0.05, 2.0), st.floats(-6.0, 6.0))


def drawn(seed: int, count: int, magnitude: float = 0.0) -> tuple[Array, Array]:
    """Return costs and base weights."""
    rng = np.random.default_rng(seed)
    return 10.0**magnitude * rng.gamma(2.0, size=count), rng.dirichlet(np.full(count, 2.0))


@pytest.mark.parametrize("bound", [0.1, 0.5, 1.0, 2.0])
def test_the_temperature_minimizes_the_dual_on_a_fine_grid(bound: float) -> None:
    cost, base = drawn(3, 25)
    _, eta = entropy_weights(cost, base, bound)
    log_base = np.log(base)
    grid = np.geomspace(1e-4, 1e3, 20_001)
    values = np.array([dual(each, cost, log_base, bound) for each in grid])
    best = int(values.argmin())
    assert dual(eta, cost, log_base, bound) <= values[best] + 1e-12
    assert grid[best - 1] <= eta <= grid[best + 1]


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_weights_stay_within_the_bound_and_lower_the_cost(world: tuple[int, int, float, float]) -> None:
    seed, count, bound, magnitude = world
    cost, base = drawn(seed, count, magnitude)
    weight, eta = entropy_weights(cost, base, bound)
    assert weight.sum() == pytest.approx(1.0)
    assert eta > 0.0
    assert divergence(weight, base) == pytest.approx(float(rel_entr(weight, base).sum()))
    assert divergence(weight, base) <= bound + 1e-5
    assert weight @ cost <= base @ cost + 1e-9 * cost.max()


@settings(max_examples=40, deadline=None)
@given(worlds)
def test_the_bound_binds_wherever_one_point_alone_would_break_it(world: tuple[int, int, float, float]) -> None:
    seed, count, bound, magnitude = world
    cost, base = drawn(seed, count, magnitude)
    weight, _ = entropy_weights(cost, base, bound)
    if -np.log(base[np.argmin(cost)]) > bound + 0.05:
        assert divergence(weight, base) == pytest.approx(bound, abs=1e-4)
    else:
        assert weight[np.argmin(cost)] > 0.9


def test_no_other_weights_within_the_bound_cost_less() -> None:
    cost, base = drawn(5, 6)
    weight, _ = entropy_weights(cost, base, 0.3)
    others = np.random.default_rng(0).dirichlet(np.full(6, 1.0), size=200_000)
    allowed = others[rel_entr(others, base).sum(axis=1) <= 0.3]
    assert len(allowed) > 1000
    assert (allowed @ cost >= weight @ cost - 1e-6).all()


def test_costs_that_are_all_alike_choose_nothing() -> None:
    base = np.full(5, 0.2)
    weight, eta = entropy_weights(np.full(5, 3.0), base, 1.0)
    assert (weight == base).all()
    assert eta == np.inf


def test_a_scale_and_an_offset_of_the_costs_change_no_weight() -> None:
    cost, base = drawn(8, 20)
    one, other = (entropy_weights(each, base, 0.7)[0] for each in (cost, 1e4 * cost + 7.0))
    assert one == pytest.approx(other, abs=1e-7)
