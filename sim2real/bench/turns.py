"""Contestants that take turns: what every benchmark of environments is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from sim2real_envs.parameters import Array

Progress = Callable[[int, int], None]
Env = gymnasium.Env[Any, Any]
_ACTIONS = 512
_WARM_UP = 100  # steps


class Runner:
    """Steps one environment with random actions, resetting it as its episodes end."""

    def __init__(self, env: Env) -> None:
        self._env = env
        size = int(np.prod(env.action_space.shape or ()))
        self._actions = np.random.default_rng(0).uniform(-1.0, 1.0, (_ACTIONS, size)).astype(np.float32)
        self._steps = 0
        env.reset(seed=0)
        self.run(_WARM_UP)

    def run(self, steps: int) -> float:
        """Take ``steps`` control steps and return the seconds that they took."""
        env, actions, first = self._env, self._actions, self._steps
        began = time.perf_counter()
        for index in range(first, first + steps):
            _, _, terminated, truncated, _ = env.step(actions[index % _ACTIONS])
            if terminated or truncated:
                env.reset()
        taken = time.perf_counter() - began
        self._steps = first + steps
        return taken


def take_turns(contestants: Sequence[Callable[[], float]], turns: int, progress: Progress | None = None) -> Array:
    """Return what each contestant measured in each turn, (turns, contestants); every other turn runs backwards."""
    results = np.zeros((turns, len(contestants)))
    for turn in range(turns):
        columns = range(len(contestants))
        for number, column in enumerate(columns if turn % 2 == 0 else reversed(columns)):
            results[turn, column] = contestants[column]()
            if progress is not None:
                progress(turn * len(contestants) + number + 1, results.size)
    return results
