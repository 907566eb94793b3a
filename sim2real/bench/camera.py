"""How fast pictures are made: alone beside panda-gym's, and as observations with every fault of a camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

import sim2real_envs
from sim2real import panda_gym
from sim2real.bench.parts import Parts, step_parts
from sim2real.bench.turns import Env, Progress, take_turns
from sim2real.speed import Speed, compare

SIZE = 84  # pixels, width and height
OBSERVATIONS = ("pixels", "depth", "multimodal")


@dataclass(frozen=True)
class CameraBenchmark:
    """What pictures cost.

    Args:
        frames: Pictures per second, panda-gym's first, ours last.
        steps: Env steps per second with pictures as observations, one contestant for each kind.
        parts: Where a step of the richest kind goes.
    """

    frames: tuple[Speed, ...]
    steps: tuple[Speed, ...]
    parts: Parts


def camera_speed(
    env: str = "PandaPush-v0", *, turns: int = 10, steps: int = 50, seed: int = 0, progress: Progress | None = None
) -> CameraBenchmark:
    """Measure pictures of 84 x 84 pixels in one process.

    Frames: ``render()`` after every step, the step itself not timed, of panda-gym's PandaPush-v3 and of ours. Steps:
    env, rendering and every fault of a camera together, all parameters but the physics step being drawn anew at each
    reset, at 20 physics steps of 2 ms.

    Args:
        env: Id of ours.
        turns: Times that each contestant runs.
        steps: Pictures, or control steps, of a turn.
        seed: Of the domains.
        progress: Called with (runs done, runs in total).

    Raises:
        MissingExtraError: If panda-gym is not installed.
        UnknownNameError: If there is no such environment.
    """
    with ExitStack() as stack:

        def opened(world: Env) -> Env:
            stack.callback(world.close)
            return world

        theirs = panda_gym.make("PandaPush-v3", render_width=SIZE, render_height=SIZE)
        painters = {
            "panda-gym, PandaPush-v3, render()": opened(theirs),
            f"sim2real, {env}, render()": opened(
                sim2real_envs.make(env, render_mode="rgb_array", render_size=(SIZE, SIZE))
            ),
        }
        seers = {
            f"sim2real, {env}, observation={kind!r}": opened(
                sim2real_envs.make(env, observation=kind, image_size=(SIZE, SIZE))
            )
            for kind in OBSERVATIONS
        }
        contestants = [_frames(world, steps) for world in painters.values()]
        contestants += [_steps(world, steps, seed) for world in seers.values()]
        rates = take_turns(contestants, turns, progress)
    count = len(painters)
    return CameraBenchmark(
        compare(list(painters), rates[:, :count]),
        compare(list(seers), rates[:, count:]),
        step_parts(env, steps=turns * steps, observation=OBSERVATIONS[-1], image_size=(SIZE, SIZE)),
    )


def _frames(env: Env, count: int) -> Callable[[], float]:
    """Return a contestant that draws ``count`` pictures, each after an untimed step."""
    action = _actions(env)

    def run() -> float:
        seconds = 0.0
        env.reset()
        for _ in range(count):
            _, _, terminated, truncated, _ = env.step(action())
            began = time.perf_counter()
            env.render()
            seconds += time.perf_counter() - began
            if terminated or truncated:
                env.reset()
        return count / seconds

    env.reset(seed=0)
    env.render()
    return run


def _steps(env: Env, count: int, seed: int) -> Callable[[], float]:
    """Return a contestant that takes ``count`` steps, every parameter drawn anew at each reset."""
    action, rng = _actions(env), np.random.default_rng(seed)
    inner: Any = env.unwrapped
    space = inner.parameter_space  # the physics step is left alone: it sets how much there is to compute

    def reset() -> None:
        domain = dict(space.to_domain(space.from_unit(rng.random(len(space)))))
        del domain["physics.timestep"]
        env.reset(options={"domain": domain})

    def run() -> float:
        reset()
        began = time.perf_counter()
        for _ in range(count):
            _, _, terminated, truncated, _ = env.step(action())
            if terminated or truncated:
                reset()
        return count / (time.perf_counter() - began)

    env.reset(seed=0)
    return run


def _actions(env: Env) -> Callable[[], Any]:
    rng, shape = np.random.default_rng(0), env.action_space.shape or ()
    return lambda: rng.uniform(-1.0, 1.0, shape).astype(np.float32)
