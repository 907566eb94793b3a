"""That every parameter is set, read back and felt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, ClassVar

import numpy as np

from sim2real_envs.disturbances import PROBE_WITH
from sim2real_envs.parameters import Array, Domain, Parameter
from sim2real_envs.state import WorldState
from sim2real_envs.testing.probes import SEED, EnvCase, bits_of, close, corner, differ, row_of, usable_limits


class ParameterContract(EnvCase):
    """That every parameter is set, read back and felt; inherit it in a test module and give ``env_id``.

    An environment whose parameters need another push than ``probe_start`` and ``probe_action`` give overrides these.
    """

    probe_steps: ClassVar[int] = 20
    probe_seeds: ClassVar[int] = 8  # episodes until what happens by chance, such as a lost sample, has been felt
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

    def probe(self, env: Any, domain: Domain, seed: int = SEED) -> Iterator[Array]:
        """Yield observations, rewards and true states of a probing episode, a row a step, and outcomes at its end."""
        env.reset(seed=seed)
        observation, _ = env.reset(seed=seed, options={"domain": domain, "start": self.probe_start(env)})
        yield row_of(env, observation, 0.0)
        for step in range(self.probe_steps):
            action = self.probe_action(env, step).astype(np.float32)
            observation, reward, terminated, truncated, info = env.step(action)
            yield row_of(env, observation, reward)
            if terminated or truncated:
                yield np.array(list(info["outcome"].values()))
                return

    def in_force(self, env: Any, parameter: Parameter, value: float) -> float:
        """Return what should be read back where ``value`` is asked for: some values are snapped."""
        timestep = float(env.unwrapped.parameter_space["physics.timestep"].nominal)
        if parameter.name == "physics.timestep":
            period = float(env.unwrapped.control_period)
            return period / round(period / value)
        if parameter.name == "camera.latency":
            period = float(env.unwrapped.control_period)
            return round(value / period) * period
        if parameter.name == "actuator.delay":
            return round(value / timestep) * timestep
        return round(value, 2) if parameter.name == "object.size" else value

    def test_every_parameter_is_read_back_as_it_was_asked_for(self) -> None:
        env = self.make_env()
        wrong = []
        for name, parameter in env.unwrapped.parameter_space.items():
            between = parameter.low + 0.37 * (parameter.high - parameter.low)
            for value in (parameter.low, between, parameter.high, *usable_limits(parameter)):
                env.reset(seed=SEED, options={"domain": {name: value}})
                wanted, applied = self.in_force(env, parameter, value), env.unwrapped.applied_domain()[name]
                if not math.isclose(applied, wanted, rel_tol=1e-9, abs_tol=1e-12):
                    wrong.append(f"{name}: asked for {value:g}, so {wanted:g} should act, but {applied:g} does")
        assert not wrong, "; ".join(wrong)
        env.close()

    def test_a_parameter_leaves_the_others_as_they_are(self) -> None:
        env = self.make_env()
        env.reset(seed=SEED)
        nominal = env.unwrapped.applied_domain()
        assert tuple(nominal) == env.unwrapped.parameter_space.names
        for name, parameter in env.unwrapped.parameter_space.items():
            env.reset(seed=SEED, options={"domain": {name: parameter.high}})
            applied = env.unwrapped.applied_domain()
            touched = [other for other in nominal if other != name and not close(applied[other], nominal[other])]
            assert not touched, f"{name!r} also changes {', '.join(touched)}."
        env.close()

    def test_randomizing_twice_equals_randomizing_once(self) -> None:
        env, other = self.make_env(), self.make_env()
        domain = corner(env, 0.8)
        for _ in range(3):
            env.reset(seed=SEED, options={"domain": domain})
        other.reset(seed=SEED, options={"domain": domain})
        assert env.unwrapped.applied_domain() == other.unwrapped.applied_domain()
        assert bits_of(self.probe(env, domain)) == bits_of(self.probe(other, domain))
        env.close()
        other.close()

    def test_nominal_is_restored_bit_for_bit_after_any_other_domain(self) -> None:
        env = self.make_env()
        before, nominal = bits_of(self.probe(env, {})), env.unwrapped.applied_domain()
        for name, parameter in env.unwrapped.parameter_space.items():
            env.reset(seed=SEED, options={"domain": {name: parameter.high}})
            env.reset(seed=SEED)
            assert env.unwrapped.applied_domain() == nominal, f"{name!r} is not restored."
        for position in (0.0, 1.0):
            bits_of(self.probe(env, corner(env, position)))
            assert bits_of(self.probe(env, {})) == before
        env.close()

    def test_every_parameter_changes_motion_or_observations(self) -> None:
        env, other = self.make_env(), self.make_env()
        silent, space = [], env.unwrapped.parameter_space
        for name, parameter in space.items():
            context = {other: value for other, value in PROBE_WITH.get(name, {}).items() if other in space}
            low, high = ({**context, name: value} for value in (parameter.low, parameter.high))
            if not any(self._felt((env, other), (low, high), seed) for seed in range(SEED, SEED + self.probe_seeds)):
                silent.append(name)
        assert not silent, f"From low to high of their range these change nothing: {', '.join(silent)}."
        env.close()
        other.close()

    def _felt(self, envs: tuple[Any, Any], domains: tuple[Domain, Domain], seed: int) -> bool:
        rows = (self.probe(env, domain, seed) for env, domain in zip(envs, domains, strict=True))
        return any(differ(first, second, self.probe_threshold) for first, second in zip_longest(*rows))
