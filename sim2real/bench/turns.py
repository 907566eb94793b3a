"""Contestants that take turns: what every benchmark of environments is made of."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np

from sim2real.errors import MissingExtraError
from sim2real_envs.backends.engine import silenced
from sim2real_envs.parameters import Array

Progress = Callable[[int, int], None]
Env = gymnasium.Env[Any, Any]
_ACTIONS = 512
_WARM_UP = 100  # steps


def panda_gym(name: str, **options: Any) -> Env:
    """Return one of panda-gym's environments; what its engine prints is kept from standard output.

    Raises:
        MissingExtraError: If it is not installed.
    """
    if importlib.util.find_spec("panda_gym") is None:
        raise MissingExtraError("The comparison needs panda-gym: pip install 'sim2real[dev]'.")
    import panda_gym  # noqa: F401  (registers its environments)

    sys.stdout.flush()
    with silenced(1):
        env: Env = gymnasium.make(name, disable_env_checker=True, **options)
        ctypes.CDLL(None).fflush(None)  # what C code printed waits in a buffer of its own
    return env


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
