"""Steps per second in one process, ours beside panda-gym's, at equal substeps and timestep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sim2real_envs
from sim2real import panda_gym
from sim2real.bench.turns import Env, Progress, Runner, take_turns
from sim2real.errors import Sim2RealError
from sim2real.speed import Speed, compare
from sim2real_envs.errors import UnknownNameError

PAIRS: Mapping[str, str] = MappingProxyType(
    {f"Panda{task}-v0": f"Panda{task}-v3" for task in ("Reach", "Push", "Slide", "PickAndPlace", "Stack")}
)
SUBSTEPS, TIMESTEP = 20, 0.002  # of panda-gym; ours is made with the same


@dataclass(frozen=True)
class EnvSpeed:
    """Speeds in one task, ours last; none, and ``skipped`` says why, where there is nothing to measure."""

    env: str
    speeds: tuple[Speed, ...]
    skipped: str = ""


def env_speed(
    envs: Sequence[str] = tuple(PAIRS), *, turns: int = 20, steps: int = 200, progress: Progress | None = None
) -> tuple[EnvSpeed, ...]:
    """Measure steps per second in one process, ours beside panda-gym's environment of the same task.

    Both take 20 physics steps of 2 ms a control step, act at random, and reset as their episodes end, resets being
    part of the time. All contestants take turns in one run.

    Args:
        envs: Ids; one without a counterpart runs alone.
        turns: Times that each contestant runs.
        steps: Control steps of a turn.
        progress: Called with (runs done, runs in total).

    Raises:
        MissingExtraError: If panda-gym is not installed.
        Sim2RealError: If panda-gym does not take 20 physics steps of 2 ms.
    """
    with ExitStack() as stack:
        fields: dict[str, list[tuple[str, Callable[[], float]]]] = {}
        skipped: dict[str, str] = {}
        for name in envs:
            try:
                ours = sim2real_envs.make(name, substeps=SUBSTEPS)
            except UnknownNameError as error:
                skipped[name] = str(error)
                continue
            stack.callback(ours.close)
            field = fields[name] = []
            if name in PAIRS:
                theirs = _equal(PAIRS[name])
                stack.callback(theirs.close)
                field.append((f"panda-gym, {PAIRS[name]}", _rate(theirs, steps)))
            field.append((f"sim2real, {name}", _rate(ours, steps)))
        everyone = [contestant for field in fields.values() for contestant in field]
        rates = take_turns([run for _, run in everyone], turns, progress)
    results, first = [], 0
    for name in envs:
        if name in skipped:
            results.append(EnvSpeed(name, (), skipped[name]))
            continue
        names = [label for label, _ in fields[name]]
        results.append(EnvSpeed(name, compare(names, rates[:, first : first + len(names)])))
        first += len(names)
    return tuple(results)


def _equal(name: str) -> Env:
    """Return panda-gym's environment, whose physics steps must be as many and as long as ours."""
    env = panda_gym.make(name)
    simulation: Any = env.unwrapped.sim  # type: ignore[attr-defined]
    if (simulation.n_substeps, simulation.timestep) != (SUBSTEPS, TIMESTEP):
        raise Sim2RealError(
            f"The comparison is for {SUBSTEPS} physics steps of {TIMESTEP} s, but this panda-gym takes "
            f"{simulation.n_substeps} of {simulation.timestep} s: pip install 'sim2real[dev]' brings the one to use."
        )
    return env


def _rate(env: Env, steps: int) -> Callable[[], float]:
    runner = Runner(env)
    return lambda: steps / runner.run(steps)
