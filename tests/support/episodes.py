"""Episodes of scripted experts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sim2real_envs


def successes(name: str, seeds: Iterable[int], domain: Mapping[str, float] | None = None) -> int:
    """Return how many of the expert's episodes, one a seed, are successes."""
    env: Any = sim2real_envs.make(name).unwrapped
    count = 0
    for seed in seeds:
        env.reset(seed=seed, options={"domain": dict(domain or {})})
        ended = False
        while not ended:
            *_, terminated, truncated, info = env.step(env.expert_action())
            ended = terminated or truncated
        count += info["is_success"]
    env.close()
    return count
