"""How fast an environment steps and resets, and where the time goes.

Contestants take turns in one run, because identical runs on a shared machine
differ by 15 % and more: the figures to quote are ratios within a turn, and the
share of the time that the physics engine itself takes.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np

import sim2real_envs
from sim2real.errors import MissingExtraError
from sim2real.speed import Speed, compare
from sim2real_envs.env import ManipulationEnv

Progress = Callable[[int, int], None]
_PUSH = "PandaPush-v0"
_ACTIONS = 512


@dataclass(frozen=True)
class Part:
    """Time of one part of a control step: mean [us] and share of the whole step."""

    name: str
    microseconds: float
    share: float


@dataclass(frozen=True)
class ResetTime:
    """Time of one reset, median and 95th percentile over ``count`` of them [ms]."""

    name: str
    count: int
    median_ms: float
    slow_ms: float


def env_speed(*, turns: int = 5, steps: int = 2_000, progress: Progress | None = None) -> tuple[Speed, ...]:
    """Measure steps per second of pushing in one process: panda-gym's PandaPush-v3 beside ours, equal substeps.

    Both take 20 physics steps of 2 ms a control step, act at random and reset as their episodes end.

    Args:
        turns: Times that each contestant runs.
        steps: Control steps of a turn.
        progress: Called with (runs done, runs in total).

    Raises:
        MissingExtraError: If panda-gym is not installed.
    """
    if importlib.util.find_spec("panda_gym") is None:
        raise MissingExtraError("The comparison needs panda-gym: pip install 'sim2real[dev]'.")
    import panda_gym  # noqa: F401  (registers its environments)

    names = ["panda-gym, PandaPush-v3", f"sim2real, {_PUSH}"]
    envs = [gymnasium.make("PandaPush-v3", disable_env_checker=True), sim2real_envs.make(_PUSH)]
    rates = np.zeros((turns, len(envs)))
    for env in envs:
        _run(env, 100)
    for turn, column in np.ndindex(rates.shape):
        began = time.perf_counter()
        _run(envs[column], steps)
        rates[turn, column] = steps / (time.perf_counter() - began)
        if progress is not None:
            progress(turn * len(envs) + column + 1, rates.size)
    for env in envs:
        env.close()
    return compare(names, rates)


def env_parts(*, steps: int = 2_000) -> tuple[Part, ...]:
    """Return where a control step of pushing spends its time, the physics engine's own step first.

    The clock around every call costs a few percent, which falls to the part that is called most.
    """
    env = sim2real_envs.make(_PUSH)
    watch = _Stopwatch()
    _run(env, 100)
    for name, owner, attribute in cast(ManipulationEnv, env.unwrapped).timed_parts():
        watch.wrap(name, owner, attribute)
    began = time.perf_counter()
    try:
        _run(env, steps)
    finally:
        watch.unwrap()
    whole = time.perf_counter() - began
    env.close()
    spent = watch.own_seconds()
    spent["Gymnasium, checks, the rest"] = whole - sum(spent.values())
    return tuple(Part(name, seconds / steps * 1e6, seconds / whole) for name, seconds in spent.items())


def reset_time(*, count: int = 500, seed: int = 0) -> tuple[ResetTime, ...]:
    """Measure resets of pushing: at nominal, and with every parameter drawn anew."""
    env = sim2real_envs.make(_PUSH)
    space = cast(ManipulationEnv, env.unwrapped).parameter_space
    rng = np.random.default_rng(seed)
    results = []
    for name, randomized in (("nominal", False), (f"all {len(space)} parameters randomized", True)):
        times = []
        for index in range(count):
            domain = space.to_domain(space.from_unit(rng.random(len(space)))) if randomized else {}
            began = time.perf_counter()
            env.reset(seed=index, options={"domain": domain})
            times.append(1e3 * (time.perf_counter() - began))
        results.append(ResetTime(name, count, statistics.median(times), float(np.quantile(times, 0.95))))
    env.close()
    return tuple(results)


def _run(env: gymnasium.Env[Any, Any], steps: int) -> None:
    """Act at random for ``steps`` control steps."""
    size = int(np.prod(env.action_space.shape or ()))
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (_ACTIONS, size)).astype(np.float32)
    env.reset(seed=0)
    for index in range(steps):
        _, _, terminated, truncated, _ = env.step(actions[index % _ACTIONS])
        if terminated or truncated:
            env.reset()


class _Stopwatch:
    """Times calls by name; the time of a call inside another one counts for the inner one only."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._undo: list[tuple[Any, str, Any]] = []
        self._inner = [0.0]

    def wrap(self, name: str, owner: Any, attribute: str) -> None:
        """Time every call of ``owner.attribute`` under ``name``."""
        original = getattr(owner, attribute)
        self._seconds.setdefault(name, 0.0)
        inner, seconds, clock = self._inner, self._seconds, time.perf_counter

        def timed(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            began = clock()
            result = original(*args, **kwargs)
            taken = clock() - began
            seconds[name] += taken - inner.pop()
            inner[-1] += taken
            return result

        self._undo.append((owner, attribute, original))
        setattr(owner, attribute, timed)

    def unwrap(self) -> None:
        """Put everything back."""
        for owner, attribute, original in reversed(self._undo):
            setattr(owner, attribute, original)

    def own_seconds(self) -> dict[str, float]:
        """Return the seconds by name."""
        return dict(self._seconds)
