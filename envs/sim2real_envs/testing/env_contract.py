"""What every environment promises, whoever made it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from itertools import combinations

import numpy as np
from gymnasium.utils.env_checker import check_env

from sim2real_envs.errors import ActionError, ClosedError, OptionError, ParameterError, StateError, UnknownNameError
from sim2real_envs.tasks.base import FAILURE_MODES
from sim2real_envs.testing.probes import (
    SEED,
    EnvCase,
    arrays,
    assert_raises,
    corner,
    digest,
    flat,
    goal_of,
    nan_action,
    trajectory,
    zero_action,
)

_MOST_STEPS = 1000  # of an episode that has to end by itself


class EnvContract(EnvCase):
    """What every environment promises; inherit it in a test module and give ``env_id``."""

    def test_gymnasiums_checker_has_nothing_to_say(self) -> None:
        env = self.make_env()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(env.unwrapped, skip_render_check=True)

    def test_the_same_seed_and_domain_give_the_same_bits_after_other_episodes(self) -> None:
        env = self.make_env()
        first = trajectory(env, SEED, {})
        for seed, position in ((1, 1.0), (2, 0.0), (3, 0.5)):
            trajectory(env, seed, corner(env, position))
        assert trajectory(env, SEED, {}) == first
        assert trajectory(env, SEED, corner(env, 0.7)) != first
        env.close()

    def test_the_same_seed_and_domain_give_the_same_bits_in_a_new_env(self) -> None:
        old, new = self.make_env(), self.make_env()
        domain = corner(old, 0.7)
        trajectory(old, 1, {})
        assert trajectory(old, SEED, domain) == trajectory(new, SEED, domain)
        old.close()
        new.close()

    def test_the_same_seed_and_domain_give_the_same_bits_in_another_process(self) -> None:
        code = (
            "import json, sys; from sim2real_envs import make; from sim2real_envs import testing\n"
            "name, options = sys.argv[1], json.loads(sys.argv[2])\n"
            "print(testing.digest(make(name, **options)))"
        )
        command = [sys.executable, "-c", code, self.env_id, json.dumps(dict(self.env_options))]
        child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert child.returncode == 0, child.stderr
        env = self.make_env()
        assert child.stdout.split()[-1] == digest(env)
        env.close()

    def test_other_seeds_give_other_episodes(self) -> None:
        env = self.make_env()
        assert trajectory(env, 1, {}) != trajectory(env, 2, {})
        env.close()

    def test_more_randomized_parameters_do_not_move_thegoal_of(self) -> None:
        env = self.make_env()
        goal = goal_of(env, {})
        moved = [
            name for name, p in env.unwrapped.parameter_space.items() if (goal_of(env, {name: p.high}) != goal).any()
        ]
        assert not moved, f"Randomizing these moves the goal: {', '.join(moved)}."
        assert (goal_of(env, corner(env, 0.7)) == goal).all()
        env.close()

    def test_info_says_how_an_episode_went(self) -> None:
        env = self.make_env()
        space = env.unwrapped.parameter_space
        _, info = env.reset(seed=SEED)
        assert info["domain"] == space.nominal()
        env.action_space.seed(SEED)
        ended = False
        for _ in range(_MOST_STEPS):
            _, _, terminated, truncated, info = env.step(env.action_space.sample())
            ended = terminated or truncated
            assert tuple(info["domain"]) == space.names
            assert isinstance(info["is_success"], bool)
            assert info["failure_mode"] in FAILURE_MODES
            assert ("outcome" in info) == ended
            if ended:
                break
        assert ended, f"An episode must end by itself, but this one runs on after {_MOST_STEPS} steps."
        assert info["is_success"] == (info["failure_mode"] == "none")
        assert tuple(info["outcome"]) == tuple(outcome.name for outcome in env.unwrapped.outcomes)
        assert np.isfinite(list(info["outcome"].values())).all()
        env.close()

    def test_a_finished_episode_needs_a_reset(self) -> None:
        env = self.make_env()
        env.reset(seed=SEED)
        env.step(nan_action(env))
        assert_raises(ActionError, lambda: env.step(zero_action(env)))
        env.close()

    def test_returned_data_are_not_written_to_again(self) -> None:
        env = self.make_env()
        observation, info = env.reset(seed=SEED)
        rows, kept = arrays(observation), [array.copy() for array in arrays(observation)]
        info["domain"].clear()
        for _ in range(3):
            observation, _, _, _, info = env.step(zero_action(env) + 0.5)
            assert len(info["domain"]) == len(env.unwrapped.parameter_space)
            info["domain"].clear()
            rows += arrays(observation)
            kept += [array.copy() for array in arrays(observation)]
        assert all((row == copy).all() for row, copy in zip(rows, kept, strict=True))
        assert not any(np.shares_memory(before, after) for before, after in combinations(rows, 2))
        for array in arrays(observation):
            array.fill(123)
        spoilt, *_ = env.step(nan_action(env))  # the last observation again
        assert (flat(spoilt) == np.concatenate([np.ravel(copy) for copy in kept[-len(arrays(spoilt)) :]])).all()
        env.close()

    def test_actions_beyond_one_are_clipped_and_left_as_they_were(self) -> None:
        env = self.make_env()
        wide, full = zero_action(env) + 3.0, zero_action(env) + 1.0
        env.reset(seed=SEED)
        first = env.step(wide)[0]
        env.reset(seed=SEED)
        assert (flat(env.step(full)[0]) == flat(first)).all()
        assert (wide == 3.0).all()
        env.close()

    def test_nan_ends_an_episode_as_diverged_with_nan_outcomes(self) -> None:
        env = self.make_env()
        env.reset(seed=SEED)
        observation, reward, terminated, truncated, info = env.step(nan_action(env))
        assert np.isfinite(flat(observation)).all()
        assert math.isfinite(reward)
        assert (terminated, truncated) == (True, False)
        assert (info["is_success"], info["failure_mode"]) == (False, "diverged")
        assert tuple(info["outcome"]) == tuple(outcome.name for outcome in env.unwrapped.outcomes)
        assert all(math.isnan(value) for value in info["outcome"].values())
        before = trajectory(self.make_env(), SEED, {})
        assert trajectory(env, SEED, {}) == before
        env.close()

    def test_actions_of_a_wrong_shape_or_kind_are_refused(self) -> None:
        env = self.make_env()
        env.reset(seed=SEED)
        size = env.action_space.shape[0]
        for wrong in (np.zeros(size + 1), np.zeros((1, size)), 0.0, "left", None, ["a"] * size):
            assert_raises(ActionError, lambda wrong=wrong: env.step(wrong))  # type: ignore[misc]
        env.step(zero_action(env))
        env.close()

    def test_reset_options_that_cannot_be_are_refused(self) -> None:
        env = self.make_env()
        for wrong, error in (
            ({"domian": {}}, UnknownNameError),
            ({"domain": 3}, OptionError),
            ({"domain": {"object.frcition": 1.0}}, UnknownNameError),
            ({"domain": {3: 1.0}}, UnknownNameError),
            ({"start": 3}, OptionError),
            ({"start": {"cube": np.zeros(3)}}, StateError),
            ({"start": {"joint.position": np.zeros(99)}}, StateError),
            ({"start": {"goal": np.full(3, np.nan)}}, StateError),
        ):
            assert_raises(error, lambda wrong=wrong: env.reset(seed=SEED, options=wrong))  # type: ignore[misc]
        env.close()

    def test_values_beyond_their_limits_are_refused(self) -> None:
        env = self.make_env()
        for name, parameter in env.unwrapped.parameter_space.items():
            lower, upper = parameter.limits
            for value in (math.nextafter(lower, -math.inf), math.nextafter(upper, math.inf), math.nan, "much", None):
                domain = {name: value}
                assert_raises(ParameterError, lambda domain=domain: env.reset(options={"domain": domain}))  # type: ignore[misc]
        env.close()

    def test_close_may_be_called_twice_and_nothing_else_afterwards(self) -> None:
        env = self.make_env()
        env.reset(seed=SEED)
        env.close()
        env.close()
        inner = env.unwrapped
        for call in (
            inner.reset,
            lambda: inner.step(zero_action(env)),
            inner.render,
            inner.state,
            inner.world_state,
            inner.applied_domain,
        ):
            assert_raises(ClosedError, call)
