"""Where a control step spends its time."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, cast

import sim2real_envs
from sim2real.bench.stopwatch import Clocked, Stopwatch
from sim2real.bench.turns import Runner
from sim2real_envs.backends.base import ENGINE
from sim2real_envs.env import ManipulationEnv

_SLICE = 100  # steps: more than an episode, so that there is a reset in each
REST = "Gymnasium, checks, the rest"


@dataclass(frozen=True)
class Part:
    """Time of one part of a control step: mean [us] and share of the whole step."""

    name: str
    microseconds: float
    share: float

    @property
    def in_engine(self) -> bool:
        """Whether the physics engine spent it."""
        return self.name.startswith(ENGINE)


@dataclass(frozen=True)
class Parts:
    """Where a control step of ``env`` goes, resets included.

    Args:
        env: Id.
        parts: They add up to ``microseconds``, the engine's own step first.
        microseconds: Of a whole step that no clock disturbed, measured between those with clocks [us].
        clock: How much longer a step took with a clock around every call [us]; it is taken off the parts, in equal
            shares by the number of calls.
    """

    env: str
    parts: tuple[Part, ...]
    microseconds: float
    clock: float

    @property
    def engine_share(self) -> float:
        """Share of the time that is spent inside the engine, all of its functions together."""
        return sum(part.share for part in self.parts if part.in_engine)


def step_parts(env: str, *, steps: int = 2_000, **options: Any) -> Parts:
    """Return where a control step under random actions spends its time.

    Every call into the engine and every part of a step runs under a clock. Slices without any clock in between tell
    how long a step really takes; what the clocks add is taken off again. The faster half of the slices counts: what
    else the machine does hits a few of them hard.

    Args:
        env: Id.
        steps: Control steps with the clock; as many again without.
        options: Of the environment.

    Raises:
        UnknownNameError: If there is no such environment.
    """
    world = sim2real_envs.make(env, **options)
    runner, watch = Runner(world), Stopwatch()
    inside = cast(ManipulationEnv, world.unwrapped)
    for name, owner, attribute in inside.timed_parts():
        watch.add(name, owner, attribute)
    clocked, free = [], []
    for turn in range(2 * max(2, steps // _SLICE)):
        if turn % 4 in (0, 3):  # clock, none, none, clock
            with watch:
                seconds = runner.run(_SLICE)
            clocked.append((seconds, watch.take()))
        else:
            free.append(runner.run(_SLICE))
    world.close()
    kept = sorted(clocked, key=lambda measured: measured[0])[: (len(clocked) + 1) // 2]
    untimed = sum(sorted(free)[: len(kept)])
    timed = sum(seconds for seconds, _ in kept)
    spent = watch.own_seconds(functools.reduce(Clocked.plus, (seen for _, seen in kept)), timed - untimed)
    spent[REST] = max(0.0, min(timed, untimed) - sum(spent.values()))
    whole, scale = sum(spent.values()), 1e6 / (_SLICE * len(kept))
    parts = tuple(Part(name, scale * seconds, seconds / whole) for name, seconds in spent.items())
    return Parts(env, parts, scale * whole, scale * (timed - untimed))
