"""What the contracts have in common: the environment under test, and episodes written down as numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from sim2real_envs.parameters import Array, Domain, Parameter
from sim2real_envs.registration import make
from sim2real_envs.sensors import yaw_of

SEED = 7


class EnvCase:
    """The environment under test; name it by ``env_id`` and ``env_options``, which a second process can use too."""

    env_id: ClassVar[str]
    env_options: ClassVar[Mapping[str, Any]] = {}

    def make_env(self) -> Any:
        """Return a new environment; not in an episode yet."""
        return make(self.env_id, **self.env_options)


def arrays(observation: Any) -> list[Any]:
    """Return the arrays of an observation, one, or those of a Dict in the order of their names."""
    return [observation[name] for name in sorted(observation)] if isinstance(observation, dict) else [observation]


def flat(observation: Any) -> Array:
    """Return all numbers of an observation, (o,)."""
    return np.concatenate([np.ravel(array).astype(np.float64) for array in arrays(observation)])


def trajectory(env: Any, seed: int, domain: Domain, steps: int = 25) -> bytes:
    """Return observations and rewards of an episode under random actions, as bits."""
    observation, _ = env.reset(seed=seed, options={"domain": dict(domain)})
    actions = np.random.default_rng(seed).uniform(-1.0, 1.0, (steps, *env.action_space.shape))
    parts = [flat(observation).tobytes()]
    for action in actions.astype(np.float32):
        observation, reward, terminated, truncated, _ = env.step(action)
        parts += [flat(observation).tobytes(), np.float64(reward).tobytes()]
        if terminated or truncated:
            break
    return b"".join(parts)


def digest(env: Any) -> str:
    """Return a hash of a few trajectories of a new environment, the same in every process."""
    bits = [trajectory(env, seed, corner(env, position)) for seed, position in ((SEED, 0.3), (1, 1.0), (SEED, 0.5))]
    return hashlib.sha256(b"".join(bits)).hexdigest()


def corner(env: Any, position: float) -> dict[str, float]:
    """Return the domain with every parameter at ``position`` in its range, 0 low to 1 high."""
    space = env.unwrapped.parameter_space
    domain: dict[str, float] = space.to_domain(space.from_unit(np.full(len(space), position)))
    return domain


def goal_of(env: Any, domain: Domain) -> Array:
    env.reset(seed=SEED, options={"domain": dict(domain)})
    goal: Array = env.unwrapped.world_state().values["goal"]
    return goal


def usable_limits(parameter: Parameter) -> list[float]:
    """Return the limits of a parameter that an engine's rounding cannot make meaningless."""
    return [limit for limit in parameter.limits if limit != 0.0]


def row_of(env: Any, observation: Any, reward: float) -> Array:
    state = env.unwrapped.state()
    objects = [np.append(pose[:3], yaw_of(pose[3:])) for pose in state.object_poses.values()]
    picture = np.zeros(0) if env.render_mode is None else np.ravel(env.render())
    return np.concatenate([flat(observation), picture, [reward], state.joint_position, *objects])


def bits_of(rows: Iterable[Array]) -> bytes:
    return b"".join(row.tobytes() for row in rows)


def differ(first: Array | None, second: Array | None, threshold: float) -> bool:
    """Return whether two rows differ by more than ``threshold``, or only one of them is there."""
    if first is None or second is None or first.shape != second.shape:
        return True
    return bool(np.abs(first - second).max() > threshold)


def close(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12)


def zero_action(env: Any) -> Array:
    return np.zeros(env.action_space.shape, dtype=np.float32)


def nan_action(env: Any) -> Array:
    return np.full(env.action_space.shape, np.nan, dtype=np.float32)


def assert_raises(expected: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except expected as error:
        message = str(error)
    else:
        raise AssertionError(f"{expected.__name__} must be raised, but nothing was.")
    assert message, "An error must say what to do about it."
