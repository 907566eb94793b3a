"""Which parameters change nothing, by trying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from sim2real_envs.parameters import Domain
from sim2real_envs.wrappers.privileged_domain import parameter_space


def silent_parameters(env: gymnasium.Env[Any, Any], *, seed: int = 0, steps: int = 100) -> tuple[str, ...]:
    """Return the parameters whose low and high end give the same rollout, bit for bit.

    The rollouts start from the same seed and repeat the same random actions. A parameter that they do not bring to
    bear, such as the friction of something that they never touch, is named as well: give more steps.

    Args:
        env: With ``parameter_space``, and a ``reset`` that takes ``options={"domain": ...}``; left at nominal.
        seed: Of starts and actions.
        steps: Length of a rollout; it begins anew where an episode ends.
    """
    silent = tuple(
        name
        for name, parameter in parameter_space(env).items()
        if _rollout(env, {name: parameter.low}, seed, steps) == _rollout(env, {name: parameter.high}, seed, steps)
    )
    env.reset(options={"domain": {}})
    return silent


def _rollout(env: gymnasium.Env[Any, Any], domain: Domain, seed: int, steps: int) -> bytes:
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed, options={"domain": domain})
    seen = [_bits(observation)]
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen += [_bits(observation), np.float64(reward).tobytes()]
        if terminated or truncated:
            observation, _ = env.reset(options={"domain": domain})
            seen.append(_bits(observation))
    return b"".join(seen)


def _bits(observation: Any) -> bytes:
    if isinstance(observation, Mapping):
        return b"".join(_bits(part) for part in observation.values())
    return np.asarray(observation).tobytes()
