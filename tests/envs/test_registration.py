"""Names become environments in every way that Gymnasium knows."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest

import sim2real_envs
from sim2real_envs.errors import UnknownNameError


@pytest.mark.parametrize("name", sim2real_envs.ENV_IDS)
@pytest.mark.parametrize("form", ["{}", "sim2real/{}", "sim2real_envs:sim2real/{}"])
def test_every_form_of_a_name_makes_the_environment(name: str, form: str) -> None:
    env = sim2real_envs.make(form.format(name), horizon=7)
    inner: Any = env.unwrapped
    assert env.spec is not None
    assert env.spec.id == f"sim2real/{name}"
    assert inner.horizon == 7
    env.close()


def test_gymnasium_makes_it_by_its_full_name() -> None:
    env: Any = gymnasium.make("sim2real_envs:sim2real/PandaReach-v0", past_actions=1)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    env.close()


def test_importing_registers_and_repeating_it_is_harmless() -> None:
    registered = {name: gymnasium.registry[f"sim2real/{name}"] for name in sim2real_envs.ENV_IDS}
    sim2real_envs.register_all()
    assert all(gymnasium.registry[f"sim2real/{name}"] is spec for name, spec in registered.items())


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"'PandaPusch-v0' is not an environment. Did you mean 'PandaPush-v0'\?"):
        sim2real_envs.make("PandaPusch-v0")


def test_a_name_with_a_colon_or_slash_is_gymnasiums_own() -> None:
    assert sim2real_envs.full_id("CartPole-v1/x") == "CartPole-v1/x"
    assert sim2real_envs.full_id("PandaPush-v0") == "sim2real_envs:sim2real/PandaPush-v0"
    with pytest.raises(gymnasium.error.NamespaceNotFound):
        sim2real_envs.make("nobody/PandaPush-v0")
