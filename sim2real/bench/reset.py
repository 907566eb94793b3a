"""How long a reset takes, and whether memory stays flat over many."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

import sim2real_envs
from sim2real.bench.turns import Env, Progress
from sim2real.errors import Sim2RealError
from sim2real_envs.env import ManipulationEnv
from sim2real_envs.parameters import ParameterSpace

_STATM = Path("/proc/self/statm")
_WARM_UP_SHARE = 0.1
_SAMPLES = 100


@dataclass(frozen=True)
class ResetTime:
    """Time of one reset over ``count`` of them: median, 95th percentile and mean [ms].

    Now and then a reset builds the whole world anew, to give memory back; only the mean shows that.
    """

    name: str
    count: int
    median_ms: float
    slow_ms: float
    mean_ms: float


@dataclass(frozen=True)
class MemoryGrowth:
    """Resident memory of the process over many resets.

    Args:
        env: Id.
        parameters: How many of them every reset randomized.
        warm_up: Resets before the first measurement.
        resets: Resets between the first measurement and the last.
        first_mb: At the first measurement [MB].
        last_mb: At the last one [MB].
        most_mb: The most of all measurements in between [MB].
    """

    env: str
    parameters: int
    warm_up: int
    resets: int
    first_mb: float
    last_mb: float
    most_mb: float

    @property
    def growth(self) -> float:
        """Return the growth from the first measurement to the last, as a share of the first."""
        return self.last_mb / self.first_mb - 1.0


def reset_time(
    env: str = "PandaPush-v0", *, count: int = 500, seed: int = 0, progress: Progress | None = None
) -> tuple[ResetTime, ...]:
    """Measure resets, one step being taken between two of them.

    Three kinds take turns: at nominal; with every parameter of a state environment drawn anew; and, where an
    environment that makes pictures has more of them, with all of those.

    Args:
        env: Id.
        count: Resets of each kind.
        seed: Of the domains.
        progress: Called with (resets done, resets in total).

    Raises:
        UnknownNameError: If there is no such environment.
    """
    state, pictures = sim2real_envs.make(env), sim2real_envs.make(env, render_mode="rgb_array")
    few, many = _space(state), _space(pictures)
    kinds: list[tuple[str, Env, ParameterSpace | None]] = [
        ("nominal", state, None),
        (f"all {len(few)} parameters randomized", state, few),
    ]
    if len(many) > len(few):
        kinds.append((f"all {len(many)} parameters randomized, those of pictures among them", pictures, many))
    rng, times = np.random.default_rng(seed), [[0.0] * count for _ in kinds]
    for index in range(count):
        for kind, (_, world, space) in enumerate(kinds):
            times[kind][index] = 1e3 * _reset(world, space, rng, index)
        if progress is not None:
            progress((index + 1) * len(kinds), count * len(kinds))
    state.close()
    pictures.close()
    return tuple(
        ResetTime(name, count, statistics.median(taken), float(np.quantile(taken, 0.95)), statistics.fmean(taken))
        for (name, _, _), taken in zip(kinds, times, strict=True)
    )


def memory_growth(
    env: str = "PandaPush-v0",
    *,
    resets: int = 100_000,
    seed: int = 0,
    progress: Progress | None = None,
    resident: Callable[[], float] | None = None,
) -> MemoryGrowth:
    """Measure how resident memory grows over ``resets`` resets with every parameter drawn anew, pictures' included.

    A tenth as many resets come first and do not count: caches and banks fill up then.

    Args:
        env: Id.
        resets: How many.
        seed: Of the domains.
        progress: Called with (resets done, resets in total).
        resident: Returns the resident memory [MB]; by default this process', which only Linux tells.

    Raises:
        UnknownNameError: If there is no such environment.
        Sim2RealError: If the resident memory cannot be known here.
    """
    resident = resident or resident_mb
    world = sim2real_envs.make(env, render_mode="rgb_array")
    space, rng = _space(world), np.random.default_rng(seed)
    warm_up = max(1, round(_WARM_UP_SHARE * resets))
    total = warm_up + resets
    moments = set(np.linspace(warm_up, total, _SAMPLES, dtype=int).tolist())
    measured = []
    for index in range(1, total + 1):
        _reset(world, space, rng, index)
        if index in moments:
            gc.collect()
            measured.append(resident())
        if progress is not None:
            progress(index, total)
    world.close()
    return MemoryGrowth(env, len(space), warm_up, resets, measured[0], measured[-1], max(measured))


def resident_mb() -> float:
    """Return the resident memory of this process [MB].

    Raises:
        Sim2RealError: Where there is no /proc/self/statm.
    """
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError as error:
        raise Sim2RealError(f"Memory can only be measured on Linux: {_STATM} cannot be read ({error}).") from None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _space(env: Env) -> ParameterSpace:
    return cast(ManipulationEnv, env.unwrapped).parameter_space


def _reset(env: Env, space: ParameterSpace | None, rng: np.random.Generator, seed: int) -> float:
    """Reset in a new domain of ``space``, nominal if None, and return the seconds; then take a step."""
    options: dict[str, Any] = {}
    if space is not None:
        options["domain"] = space.to_domain(space.from_unit(rng.random(len(space))))
    began = time.perf_counter()
    env.reset(seed=seed, options=options)
    taken = time.perf_counter() - began
    env.step(np.zeros(env.action_space.shape or (), dtype=np.float32))
    return taken
