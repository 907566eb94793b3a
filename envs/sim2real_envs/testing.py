"""Contract tests that anybody's environment can inherit.

An environment of your own is checked by a few lines in a test module::

    from sim2real_envs.testing import EnvContract, ParameterContract

    class TestMine(EnvContract):
        env_id = "my_package:mine/MyEnv-v0"

    class TestMyParameters(ParameterContract):
        env_id = "my_package:mine/MyEnv-v0"

Names that begin with ``test_`` are found by pytest, but nothing here needs it.
"""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from gymnasium.utils.env_checker import check_env

from sim2real_envs.errors import ActionError, ClosedError, OptionError, ParameterError, StateError, UnknownNameError
from sim2real_envs.parameters import Array, Domain, Parameter
from sim2real_envs.registration import make
from sim2real_envs.sensors import yaw_of
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import FAILURE_MODES

_MOST_STEPS = 1000  # of an episode that has to end by itself


class EnvCase:
    """The environment under test; name it by ``env_id`` and ``env_options``, which a second process can use too."""

    env_id: ClassVar[str]
    env_options: ClassVar[Mapping[str, Any]] = {}

    def make_env(self) -> Any:
        """Return a new environment; not in an episode yet."""
        return make(self.env_id, **self.env_options)


class EnvContract(EnvCase):
    """What every environment promises; inherit it in a test module and give ``env_id``."""

    def test_gymnasiums_checker_has_nothing_to_say(self) -> None:
        env = self.make_env()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(env.unwrapped, skip_render_check=True)

    def test_the_same_seed_and_domain_give_the_same_bits_after_other_episodes(self) -> None:
        env = self.make_env()
        first = trajectory(env, _SEED, {})
        for seed, position in ((1, 1.0), (2, 0.0), (3, 0.5)):
            trajectory(env, seed, _corner(env, position))
        assert trajectory(env, _SEED, {}) == first
        assert trajectory(env, _SEED, _corner(env, 0.7)) != first
        env.close()

    def test_the_same_seed_and_domain_give_the_same_bits_in_a_new_env(self) -> None:
        old, new = self.make_env(), self.make_env()
        domain = _corner(old, 0.7)
        trajectory(old, 1, {})
        assert trajectory(old, _SEED, domain) == trajectory(new, _SEED, domain)
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

    def test_more_randomized_parameters_do_not_move_the_goal(self) -> None:
        env = self.make_env()
        goal = _goal(env, {})
        moved = [
            name for name, p in env.unwrapped.parameter_space.items() if (_goal(env, {name: p.high}) != goal).any()
        ]
        assert not moved, f"Randomizing these moves the goal: {', '.join(moved)}."
        assert (_goal(env, _corner(env, 0.7)) == goal).all()
        env.close()

    def test_info_says_how_an_episode_went(self) -> None:
        env = self.make_env()
        space = env.unwrapped.parameter_space
        _, info = env.reset(seed=_SEED)
        assert info["domain"] == space.nominal()
        env.action_space.seed(_SEED)
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
        env.reset(seed=_SEED)
        env.step(_nan_action(env))
        _assert_raises(ActionError, lambda: env.step(_zero_action(env)))
        env.close()

    def test_returned_data_are_not_written_to_again(self) -> None:
        env = self.make_env()
        observation, info = env.reset(seed=_SEED)
        rows, kept = [observation], [observation.copy()]
        info["domain"].clear()
        for _ in range(3):
            observation, _, _, _, info = env.step(_zero_action(env) + 0.5)
            assert len(info["domain"]) == len(env.unwrapped.parameter_space)
            info["domain"].clear()
            rows.append(observation)
            kept.append(observation.copy())
        assert all((row == copy).all() for row, copy in zip(rows, kept, strict=True))
        assert not any(np.shares_memory(before, after) for before, after in pairwise(rows))
        rows[-1][:] = np.nan
        assert np.isfinite(env.step(_zero_action(env))[0]).all()
        env.close()

    def test_actions_beyond_one_are_clipped_and_left_as_they_were(self) -> None:
        env = self.make_env()
        wide, full = _zero_action(env) + 3.0, _zero_action(env) + 1.0
        env.reset(seed=_SEED)
        first = env.step(wide)[0]
        env.reset(seed=_SEED)
        assert (env.step(full)[0] == first).all()
        assert (wide == 3.0).all()
        env.close()

    def test_nan_ends_an_episode_as_diverged_with_nan_outcomes(self) -> None:
        env = self.make_env()
        env.reset(seed=_SEED)
        observation, reward, terminated, truncated, info = env.step(_nan_action(env))
        assert np.isfinite(observation).all()
        assert math.isfinite(reward)
        assert (terminated, truncated) == (True, False)
        assert (info["is_success"], info["failure_mode"]) == (False, "diverged")
        assert tuple(info["outcome"]) == tuple(outcome.name for outcome in env.unwrapped.outcomes)
        assert all(math.isnan(value) for value in info["outcome"].values())
        before = trajectory(self.make_env(), _SEED, {})
        assert trajectory(env, _SEED, {}) == before
        env.close()

    def test_actions_of_a_wrong_shape_or_kind_are_refused(self) -> None:
        env = self.make_env()
        env.reset(seed=_SEED)
        size = env.action_space.shape[0]
        for wrong in (np.zeros(size + 1), np.zeros((1, size)), 0.0, "left", None, ["a"] * size):
            _assert_raises(ActionError, lambda wrong=wrong: env.step(wrong))  # type: ignore[misc]
        env.step(_zero_action(env))
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
            _assert_raises(error, lambda wrong=wrong: env.reset(seed=_SEED, options=wrong))  # type: ignore[misc]
        env.close()

    def test_values_beyond_their_limits_are_refused(self) -> None:
        env = self.make_env()
        for name, parameter in env.unwrapped.parameter_space.items():
            lower, upper = parameter.limits
            for value in (math.nextafter(lower, -math.inf), math.nextafter(upper, math.inf), math.nan, "much", None):
                domain = {name: value}
                _assert_raises(ParameterError, lambda domain=domain: env.reset(options={"domain": domain}))  # type: ignore[misc]
        env.close()

    def test_close_may_be_called_twice_and_nothing_else_afterwards(self) -> None:
        env = self.make_env()
        env.reset(seed=_SEED)
        env.close()
        env.close()
        inner = env.unwrapped
        for call in (
            inner.reset,
            lambda: inner.step(_zero_action(env)),
            inner.render,
            inner.state,
            inner.world_state,
            inner.applied_domain,
        ):
            _assert_raises(ClosedError, call)


class ParameterContract(EnvCase):
    """That every parameter is set, read back and felt; inherit it in a test module and give ``env_id``.

    An environment whose parameters need another push than ``probe_start`` and ``probe_action`` give overrides these.
    """

    probe_steps: ClassVar[int] = 20
    probe_threshold: ClassVar[float] = 1e-6  # far above rounding, below any effect worth randomizing

    def probe_start(self, env: Any) -> WorldState:
        """Return the start of a probing episode: an object dropped from 5 cm before the tool, tilted and spinning."""
        values = env.unwrapped.world_state().values
        if "object.pose" not in values:
            return WorldState({})
        tool, height = env.unwrapped.state().tool_position, values["object.pose"][2]
        place = (tool[0] + 0.06, tool[1] + 0.01, height + 0.05)
        tilt = (math.sin(0.15), 0.0, 0.0, math.cos(0.15))
        twist = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 3.0])
        return WorldState({"object.pose": np.array([*place, *tilt]), "object.twist": twist})

    def probe_action(self, env: Any, step: int) -> Array:
        """Return the action (a,) of a probing step: back, a straight blow, then fast curves that need all strength."""
        axes = np.arange(env.action_space.shape[0])
        if step < 12:
            return np.where(axes == 0, 1.0 if step > 5 else -0.2, 0.0)
        return np.clip(2.0 * np.sin(2.0 * np.pi * (step / 9.0 + axes / 4.0)), -1.0, 1.0)

    def probe(self, env: Any, domain: Domain) -> list[Array]:
        """Return observations, rewards and true states of a probing episode, a row a step."""
        env.reset(seed=_SEED)
        observation, _ = env.reset(seed=_SEED, options={"domain": domain, "start": self.probe_start(env)})
        rows = [_row(env, observation, 0.0)]
        for step in range(self.probe_steps):
            observation, reward, terminated, truncated, _ = env.step(self.probe_action(env, step).astype(np.float32))
            rows.append(_row(env, observation, reward))
            if terminated or truncated:
                break
        return rows

    def in_force(self, env: Any, parameter: Parameter, value: float) -> float:
        """Return what should be read back where ``value`` is asked for: some values are snapped."""
        timestep = float(env.unwrapped.parameter_space["physics.timestep"].nominal)
        if parameter.name == "physics.timestep":
            period = float(env.unwrapped.control_period)
            return period / round(period / value)
        if parameter.name == "actuator.delay":
            return round(value / timestep) * timestep
        return round(value, 2) if parameter.name == "object.size" else value

    def test_every_parameter_is_read_back_as_it_was_asked_for(self) -> None:
        env = self.make_env()
        wrong = []
        for name, parameter in env.unwrapped.parameter_space.items():
            between = parameter.low + 0.37 * (parameter.high - parameter.low)
            for value in (parameter.low, between, parameter.high, *_usable_limits(parameter)):
                env.reset(seed=_SEED, options={"domain": {name: value}})
                wanted, applied = self.in_force(env, parameter, value), env.unwrapped.applied_domain()[name]
                if not math.isclose(applied, wanted, rel_tol=1e-9, abs_tol=1e-12):
                    wrong.append(f"{name}: asked for {value:g}, so {wanted:g} should act, but {applied:g} does")
        assert not wrong, "; ".join(wrong)
        env.close()

    def test_a_parameter_leaves_the_others_as_they_are(self) -> None:
        env = self.make_env()
        env.reset(seed=_SEED)
        nominal = env.unwrapped.applied_domain()
        assert tuple(nominal) == env.unwrapped.parameter_space.names
        for name, parameter in env.unwrapped.parameter_space.items():
            env.reset(seed=_SEED, options={"domain": {name: parameter.high}})
            applied = env.unwrapped.applied_domain()
            touched = [other for other in nominal if other != name and not _close(applied[other], nominal[other])]
            assert not touched, f"{name!r} also changes {', '.join(touched)}."
        env.close()

    def test_randomizing_twice_equals_randomizing_once(self) -> None:
        env, other = self.make_env(), self.make_env()
        domain = _corner(env, 0.8)
        for _ in range(3):
            env.reset(seed=_SEED, options={"domain": domain})
        other.reset(seed=_SEED, options={"domain": domain})
        assert env.unwrapped.applied_domain() == other.unwrapped.applied_domain()
        assert _bits(self.probe(env, domain)) == _bits(self.probe(other, domain))
        env.close()
        other.close()

    def test_nominal_is_restored_bit_for_bit_after_any_other_domain(self) -> None:
        env = self.make_env()
        before, nominal = _bits(self.probe(env, {})), env.unwrapped.applied_domain()
        for name, parameter in env.unwrapped.parameter_space.items():
            env.reset(seed=_SEED, options={"domain": {name: parameter.high}})
            env.reset(seed=_SEED)
            assert env.unwrapped.applied_domain() == nominal, f"{name!r} is not restored."
        for position in (0.0, 1.0):
            self.probe(env, _corner(env, position))
            assert _bits(self.probe(env, {})) == before
        env.close()

    def test_every_parameter_changes_motion_or_observations(self) -> None:
        env = self.make_env()
        silent = []
        for name, parameter in env.unwrapped.parameter_space.items():
            low, high = (self.probe(env, {name: value}) for value in (parameter.low, parameter.high))
            if _difference(low, high) <= self.probe_threshold:
                silent.append(name)
        assert not silent, f"From low to high of their range these change nothing: {', '.join(silent)}."
        env.close()


_SEED = 7


def trajectory(env: Any, seed: int, domain: Domain, steps: int = 25) -> bytes:
    """Return observations and rewards of an episode under random actions, as bits."""
    observation, _ = env.reset(seed=seed, options={"domain": dict(domain)})
    actions = np.random.default_rng(seed).uniform(-1.0, 1.0, (steps, *env.action_space.shape))
    parts = [observation.tobytes()]
    for action in actions.astype(np.float32):
        observation, reward, terminated, truncated, _ = env.step(action)
        parts += [observation.tobytes(), np.float64(reward).tobytes()]
        if terminated or truncated:
            break
    return b"".join(parts)


def digest(env: Any) -> str:
    """Return a hash of a few trajectories of a new environment, the same in every process."""
    bits = [trajectory(env, seed, _corner(env, position)) for seed, position in ((_SEED, 0.3), (1, 1.0), (_SEED, 0.5))]
    return hashlib.sha256(b"".join(bits)).hexdigest()


def _corner(env: Any, position: float) -> dict[str, float]:
    """Return the domain with every parameter at ``position`` in its range, 0 low to 1 high."""
    space = env.unwrapped.parameter_space
    domain: dict[str, float] = space.to_domain(space.from_unit(np.full(len(space), position)))
    return domain


def _goal(env: Any, domain: Domain) -> Array:
    env.reset(seed=_SEED, options={"domain": dict(domain)})
    goal: Array = env.unwrapped.world_state().values["goal"]
    return goal


def _usable_limits(parameter: Parameter) -> list[float]:
    """Return the limits of a parameter that an engine's rounding cannot make meaningless."""
    return [limit for limit in parameter.limits if limit != 0.0]


def _row(env: Any, observation: Array, reward: float) -> Array:
    state = env.unwrapped.state()
    objects = [np.append(pose[:3], yaw_of(pose[3:])) for pose in state.object_poses.values()]
    return np.concatenate([observation, [reward], state.joint_position, *objects])


def _bits(rows: list[Array]) -> bytes:
    return b"".join(row.tobytes() for row in rows)


def _difference(first: list[Array], second: list[Array]) -> float:
    """Return the largest difference of two trajectories; infinite where one ended earlier."""
    if len(first) != len(second):
        return math.inf
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))


def _close(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12)


def _zero_action(env: Any) -> Array:
    return np.zeros(env.action_space.shape, dtype=np.float32)


def _nan_action(env: Any) -> Array:
    return np.full(env.action_space.shape, np.nan, dtype=np.float32)


def _assert_raises(expected: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except expected as error:
        message = str(error)
    else:
        raise AssertionError(f"{expected.__name__} must be raised, but nothing was.")
    assert message, "An error must say what to do about it."


__all__ = ["EnvCase", "EnvContract", "ParameterContract", "digest", "trajectory"]
