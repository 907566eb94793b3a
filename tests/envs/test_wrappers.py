"""Randomization at reset, histories and the privileged domain, for single environments."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation

import sim2real_envs
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.wrappers import ActionHistory, ObservationHistory, PrivilegedDomain, RandomizeOnReset
from tests.support.senses import DotEnv


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


def test_a_preset_names_the_parameters_that_are_drawn_and_shown() -> None:
    env = PrivilegedDomain(RandomizeOnReset(sim2real_envs.make("PandaPush-v0"), "object"), "object")
    space = env.unwrapped.parameter_space  # type: ignore[attr-defined]
    names, nominal = space.preset("object").names, space.nominal()
    seen, info = env.reset(seed=0)
    assert {name for name in nominal if info["domain"][name] != nominal[name]} <= set(names)
    assert info["domain"]["object.mass"] != nominal["object.mass"]
    assert seen["domain"].shape == (len(names),)
    assert ((seen["domain"] > -1e-6) & (seen["domain"] < 1.0 + 1e-6)).all()
    env.close()
    with pytest.raises(UnknownNameError, match=r"'objects' is not a preset.* Did you mean 'object'"):
        RandomizeOnReset(env, "objects")


def test_an_environment_without_parameters_needs_a_sampler() -> None:
    with pytest.raises(OptionError, match="parameter_space"):
        RandomizeOnReset(gymnasium.make("CartPole-v1"))


def test_a_history_joins_the_last_observations_oldest_first() -> None:
    env, alone = ObservationHistory(DotEnv("pixels"), 3), DotEnv("pixels")
    seen = [alone.reset(seed=1)[0]] * 3
    got, _ = env.reset(seed=1)
    for action in np.random.default_rng(0).uniform(-1, 1, (4, 2)).astype(np.float32):
        np.testing.assert_array_equal(got, np.concatenate(seen[-3:], axis=-1))
        assert env.observation_space.contains(got)
        got, *_ = env.step(action)
        seen.append(alone.step(action)[0])
    assert env.observation_space.shape == (40, 40, 9)
    np.testing.assert_array_equal(env.reset(seed=1)[0], np.concatenate([seen[0]] * 3, axis=-1))  # nothing is left over


def test_past_actions_stand_behind_the_numbers_oldest_first() -> None:
    env = ActionHistory(FlattenObservation(DotEnv("goal")), 2)
    assert env.observation_space.shape == (6 + 4,)
    first, _ = env.reset(seed=0)
    np.testing.assert_array_equal(first[6:], np.zeros(4))
    env.step(np.array([0.5, -0.25]))
    seen, *_ = env.step(np.array([2.0, 0.75]))  # kept as it acts: clipped
    np.testing.assert_array_equal(seen[6:], np.array([0.5, -0.25, 1.0, 0.75]))
    assert env.observation_space.contains(seen)
    seen, *_ = env.step(np.array([np.nan, 0.0]))
    np.testing.assert_array_equal(seen[6:], np.array([0.5, -0.25, 1.0, 0.75]))
    np.testing.assert_array_equal(env.reset()[0][6:], np.zeros(4))


def test_past_actions_equal_the_option_of_the_environment() -> None:
    env = ActionHistory(sim2real_envs.make("PandaPush-v0"), 2)
    same = sim2real_envs.make("PandaPush-v0", past_actions=2)
    np.testing.assert_array_equal(env.reset(seed=4)[0], same.reset(seed=4)[0])
    for action in np.random.default_rng(0).uniform(-1.5, 1.5, (5, 2)).astype(np.float32):
        np.testing.assert_array_equal(env.step(action)[0], same.step(action)[0])
    assert env.observation_space.shape == same.observation_space.shape
    env.close()
    same.close()


@pytest.mark.parametrize(("sees", "key"), [("goal", "observation"), ("senses", "proprioception")])
def test_in_a_dict_the_numbers_of_the_body_are_meant_and_the_rest_stays(sees: str, key: str) -> None:
    env = ActionHistory(ObservationHistory(DotEnv(sees), 2), 3)
    plain, _ = DotEnv(sees).reset(seed=0)
    seen, _ = env.reset(seed=0)
    assert seen[key].shape == (2 * 2 + 3 * 2,)
    assert env.observation_space.contains(seen)
    assert all((seen[other] == plain[other]).all() for other in plain if other != key)
    touch = ObservationHistory(DotEnv("senses"), 2, key="touch")
    assert touch.reset(seed=0)[0]["touch"].shape == (2, 6)


def test_histories_refuse_what_they_cannot_remember() -> None:
    with pytest.raises(OptionError, match="`n >= 1` must hold"):
        ObservationHistory(DotEnv("pixels"), 0)
    with pytest.raises(OptionError, match="flat observation"):
        ActionHistory(DotEnv("pixels"), 1)
    with pytest.raises(OptionError, match="Only actions in a Box"):
        ActionHistory(gymnasium.make("CartPole-v1"), 1)
    with pytest.raises(OptionError, match="at least one axis"):
        ObservationHistory(gymnasium.make("FrozenLake-v1"), 1)
    with pytest.raises(OptionError, match="`key` is for observations in a Dict"):
        ObservationHistory(DotEnv("pixels"), 1, key="rgb")
    with pytest.raises(UnknownNameError, match="Did you mean 'depth'"):
        ObservationHistory(DotEnv("senses"), 1, key="dept")


def test_a_critic_sees_the_domain_in_force_in_the_unit_cube() -> None:
    names = ("object.friction", "actuator.delay")
    env = PrivilegedDomain(sim2real_envs.make("PandaPush-v0"), names)
    space = env.unwrapped.parameter_space.subset(names)  # type: ignore[attr-defined]
    given = {"object.friction": 0.5, "actuator.delay": 0.0151}
    seen, _ = env.reset(seed=0, options={"domain": given})
    applied = env.unwrapped.applied_domain()  # type: ignore[attr-defined]
    expected = space.to_unit([applied[name] for name in names])
    np.testing.assert_array_equal(seen["domain"], expected.astype(np.float32))
    assert abs(expected[0] - space.to_unit([0.5, 0.0])[0]) < 1e-6
    stepped, *_ = env.step(np.zeros(2, np.float32))
    np.testing.assert_array_equal(stepped["domain"], seen["domain"])
    assert env.observation_space.contains(stepped)
    plain = sim2real_envs.make("PandaPush-v0")
    np.testing.assert_array_equal(plain.reset(seed=0, options={"domain": given})[0], seen["observation"])
    env.close()
    plain.close()


def test_a_critic_sees_the_domain_in_the_ranges_of_a_space_that_it_is_given() -> None:
    env = sim2real_envs.make("PandaPush-v0")
    space = env.unwrapped.parameter_space.subset(["object.friction"])  # type: ignore[attr-defined]
    shown = PrivilegedDomain(env, space.with_ranges({"object.friction": (0.2, 0.6)}))
    seen, _ = shown.reset(seed=0, options={"domain": {"object.friction": 0.3}})
    np.testing.assert_allclose(seen["domain"], [0.25], atol=1e-6)
    env.close()
    elsewhere = sim2real_envs.make("PandaReach-v0")
    with pytest.raises(UnknownNameError, match=r"object\.friction"):
        PrivilegedDomain(elsewhere, space)
    elsewhere.close()


def test_a_dict_keeps_its_keys_beside_the_domain() -> None:
    env = PrivilegedDomain(RandomizeOnReset(DotEnv("goal")))
    seen, info = env.reset(seed=0)
    assert set(seen) == {"observation", "achieved_goal", "desired_goal", "domain"}
    low, high = 0.05, 0.2
    assert seen["domain"][0] == np.float32((info["domain"]["dot.speed"] - low) / (high - low))
    with pytest.raises(OptionError, match="has a key 'domain' already"):
        PrivilegedDomain(env)
    with pytest.raises(OptionError, match="no parameter_space"):
        PrivilegedDomain(gymnasium.make("CartPole-v1"))


def test_wrappers_pass_gymnasiums_checks() -> None:
    env = PrivilegedDomain(ActionHistory(ObservationHistory(RandomizeOnReset(DotEnv("goal")), 2), 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is different from the unwrapped version")
        warnings.filterwarnings("ignore", message=".*Box observation space (maximum|minimum) value is")
        check_env(env, skip_render_check=True)
