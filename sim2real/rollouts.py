"""Whole episodes of a policy, in persistent worker processes that keep their environment.

A job says which world and which random streams; the episode depends on the
job, the policy and the environment alone: not on the number of workers, nor on
which episodes a worker ran before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias, cast, runtime_checkable

import gymnasium
import numpy as np

import sim2real_envs
from sim2real.episodes import Episode
from sim2real.errors import TooManyDivergences
from sim2real.policy import Policy, for_episode
from sim2real.states import with_twists
from sim2real.workers import Advance, Box, WorkerPool
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.state import WorldState

Env: TypeAlias = gymnasium.Env[Any, Any]
Log: TypeAlias = Literal["outcomes", "sensors"]
SEEDS = 2**31 - 1
"""Seeds of episodes are drawn below this."""


class World(Protocol):
    """What ``env.unwrapped`` offers beside Gymnasium's own."""

    parameter_space: ParameterSpace
    outcomes: tuple[Outcome, ...]
    control_period: float
    horizon: int

    def world_state(self) -> WorldState:
        """Return the exact state."""

    def measured_start(self) -> WorldState:
        """Return the start as the sensors measured it, with its spread."""


@runtime_checkable
class Sensed(Protocol):
    """What ``env.unwrapped`` offers where its sensors tell enough to continue from."""

    def measured_state(self) -> WorldState:
        """Return where the world is as the sensors saw it last, with the commands still on their way."""


@dataclass(frozen=True)
class Job:
    """One episode to run.

    Args:
        seed: Of all random streams of the episode.
        domain: Values of some parameters; the others are nominal.
        start: Where to begin, as sensors measured it; None to let the task draw it from ``seed``.
        actions: Actions (t, a) to repeat instead of asking the policy; the robot holds still behind their end.
        measured: Whether the episode tells only what sensors would: the measured start, and no domain or seed.
        length: Control steps after which to stop at the latest, outcomes not told; None to go on to the end.
    """

    seed: int
    domain: Domain = field(default_factory=dict)
    start: WorldState | None = None
    actions: Array | None = None
    measured: bool = False
    length: int | None = None

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.seed, dict(self.domain), self.start, self.actions, self.measured, self.length)


@dataclass(frozen=True)
class EnvFacts:
    """What an environment says of itself.

    Args:
        space: All its parameters.
        outcomes: What an episode measures at its end.
        period: Control period [s].
        horizon: Control steps after which an episode is truncated.
        draws: Whether it gives pictures.
        states: Whether its sensors tell enough of every control step to continue from there.
    """

    space: ParameterSpace
    outcomes: tuple[Outcome, ...]
    period: float
    horizon: int
    draws: bool
    states: bool = False


class Rollouts:
    """Runs episodes of one environment in a pool of workers.

    Args:
        env_id: Such as ``"PandaPush-v0"``; a string with ':' or '/' goes to ``gymnasium.make`` unchanged.
        options: Constructor options of the environment.
        workers: A pool to share, or the number of processes of an own one; 0 runs in this process.
    """

    def __init__(self, env_id: str, options: Mapping[str, Any] | None = None, *, workers: WorkerPool | int = 2) -> None:
        self.env_id = env_id
        self.options = MappingProxyType(dict(options or {}))
        self._owned = isinstance(workers, int)
        self.pool = WorkerPool(workers) if isinstance(workers, int) else workers

    @cached_property
    def facts(self) -> EnvFacts:
        """What the environment says of itself."""
        return self.pool.map(_facts, self._recipe, [None])[0]

    @property
    def _recipe(self) -> tuple[str, dict[str, Any]]:
        return self.env_id, dict(self.options)

    def run(
        self,
        policy: Policy | None,
        jobs: Sequence[Job],
        *,
        log: Log = "sensors",
        progress: Advance | None = None,
    ) -> tuple[Episode, ...]:
        """Run every job and return the episodes in the order of the jobs.

        Args:
            policy: May be None where every job brings its actions.
            jobs: The episodes to run.
            log: ``"outcomes"`` leaves observations and actions out.
            progress: Called with (done, total) episodes.

        Raises:
            WorkerError: If a worker process dies.
        """
        return self.pool.map(_play, (self._recipe, policy, log), jobs, progress=progress)

    def starts(self, seeds: Sequence[int]) -> tuple[WorldState, ...]:
        """Return where the task would begin with each seed: what a person can place, everything at rest."""
        return self.pool.map(_start, self._recipe, list(seeds))

    def close(self) -> None:
        """Stop the workers if they are this object's own; may be called twice."""
        if self._owned:
            self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_episode(env: Env, policy: Policy | None, job: Job, log: Log = "sensors") -> Episode:
    """Run one episode of ``policy``, or of the job's own actions, in ``env``.

    With ``log="sensors"`` states are kept of an episode that tells only what sensors would, and of one that stops at a
    given length.
    """
    world = cast(World, env.unwrapped)
    options: dict[str, Any] = {"domain": dict(job.domain)}
    if job.start is not None:
        options["measured_start"] = job.start
    observation, info = env.reset(seed=job.seed, options=options)
    start = world.measured_start() if job.measured else job.start or world.world_state()
    domain = None if job.measured else info["domain"]
    act = _driver(policy, job, env)
    observations, actions = [observation], []
    sensed = world if log == "sensors" and isinstance(world, Sensed) and (job.measured or job.length) else None
    states = [] if sensed is None else [sensed.measured_state()]
    steps, total_reward, over = 0, 0.0, False
    while not over and steps != job.length:
        action = act(observation)
        observation, reward, terminated, truncated, info = env.step(action)
        steps, total_reward, over = steps + 1, total_reward + float(reward), terminated or truncated
        observations.append(observation)
        actions.append(action)
        if sensed is not None:
            states.append(sensed.measured_state())
    sensors = log == "sensors"
    return Episode(
        start=start,
        outcome=info["outcome"] if job.length is None else {each.name: math.nan for each in world.outcomes},
        success=bool(info["is_success"]),
        failure_mode=str(info["failure_mode"]),
        steps=steps,
        total_reward=total_reward,
        period=world.control_period,
        domain=domain,
        observations=np.stack(observations) if sensors and _of_numbers(env) else None,
        actions=np.stack(actions) if sensors else None,
        seed=None if job.measured else job.seed,
        states=None if sensed is None else with_twists(states, world.control_period) if job.measured else tuple(states),
    )


def _of_numbers(env: Env) -> bool:
    """Return whether observations are a few numbers; images of every step are too much to keep."""
    return isinstance(env.observation_space, gymnasium.spaces.Box) and len(env.observation_space.shape) == 1


def _driver(policy: Policy | None, job: Job, env: Env) -> Callable[[Array], Array]:
    if job.actions is not None:
        logged, still = iter(job.actions), np.zeros(env.action_space.shape or ())
        return lambda observation: np.asarray(next(logged, still), dtype=np.float32)
    if policy is None:
        raise ValueError("A job without actions needs a policy, but got None.")
    act = for_episode(policy)
    return lambda observation: np.asarray(act(observation), dtype=np.float32)


def _play(box: Box, common: tuple[tuple[str, dict[str, Any]], Policy | None, Log], job: Job) -> Episode:
    recipe, policy, log = common
    episode = run_episode(_env(box, recipe), policy, job, log)
    if episode.failure_mode == "diverged":
        box.discard(_key(recipe))  # an engine that has seen NaN is not trusted with the next episode
    return episode


def _start(box: Box, recipe: tuple[str, dict[str, Any]], seed: int) -> WorldState:
    env = _env(box, recipe)
    env.reset(seed=seed, options={"domain": {}})
    values = cast(World, env.unwrapped).world_state().values
    return WorldState({name: value for name, value in values.items() if not name.endswith((".velocity", ".twist"))})


def _facts(box: Box, recipe: tuple[str, dict[str, Any]], _: None) -> EnvFacts:
    env = _env(box, recipe)
    world, draws = cast(World, env.unwrapped), "rgb_array" in env.metadata.get("render_modes", ())
    states = isinstance(world, Sensed)
    return EnvFacts(world.parameter_space, world.outcomes, world.control_period, world.horizon, draws, states)


def _env(box: Box, recipe: tuple[str, dict[str, Any]]) -> Env:
    env_id, options = recipe
    return cast(Env, box.keep(_key(recipe), lambda: sim2real_envs.make(env_id, **options)))


def _key(recipe: tuple[str, dict[str, Any]]) -> str:
    return json.dumps(recipe, sort_keys=True, default=repr)


def allowed_divergences(episodes: int) -> int:
    """Return how many of so many episodes may diverge before a run stops: 3, and one more for every 20."""
    return 3 + episodes // 20


def refuse_divergences(episodes: Sequence[Episode], side: str) -> None:
    """Let a few diverged episodes pass, as many as ``allowed_divergences`` says.

    Raises:
        TooManyDivergences: If more diverged; names the side and the domain of the first of them.
    """
    diverged = [episode for episode in episodes if episode.failure_mode == "diverged"]
    allowed = allowed_divergences(len(episodes))
    if len(diverged) <= allowed:
        return
    known = next((episode.domain for episode in diverged if episode.domain is not None), None)
    where = "in a domain that is not known" if known is None else f"the first in domain {_named(known)}"
    raise TooManyDivergences(
        f"{len(diverged)} of {len(episodes)} {side} episodes diverged, more than the {allowed} allowed; {where}. "
        f"Narrow the ranges around it, lower physics.timestep, or look for NaN in the policy."
    )


def _named(domain: Domain) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in domain.items())
