"""The worlds of a training, as Stable-Baselines3 sees them, and the domains that they are sent to.

Domains are drawn here, in the main process, from one stream and in the order of
(step, world). Finished episodes are kept together with their draws, so that a
randomizer can learn from training for free.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from sim2real.errors import TooManyDivergences
from sim2real.randomizers.base import Practice
from sim2real.training.supply import DomainSupply
from sim2real_envs.board import AnyArray
from sim2real_envs.errors import OptionError
from sim2real_envs.vector import FinishedEpisode, VectorWorlds

__all__ = ["DomainSupply", "SuppliedWorlds", "TrainingWorlds"]

logger = logging.getLogger(__name__)

_FEW, _SHARE = 5, 0.01  # more diverged episodes than both stop a training


class _Ended(NamedTuple):
    """What practice keeps of an episode."""

    tag: int
    success: bool
    total_reward: float


class SuppliedWorlds(VecEnv):
    """``VectorWorlds`` behind the interface of Stable-Baselines3, each episode in a domain of a supply.

    Call ``begin`` before ``reset``: it says where domains and seeds come from.

    Args:
        worlds: What is stepped, of any observation and action space.
        remembered: How many finished episodes ``practice`` goes back; None for all.

    Raises:
        TooManyDivergences: From ``step_wait``, if more than 5 and more than 1 % of the episodes since ``begin``
            diverged.
    """

    def __init__(self, worlds: VectorWorlds, remembered: int | None = None) -> None:
        self._worlds, self._remembered = worlds, remembered
        self._ended: deque[_Ended] = deque()
        self._count = self._diverged = 0
        super().__init__(worlds.num_envs, worlds.single_observation_space, worlds.single_action_space)

    def begin(self, supply: DomainSupply) -> None:
        """Draw from ``supply`` from now on, and forget the episodes so far."""
        self._supply = supply
        self._ended.clear()
        self._count = self._diverged = 0

    def _send(self, which: Sequence[int]) -> None:
        self._worlds.assign(which, *self._supply.take(len(which)))

    def reset(self) -> Any:
        every = range(self.num_envs)
        self._send(every)
        observations, _ = self._worlds.reset()
        self._send(every)
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        self._worlds.step_async(actions)

    def step_wait(self) -> tuple[Any, AnyArray, AnyArray, list[dict[str, Any]]]:
        step = self._worlds.step_wait()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for episode in step.finished:
            infos[episode.world] = {
                "terminal_observation": episode.observation,
                "TimeLimit.truncated": not episode.terminated,
                "episode": {"r": episode.total_reward, "l": episode.steps, "t": 0.0},
                "is_success": episode.success,
            }
            self._note(episode)
        if step.finished:
            self._send([episode.world for episode in step.finished])
        return step.observations, step.rewards, step.terminations | step.truncations, infos

    def _note(self, episode: FinishedEpisode) -> None:
        self._ended.append(_Ended(episode.tag, episode.success, episode.total_reward))
        self._count += 1
        if episode.failure_mode == "diverged":
            self._note_divergence(episode)
        while self._remembered is not None and len(self._ended) > self._remembered:
            self._supply.forget([self._ended.popleft().tag])

    def _note_divergence(self, episode: FinishedEpisode) -> None:
        self._diverged += 1
        domain = self._supply.domain(episode.tag)
        logger.warning("A world diverged after %d steps in domain %s.", episode.steps, domain)
        if self._diverged > max(_FEW, _SHARE * self._count):
            raise TooManyDivergences(
                f"{self._diverged} of {self._count} training episodes diverged, the last in domain {domain}. "
                "Narrow the ranges of the parameters, or shorten physics.timestep."
            )

    def practice(self) -> Practice:
        """Return all episodes that ended since ``begin``, in the order of (step, world)."""
        return Practice(
            self._supply.draws([episode.tag for episode in self._ended]),
            np.array([episode.success for episode in self._ended], dtype=np.bool_),
            np.array([episode.total_reward for episode in self._ended], dtype=np.float64),
        )

    def close(self) -> None:
        self._worlds.close()

    def get_images(self) -> Sequence[AnyArray | None]:
        """Return a picture of every world, where ``render_mode="rgb_array"``."""
        return self._worlds.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute common to all worlds; theirs stay in the workers."""
        return [getattr(self._worlds, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        raise NotImplementedError("The worlds of a training are in worker processes and take domains only.")

    def env_method(
        self, method_name: str, *args: Any, indices: int | Iterable[int] | None = None, **kwargs: Any
    ) -> list[Any]:
        raise NotImplementedError("The worlds of a training are in worker processes and take domains only.")

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        return [False] * len(list(self._get_indices(indices)))


class TrainingWorlds(SuppliedWorlds):
    """The worlds of our own trainers, which take flat observations and actions in [-1, 1].

    Raises:
        OptionError: If actions are not a box from -1 to 1, or observations not a flat box.
    """

    def __init__(self, worlds: VectorWorlds) -> None:
        observations, actions = worlds.single_observation_space, worlds.single_action_space
        if not (isinstance(observations, Box) and len(observations.shape) == 1):
            raise OptionError(f"Training needs flat observations of shape (o,), but got {observations}.")
        if not (isinstance(actions, Box) and (actions.low == -1.0).all() and (actions.high == 1.0).all()):
            raise OptionError(f"Training needs actions in [-1, 1], but got {actions}.")
        self._fresh: list[FinishedEpisode] = []
        super().__init__(worlds)

    def begin(self, supply: DomainSupply) -> None:
        self._fresh.clear()
        super().begin(supply)

    def _note(self, episode: FinishedEpisode) -> None:
        self._fresh.append(episode)
        super()._note(episode)

    def take_finished(self) -> list[FinishedEpisode]:
        """Return the episodes that ended since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh
