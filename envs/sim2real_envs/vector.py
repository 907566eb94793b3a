"""Several worlds a worker process, with everything that is exchanged in shared memory.

The main process decides where a world goes next: it writes a domain, a seed and
a mark beforehand, and the worker applies them at the automatic reset, inside the
step that ended the episode. A randomizer therefore never enters a worker, draws
come from one stream in one order, and every number is the same for any number of
workers, also for none (``workers=0`` steps all worlds in this process).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Dict
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from sim2real_envs.board import AnyArray, AnyObservation, Layout, fields
from sim2real_envs.crew import make_crew
from sim2real_envs.errors import ClosedError, OptionError, StateError, UnknownNameError, WorkerError
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.worlds import RENDER, RESET, STEP, MakeEnv

_NO_PICTURE = (0,)


@dataclass(frozen=True)
class FinishedEpisode:
    """One episode that ended in the last step.

    Args:
        world: Index of the world.
        tag: The mark that ``assign`` gave to this episode; -1 where it gave none.
        total_reward: Sum of rewards.
        steps: Control steps taken.
        terminated: Whether it ended in a terminal state, not by the clock.
        success: ``info["is_success"]`` of the last step.
        failure_mode: ``info["failure_mode"]`` of the last step; ``"diverged"`` where an observation or a
            reward was not finite.
        observation: The last observation, from before the reset; the last finite one of a diverged world.
    """

    world: int
    tag: int
    total_reward: float
    steps: int
    terminated: bool
    success: bool
    failure_mode: str
    observation: AnyObservation


class Transition(NamedTuple):
    """One step of all W worlds; ``observations`` (W, ...) of finished worlds are the first of their next episode."""

    observations: AnyObservation
    rewards: Array  # (W,)
    terminations: NDArray[np.bool_]  # (W,)
    truncations: NDArray[np.bool_]  # (W,)
    finished: tuple[FinishedEpisode, ...]  # in the order of worlds


class VectorWorlds(VectorEnv[AnyObservation, AnyArray, AnyArray]):
    """Copies of one environment, stepped by worker processes or in this one.

    For any Gymnasium environment whose actions are arrays and whose observations are arrays or a ``Dict`` of arrays;
    domains are for those that have a ``parameter_space``, in a wrapper or inside, and whose ``reset`` takes
    ``options={"domain": {...}}``. Worlds reset themselves in the step that ends an episode
    (``AutoresetMode.SAME_STEP``). Workers ignore Ctrl-C: the main process closes them.

    Args:
        make_env: Returns a new environment; called once here to learn the spaces, then once per world in the workers.
        worlds: Number of worlds, W.
        workers: Number of processes, at most W of which are used; 0 steps all worlds in this process.
        columns: Names of the parameters that ``assign`` gives values to, in this order.
        start_method: ``"fork"``, ``"spawn"`` or ``"forkserver"``; None is the platform's default.

    Raises:
        OptionError: If ``worlds < 1``, ``workers < 0``, or a space is no array of fixed shape or ``Dict`` of them.
        UnknownNameError: If a column is not a parameter of the environment.
        WorkerError: If an environment cannot be made in a worker.
    """

    def __init__(
        self,
        make_env: MakeEnv,
        worlds: int,
        workers: int = 0,
        *,
        columns: Sequence[str] = (),
        start_method: str | None = None,
    ) -> None:
        self.closed = True  # until there is something to close
        if worlds < 1 or workers < 0:
            raise OptionError(f"`worlds >= 1` and `workers >= 0` must hold, but got {worlds=}, {workers=}.")
        self.num_envs, self.columns = worlds, tuple(columns)
        self._learn_spaces(make_env)
        self._crew, self._board = make_crew(make_env, self._layout(), worlds, workers, self.columns, start_method)
        self._seen = self._board.observations("observation")
        self._last_seen = self._board.observations("final_observation")
        self.closed = False

    def _learn_spaces(self, make_env: MakeEnv) -> None:
        env = make_env()
        try:
            self.single_observation_space, self.single_action_space = env.observation_space, env.action_space
            has_parameters = env.has_wrapper_attr("parameter_space")
            self.parameter_space: ParameterSpace = (
                env.get_wrapper_attr("parameter_space") if has_parameters else ParameterSpace()
            )
            self.spec, self.render_mode = env.spec, env.render_mode
            self._picture_shape = _picture_shape(env)
        finally:
            env.close()
        for name in self.columns:
            if name not in self.parameter_space:
                place = f"a parameter of {self.spec.id if self.spec else 'this environment'}"
                raise UnknownNameError(name, place, self.parameter_space)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.metadata = {**env.metadata, "autoreset_mode": AutoresetMode.SAME_STEP}

    def _layout(self) -> Layout:
        fields_of_a_world: dict[str, tuple[tuple[int, ...], Any]] = {
            **fields("observation", self.single_observation_space),
            **fields("final_observation", self.single_observation_space),
            **_action_field(self.single_action_space),
            "next_values": ((len(self.columns),), np.float64),
            "next_seed": ((), np.int64),
            "next_tag": ((), np.int64),
            "assigned": ((), np.bool_),
            "reward": ((), np.float64),
            "terminated": ((), np.bool_),
            "truncated": ((), np.bool_),
            "tag": ((), np.int64),
            "total_reward": ((), np.float64),
            "steps": ((), np.int64),
            "success": ((), np.bool_),
            "failure_mode": ((), np.dtype("U24")),
            "picture": (self._picture_shape, np.uint8),
        }
        return {name: ((self.num_envs, *shape), np.dtype(kind)) for name, (shape, kind) in fields_of_a_world.items()}

    def assign(self, worlds: ArrayLike, values: ArrayLike, seeds: ArrayLike, tags: ArrayLike) -> None:
        """Say where worlds go at their next reset, automatic or not.

        The domain stays in force for later resets until another one is assigned; the seed is used once, and an
        episode for which none was assigned continues the random stream of its environment.

        Args:
            worlds: Indices (k,).
            values: Domains (k, n), SI, in the order of ``columns``.
            seeds: Seeds (k,), not negative.
            tags: Marks (k,) that come back with the finished episode.

        Raises:
            StateError: If values are not finite or have the wrong shape.
        """
        index = np.asarray(worlds, dtype=np.int64)
        rows = np.asarray(values, dtype=np.float64)
        if rows.shape != (len(index), len(self.columns)) or not np.isfinite(rows).all():
            wanted = (len(index), len(self.columns))
            raise StateError(f"Domains must be finite and of shape {wanted}, but got {rows.shape}: {rows.tolist()}.")
        self._check_open()
        board = self._board
        board["next_values"][index], board["next_seed"][index], board["next_tag"][index] = rows, seeds, tags
        board["assigned"][index] = True

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[AnyObservation, dict[str, Any]]:
        """Start all worlds anew; ``seed`` gives world i ``seed + i`` (or ``seed[i]``) in place of an assigned seed.

        Raises:
            OptionError: If there are options: domains come through ``assign``.
        """
        if options:
            raise OptionError(f"VectorWorlds.reset takes no options, but got {sorted(options)}; see `assign`.")
        self._check_open()
        if seed is not None:
            first = seed if isinstance(seed, int) else None
            super().reset(seed=first)
            self._board["next_seed"][:] = seed if first is None else first + np.arange(self.num_envs)
        self._carry_out(RESET)
        return self._seen.read_all(), {}

    def step(
        self, actions: AnyArray
    ) -> tuple[AnyObservation, Array, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step all worlds; the finished ones report under ``final_obs`` and ``final_info``."""
        self.step_async(actions)
        transition = self.step_wait()
        infos: dict[str, Any] = {}
        for episode in transition.finished:
            summary = {
                "episode": {"r": episode.total_reward, "l": episode.steps},
                "is_success": episode.success,
                "failure_mode": episode.failure_mode,
                "tag": episode.tag,
            }
            infos = self._add_info(infos, {"final_obs": episode.observation, "final_info": summary}, episode.world)
        return transition.observations, transition.rewards, transition.terminations, transition.truncations, infos

    def step_async(self, actions: ArrayLike) -> None:
        """Let the workers begin a step with ``actions`` (W, ...); ``step_wait`` must follow."""
        self._check_open()
        self._board["action"][:] = actions
        self._begin(STEP)

    def step_wait(self) -> Transition:
        """Return what the step gave; arrays belong to the caller."""
        self._wait()
        board = self._board
        terminations, truncations = board["terminated"].copy(), board["truncated"].copy()
        done = np.flatnonzero(terminations | truncations)
        finished = tuple(self._finished(int(world)) for world in done)
        return Transition(self._seen.read_all(), board["reward"].copy(), terminations, truncations, finished)

    def _finished(self, world: int) -> FinishedEpisode:
        board = self._board
        return FinishedEpisode(
            world=world,
            tag=int(board["tag"][world]),
            total_reward=float(board["total_reward"][world]),
            steps=int(board["steps"][world]),
            terminated=bool(board["terminated"][world]),
            success=bool(board["success"][world]),
            failure_mode=str(board["failure_mode"][world]),
            observation=self._last_seen.read(world),
        )

    def render(self) -> tuple[AnyArray, ...] | None:
        """Return a picture (height, width, 3) of every world where ``render_mode="rgb_array"``, else None."""
        if self._picture_shape == _NO_PICTURE:
            return None
        self._check_open()
        self._carry_out(RENDER)
        return tuple(self._board["picture"].copy())

    def _carry_out(self, command: bytes) -> None:
        self._begin(command)
        self._wait()

    def _begin(self, command: bytes) -> None:
        try:
            self._crew.begin(command)
        except WorkerError:
            self.close()
            raise

    def _wait(self) -> None:
        try:
            self._crew.wait()
        except WorkerError:
            self.close()
            raise

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError("These worlds are closed; make new ones.")

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the workers; called by ``close``, which may be called twice."""
        self._crew.close()

    def __del__(self) -> None:
        if not self.closed:
            self.close()


def _picture_shape(env: gymnasium.Env[Any, Any]) -> tuple[int, ...]:
    if env.render_mode != "rgb_array":
        return _NO_PICTURE
    env.reset(seed=0)
    return np.asarray(env.render()).shape


def _action_field(space: gymnasium.Space[Any]) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    if isinstance(space, Dict):
        raise OptionError(f"Actions must be arrays of a fixed shape, but got {space}.")
    return fields("action", space)
