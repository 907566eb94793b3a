"""Memory of a world: the engine never frees a body that was replaced, so the world is built anew in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.backends import bullet


@pytest.mark.parametrize("options", [{}, {"observation": "multimodal", "image_size": (16, 16)}])
def test_a_world_that_was_built_anew_goes_on_bit_for_bit(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bullet, "_MOST_REPLACED", 3)
    env: Any = sim2real_envs.make("PandaPush-v0", **options)
    before = [_episode(env, seed) for seed in range(3)]
    first = env.unwrapped._backend._parameters
    for index in range(5):
        env.reset(options={"domain": {"object.size": 0.9 + 0.01 * index}})
    assert env.unwrapped._backend._parameters is not first
    assert env.unwrapped._backend._parameters.replaced < 5
    assert [_episode(env, seed) for seed in range(3)] == before
    env.close()


def _episode(env: Any, seed: int) -> list[bytes]:
    """Return what was seen in a few steps of an episode in a domain of its own."""
    space, rng = env.unwrapped.parameter_space, np.random.default_rng(seed)
    seen = [env.reset(seed=seed, options={"domain": space.to_domain(space.from_unit(rng.random(len(space))))})[0]]
    seen += [env.step(rng.uniform(-1.0, 1.0, env.action_space.shape))[0] for _ in range(8)]
    arrays = [observation.values() if isinstance(observation, dict) else [observation] for observation in seen]
    return [array.tobytes() for group in arrays for array in group]
