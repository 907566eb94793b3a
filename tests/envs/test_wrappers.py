"""Randomization at reset, for single environments."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.errors import OptionError
from sim2real_envs.wrappers import RandomizeOnReset


def test_every_reset_draws_another_domain_and_one_seed_decides_them_all() -> None:
    env = RandomizeOnReset(sim2real_envs.make("PandaPush-v0"))
    runs = []
    for _ in range(2):
        domains = [env.reset(seed=7)[1]["domain"], env.reset()[1]["domain"]]
        runs.append(domains)
    env.close()
    assert runs[0] == runs[1]
    assert runs[0][0]["object.friction"] != runs[0][1]["object.friction"]


def test_a_sampler_moves_only_what_it_names_and_never_the_start() -> None:
    plain = sim2real_envs.make("PandaPush-v0")
    wrapped = RandomizeOnReset(
        sim2real_envs.make("PandaPush-v0"), lambda rng: {"object.mass": float(rng.uniform(0.1, 0.4))}
    )
    expected, _ = plain.reset(seed=3)
    got, info = wrapped.reset(seed=3)
    np.testing.assert_array_equal(got, expected)
    nominal = plain.unwrapped.parameter_space.nominal()  # type: ignore[attr-defined]
    assert {name for name in nominal if info["domain"][name] != nominal[name]} == {"object.mass"}
    _, info = wrapped.reset(seed=3, options={"domain": {"object.mass": 0.3}})
    assert info["domain"]["object.mass"] == 0.3
    plain.close()
    wrapped.close()


def test_an_environment_without_parameters_needs_a_sampler() -> None:
    with pytest.raises(OptionError, match="parameter_space"):
        RandomizeOnReset(gymnasium.make("CartPole-v1"))
