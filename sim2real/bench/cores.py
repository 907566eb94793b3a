"""How much faster worlds step on several cores than on one.

Both contestants step the same worlds through the same episodes, and take turns
whose order changes from one to the next: what a shared machine does meanwhile
falls on both. Whole numbers depend on the machine; the ratio is what to quote.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import t as student

import sim2real_envs
from sim2real.speed import Speed, compare
from sim2real_envs.parameters import Array
from sim2real_envs.vector import VectorWorlds

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CoreScaling:
    """What more workers gain in one environment.

    Args:
        env_id: What was stepped.
        worlds: Number of worlds.
        speeds: With one worker, then with several.
        ratio: Speed of several workers over that of one: geometric mean over the turns.
        low: Lower end of its 95 % interval, Student's t on the logarithms; NaN from a single turn.
        high: Upper end of it.
    """

    env_id: str
    worlds: int
    speeds: tuple[Speed, ...]
    ratio: float
    low: float
    high: float


def core_scaling(
    env_ids: Sequence[str] = ("PandaReach-v0", "PandaPush-v0"),
    *,
    worlds: int = 16,
    workers: int = 2,
    turns: int = 8,
    steps: int = 300,
    progress: Progress | None = None,
) -> tuple[CoreScaling, ...]:
    """Measure env steps per second of ``VectorWorlds`` with one worker and with several, side by side.

    Args:
        env_ids: Environments with state observations.
        worlds: Worlds of each contestant.
        workers: Processes of the second contestant.
        turns: Times that each contestant runs.
        steps: Control steps of every world in a turn, from a seeded reset on.
        progress: Called with (runs done, runs in total).
    """
    results: list[CoreScaling] = []
    total = len(env_ids) * turns * 2
    for env_id in env_ids:

        def tell(done: int, before: int = len(results) * turns * 2) -> None:
            if progress is not None:
                progress(before + done, total)

        results.append(_scaling(env_id, worlds, workers, turns, steps, tell))
    return tuple(results)


def _scaling(
    env_id: str, worlds: int, workers: int, turns: int, steps: int, tell: Callable[[int], None]
) -> CoreScaling:
    make_env = partial(sim2real_envs.make, env_id)
    rates = np.zeros((turns, 2))
    with ExitStack() as stack:
        contestants = []
        for count in (1, workers):
            contestants.append(VectorWorlds(make_env, worlds, count))
            stack.callback(contestants[-1].close)
        for contestant in contestants:
            _rate(contestant, 20, seed=0)
        for turn in range(turns):
            for place, column in enumerate((0, 1) if turn % 2 == 0 else (1, 0)):
                rates[turn, column] = _rate(contestants[column], steps, seed=turn * worlds)
                tell(2 * turn + place + 1)
    ratio, low, high = _interval(rates[:, 1] / rates[:, 0])
    names = [f"{env_id}, {worlds} worlds in {count} worker{'s' if count > 1 else ''}" for count in (1, workers)]
    return CoreScaling(env_id, worlds, compare(names, rates), ratio, low, high)


def _rate(worlds: VectorWorlds, steps: int, seed: int) -> float:
    """Return env steps per second, all worlds together, under random actions; resets as episodes end included."""
    actions = np.random.default_rng(seed).uniform(-1.0, 1.0, (steps, *(worlds.action_space.shape or ())))
    worlds.reset(seed=seed)
    began = time.perf_counter()
    for action in actions.astype(np.float32):
        worlds.step_async(action)
        worlds.step_wait()
    return worlds.num_envs * steps / (time.perf_counter() - began)


def _interval(ratios: Array) -> tuple[float, float, float]:
    """Return geometric mean of ``ratios`` (turns,) and its 95 % interval."""
    logs = np.log(ratios)
    middle, count = float(np.mean(logs)), len(logs)
    if count < 2:
        return math.exp(middle), math.nan, math.nan
    half = float(student.ppf(0.975, count - 1)) * statistics.stdev(logs.tolist()) / math.sqrt(count)
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)
