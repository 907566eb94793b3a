"""What holds for every probability law: densities integrate to one, entropy and relative entropy are expectations."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.distributions import (
    Beta,
    Categorical,
    Distribution,
    Gaussian,
    Independent,
    LogUniform,
    TruncatedNormal,
    Uniform,
)
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array

COUNT = 3000
Make = Callable[[np.random.Generator, int], Any]


def interval(rng: np.random.Generator, size: int) -> tuple[Array, Array]:
    low = rng.uniform(0.1, 2.0, size)
    return low, low + rng.uniform(0.05, 5.0, size)


def categorical(rng: np.random.Generator, size: int) -> Categorical:
    points = np.arange(5.0 * size).reshape(5, size)
    return Categorical(points, rng.dirichlet(np.ones(5)))


def gaussian(rng: np.random.Generator, size: int) -> Gaussian:
    root = np.tril(rng.normal(0.0, 0.3, (size, size)), -1) + np.diag(rng.uniform(0.2, 1.1, size))
    return Gaussian(rng.normal(0.0, 0.7, size), root)


LAWS: dict[str, Make] = {
    "beta": lambda rng, size: Beta(rng.uniform(0.8, 30.0, size), rng.uniform(0.8, 30.0, size)),
    "categorical": categorical,
    "gaussian": gaussian,
    "log_uniform": lambda rng, size: LogUniform(*interval(rng, size)),
    "truncated_normal": lambda rng, size: TruncatedNormal(rng.random(size), rng.uniform(0.05, 0.5, size)),
    "uniform": lambda rng, size: Uniform(*interval(rng, size)),
}
every_law = pytest.mark.parametrize("make", LAWS.values(), ids=LAWS)
seeds, sizes = st.integers(0, 2**32 - 1), st.integers(1, 4)


def close(terms: Array, expected: float) -> bool:
    """Whether ``expected`` is the mean of what ``terms`` are draws of, to six standard errors."""
    error = 6.0 * terms.std() / math.sqrt(len(terms)) + 1e-9 * (1.0 + abs(expected))
    return bool(abs(terms.mean() - expected) <= error)


@every_law
@given(seed=seeds, size=sizes)
@settings(max_examples=12, deadline=None)
def test_entropy_and_relative_entropy_are_means_over_draws(make: Make, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    law, other = make(rng, size), make(rng, size)
    points = law.sample(rng, COUNT)
    log_prob = law.log_prob(points)
    assert points.shape == (COUNT, size)
    assert log_prob.shape == (COUNT,)
    assert close(-log_prob, law.entropy())
    apart = law.kl(other)
    if math.isfinite(apart):
        assert apart >= 0.0
        assert close(log_prob - other.log_prob(points), apart)
    else:
        assert isinstance(law, Uniform | LogUniform)
        assert (other.low > law.low).any() or (other.high < law.high).any()


@every_law
@given(seed=seeds, size=sizes)
@settings(max_examples=15, deadline=None)
def test_a_law_is_no_distance_from_itself_and_some_from_all_others(make: Make, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    law, other = make(rng, size), make(rng, size)
    again = pickle.loads(pickle.dumps(law))
    assert law == again
    assert hash(law) == hash(again)
    assert law.kl(again) == pytest.approx(0.0, abs=1e-9)
    assert law != other
    assert law.kl(other) > 1e-9


@every_law
@given(seed=seeds, share=st.floats(0.001, 0.999))
@settings(max_examples=12, deadline=None)
def test_the_density_of_one_coordinate_integrates_to_one(make: Make, seed: int, share: float) -> None:
    law = make(np.random.default_rng(seed), 1)
    if isinstance(law, Categorical):
        assert np.exp(law.log_prob(law.points)).sum() == pytest.approx(1.0)
        return
    if isinstance(law, Gaussian):
        z = np.linspace(-5.9, 5.9, 20_001)
        u, width = 0.5 * (1.0 + np.vectorize(math.erf)(z / math.sqrt(2.0))), z[1] - z[0]
        density = np.exp(law.log_prob(u[:, None]) - 0.5 * z**2) / math.sqrt(2.0 * math.pi)
        assert density.sum() * width == pytest.approx(1.0, abs=1e-4)
        return
    ends = law.quantile(np.array([[0.0005], [0.0005 + 0.999 * share]]))[:, 0]  # clear of poles at the walls
    edges = np.linspace(float(ends[0]), float(ends[1]), 4001)
    middles = 0.5 * (edges[1:] + edges[:-1])
    mass = (np.exp(law.log_prob(middles[:, None])) * np.diff(edges)).sum()
    assert mass == pytest.approx(0.999 * share, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("make", [make for name, make in LAWS.items() if name not in ("gaussian", "categorical")])
@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_the_share_of_draws_below_each_quantile_is_its_probability(make: Make, seed: int) -> None:
    rng = np.random.default_rng(seed)
    law = make(rng, 2)
    assert isinstance(law, Independent)
    probability = np.linspace(0.05, 0.95, 10)[:, None]
    below = (law.sample(rng, COUNT)[:, None, :] <= law.quantile(probability)).mean(axis=0)  # (10, 2)
    assert (np.abs(below - probability) <= 5.0 * np.sqrt(probability * (1.0 - probability) / COUNT)).all()


@every_law
def test_the_same_stream_gives_the_same_draws_and_arrays_are_read_only(make: Make) -> None:
    law: Distribution = make(np.random.default_rng(0), 3)
    first, second = (law.sample(np.random.default_rng(1), 20) for _ in range(2))
    assert (first == second).all()
    assert not any(array.flags.writeable for array in vars(law).values())


@every_law
def test_what_is_outside_of_the_support_has_no_density(make: Make) -> None:
    law: Distribution = make(np.random.default_rng(0), 2)
    outside = np.array([[-1.0, 0.5], [100.5, 0.5]])
    assert (law.log_prob(outside) == -np.inf).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(np.array([1.0]), np.array([1.0])), "`low < high` must hold"),
        (lambda: LogUniform(np.array([0.0]), np.array([1.0])), "`0 < low < high` must hold"),
        (lambda: Beta(np.array([0.0]), np.array([1.0])), "`a > 0` and `b > 0` must hold"),
        (lambda: TruncatedNormal(np.array([1.2]), np.array([1.0])), "`0 <= location <= 1` and `scale > 0`"),
        (lambda: Gaussian(np.zeros(2), np.ones((2, 2))), "lower triangular"),
        (lambda: Categorical(np.zeros((2, 1)), np.array([0.5, 0.5])), "No two points may be alike"),
        (lambda: Categorical(np.arange(2.0)[:, None], np.array([0.5, 0.6])), "must add up to 1"),
    ],
)
def test_what_is_no_law_is_refused(make: Callable[[], Distribution], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
