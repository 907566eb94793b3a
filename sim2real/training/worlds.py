"""The worlds of a training, as Stable-Baselines3 sees them, and the domains that they are sent to.

Domains are drawn here, in the main process, from one stream and in the order of
(step, world). Finished episodes are kept together with their draws, so that a
randomizer can learn from training for free.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from sim2real.errors import TooManyDivergences
from sim2real.randomizers.base import Draws, IntArray, Practice, Randomizer
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.vector import FinishedEpisode, VectorWorlds

logger = logging.getLogger(__name__)

_BATCH = 64  # draws at a time: one call of `sample` costs about as much as sixty
_FEW, _SHARE = 5, 0.01  # more diverged episodes than both stop a training


class DomainSupply:
    """Domains and seeds in the order in which worlds ask for them; remembers what it gave."""

    def __init__(self, randomizer: Randomizer, domains: np.random.Generator, seeds: np.random.Generator) -> None:
        self._randomizer, self._domains, self._seeds = randomizer, domains, seeds
        self._batches: list[Draws] = []
        self._given = 0

    def take(self, count: int) -> tuple[Array, IntArray, IntArray]:
        """Return values (k, n), seeds (k,) and tags (k,): running numbers by which ``draws`` finds them again."""
        tags = np.arange(self._given, self._given + count, dtype=np.int64)
        self._given += count
        while len(self._batches) * _BATCH < self._given:
            self._batches.append(self._randomizer.sample(self._domains, _BATCH))
        return self.draws(tags).values, self._seeds.integers(2**31, size=count), tags

    def draws(self, tags: Sequence[int] | IntArray) -> Draws:
        """Return the draws of these running numbers."""
        places = [divmod(int(tag), _BATCH) for tag in tags]
        width = len(self._randomizer.space)
        return Draws(
            np.array([self._batches[b].values[i] for b, i in places]).reshape(len(places), width),
            np.array([self._batches[b].log_prob[i] for b, i in places]),
            np.array([self._batches[b].tag[i] for b, i in places], dtype=np.int64),
        )

    def domain(self, tag: int) -> dict[str, float]:
        """Return the domain of one running number."""
        return self._randomizer.space.to_domain(self.draws([tag]).values[0])


class TrainingWorlds(VecEnv):
    """``VectorWorlds`` behind the interface of Stable-Baselines3.

    Call ``begin`` before ``reset``: it says where domains and seeds come from.

    Raises:
        OptionError: If actions are not a box from -1 to 1, or observations not a flat box.
        TooManyDivergences: From ``step_wait``, if more than 5 and more than 1 % of the episodes since ``begin``
            diverged.
    """

    def __init__(self, worlds: VectorWorlds) -> None:
        observations, actions = worlds.single_observation_space, worlds.single_action_space
        if not (isinstance(observations, Box) and len(observations.shape) == 1):
            raise OptionError(f"Training needs flat observations of shape (o,), but got {observations}.")
        if not (isinstance(actions, Box) and (actions.low == -1.0).all() and (actions.high == 1.0).all()):
            raise OptionError(f"Training needs actions in [-1, 1], but got {actions}.")
        self._worlds = worlds
        self._finished: list[FinishedEpisode] = []
        self._told = self._diverged = 0
        super().__init__(worlds.num_envs, observations, actions)

    def begin(self, supply: DomainSupply) -> None:
        """Draw from ``supply`` from now on, and forget the episodes so far."""
        self._supply = supply
        self._finished.clear()
        self._told = self._diverged = 0

    def _send(self, which: Sequence[int]) -> None:
        self._worlds.assign(which, *self._supply.take(len(which)))

    def reset(self) -> NDArray[Any]:
        every = range(self.num_envs)
        self._send(every)
        observations, _ = self._worlds.reset()
        self._send(every)
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        self._worlds.step_async(actions)

    def step_wait(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
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
        self._finished.append(episode)
        if episode.failure_mode != "diverged":
            return
        self._diverged += 1
        domain = self._supply.domain(episode.tag)
        logger.warning("A world diverged after %d steps in domain %s.", episode.steps, domain)
        if self._diverged > max(_FEW, _SHARE * len(self._finished)):
            raise TooManyDivergences(
                f"{self._diverged} of {len(self._finished)} training episodes diverged, the last in domain {domain}. "
                "Narrow the ranges of the parameters, or shorten physics.timestep."
            )

    def take_finished(self) -> list[FinishedEpisode]:
        """Return the episodes that ended since the last call."""
        fresh, self._told = self._finished[self._told :], len(self._finished)
        return fresh

    def practice(self) -> Practice:
        """Return all episodes that ended since ``begin``, in the order of (step, world)."""
        return Practice(
            self._supply.draws([episode.tag for episode in self._finished]),
            np.array([episode.success for episode in self._finished], dtype=np.bool_),
            np.array([episode.total_reward for episode in self._finished], dtype=np.float64),
        )

    def close(self) -> None:
        self._worlds.close()

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
