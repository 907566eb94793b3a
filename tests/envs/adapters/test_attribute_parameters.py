"""Attributes of anybody's environment as parameters, on Gymnasium's classic control."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from sim2real_envs.adapters import AttributeParameters, silent_parameters
from sim2real_envs.errors import OptionError, ParameterError, StateError, UnknownNameError
from sim2real_envs.wrappers import RandomizedEnv
from tests.support.foreign_worlds import CARTPOLE, make_cartpole, make_pendulum


def rollout(env: gymnasium.Env[Any, Any], domain: dict[str, float] | None, steps: int = 12) -> Any:
    env.action_space.seed(0)
    env.reset(seed=0, options=None if domain is None else {"domain": domain})
    return np.array([env.step(env.action_space.sample())[0] for _ in range(steps)])


@pytest.mark.parametrize("make", [make_pendulum, make_cartpole])
def test_every_parameter_is_read_back_and_moves_something(make: Any) -> None:
    env, plain = make(), make().unwrapped
    np.testing.assert_array_equal(rollout(env, {}), rollout(plain, None))
    assert silent_parameters(env) == ()
    for name, parameter in env.parameter_space.items():
        env.reset(options={"domain": {name: parameter.high}})
        assert env.applied_domain() == env.parameter_space.complete({name: parameter.high})
    np.testing.assert_array_equal(rollout(env, {}), rollout(plain, None))


def test_twice_equals_once() -> None:
    env, other = make_cartpole(), make_cartpole()
    domain = {"pole.mass": 0.14, "cart.mass": 0.6}
    for _ in range(3):
        often = rollout(env, domain)
    np.testing.assert_array_equal(often, rollout(other, domain))


def test_what_is_derived_from_an_attribute_follows_it() -> None:
    env = make_cartpole()
    env.reset(options={"domain": {"pole.mass": 0.15, "cart.mass": 1.2, "pole.length": 0.4}})
    base: Any = env.unwrapped
    assert base.total_mass == 0.15 + 1.2
    assert base.polemass_length == 0.15 * 0.4
    stale = AttributeParameters({"pole.mass": "masspole"})
    with pytest.warns(UserWarning, match="will not follow") as caught:
        RandomizedEnv(gymnasium.make("CartPole-v1"), stale)
    text = " ".join(str(each.message) for each in caught)
    assert "'total_mass' equals masspole + masscart, and will not follow 'masspole'" in text
    assert "derived={'polemass_length': lambda env: env.masspole * env.length}" in text


def test_mistakes_are_told() -> None:
    for mapping, kind, message in (
        ({"p": "maspole"}, UnknownNameError, "Did you mean 'masspole'"),
        ({"p": "kinematics_integrator"}, OptionError, "must be one number, but is 'euler'"),
        ({"p": "gravity.z"}, UnknownNameError, "'z' is not an attribute of float"),
        ({"p": "gravity", "q": "gravity"}, OptionError, "one parameter only"),
    ):
        with pytest.raises(kind, match=message):
            AttributeParameters(mapping).bind(gymnasium.make("CartPole-v1"))
    with pytest.raises(UnknownNameError, match="Did you mean 'gravity'"):
        AttributeParameters({"gravity": "gravity"}, {"gravty": (1.0, 2.0)})
    with pytest.raises(ParameterError, match="low <= high"):
        AttributeParameters({"g": "gravity"}, {"g": (2.0, 1.0)}).bind(gymnasium.make("CartPole-v1"))
    with pytest.raises(ParameterError, match=r"must be \(low, high\)"):
        AttributeParameters({"g": "gravity"}, {"g": 2.0}).bind(gymnasium.make("CartPole-v1"))  # type: ignore[dict-item]


def test_a_number_that_is_set_anew_at_every_reset_is_found_out() -> None:
    class Own(gymnasium.Wrapper[Any, Any, Any, Any]):
        def reset(self, **options: Any) -> Any:
            self.unwrapped.gravity = 9.8  # type: ignore[attr-defined]
            return super().reset(**options)

    env = RandomizedEnv(Own(gymnasium.make("CartPole-v1")), AttributeParameters({"g": "gravity"}))
    with pytest.raises(StateError, match=r"'g' was set to 9, but after the reset 9\.8 acts"):
        env.reset(options={"domain": {"g": 9.0}})


def test_what_nothing_reads_is_silent() -> None:
    env = RandomizedEnv(gymnasium.make("Pendulum-v1"), AttributeParameters({"m": "m", "dim": "screen_dim"}))
    assert silent_parameters(env) == ("dim",)


def test_a_domain_is_assigned_for_the_episodes_to_come() -> None:
    env = RandomizedEnv(gymnasium.make("CartPole-v1"), CARTPOLE)
    _, info = env.reset(seed=0)
    assert (info["domain_ticket"], info["domain"]["pole.mass"]) == (-1, 0.1)
    env.assign_domain({"pole.mass": 0.12}, 7)
    *_, info = env.step(0)
    assert (info["domain_ticket"], info["domain"]["pole.mass"], info["domain_return"]) == (-1, 0.1, 1.0)
    for _ in range(2):  # wrappers that reset twice, as for no-ops at the start, keep the domain
        _, info = env.reset()
        assert (info["domain_ticket"], info["domain"]["pole.mass"], info["domain_return"]) == (7, 0.12, 0.0)
    _, info = env.reset(options={"domain": {"pole.mass": 0.08}})
    assert (info["domain_ticket"], info["domain"]["pole.mass"]) == (-1, 0.08)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'pole\.mass'"):
        env.assign_domain({"pole.mas": 0.12})
    with pytest.raises(OptionError, match="has no parameter_space"):
        RandomizedEnv(gymnasium.make("CartPole-v1"))


def test_our_own_environments_need_no_adapter() -> None:
    import sim2real_envs

    env = RandomizedEnv(sim2real_envs.make("PandaReach-v0"))
    env.assign_domain({"actuator.delay": 0.04}, 3)
    _, info = env.reset(seed=0)
    assert (info["domain"]["actuator.delay"], info["domain_ticket"]) == (0.04, 3)
    env.close()
