"""Expert labels: worlds whose observation carries, behind its own numbers, what the expert would do now.

The expert sees the true state, which stays in the worker; the learner sees the
observation. Both cross the shared memory as one flat array in the observation's
own type, so that images stay bytes and the label is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

import sim2real_envs
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array

Floats = NDArray[np.float32]


class Teaching(Protocol):
    """What ``env.unwrapped`` of an environment with an expert offers."""

    def expert_action(self) -> Array:
        """Return what the expert would do now, (a,) in [-1, 1], from the true state."""


class Packing(NamedTuple):
    """How observation and label share one flat array: shape and type of the one, length of the other."""

    shape: tuple[int, ...]
    kind: np.dtype[Any]
    actions: int

    @property
    def label_items(self) -> int:
        """Items of the observation's type that a label takes."""
        return self.actions * np.dtype(np.float32).itemsize // self.kind.itemsize

    def pack(self, observation: NDArray[Any], label: Array) -> NDArray[Any]:
        """Return observation and label (a,) in one array."""
        return np.concatenate([observation.ravel(), np.asarray(label, dtype=np.float32).view(self.kind)])

    def split(self, packed: NDArray[Any]) -> tuple[NDArray[Any], Floats]:
        """Return observations (w, ...) and labels (w, a) of packed rows (w, n)."""
        width = self.label_items
        observations = packed[:, :-width].reshape(len(packed), *self.shape)
        return observations, np.ascontiguousarray(packed[:, -width:]).view(np.float32)


class Labelled(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Puts the expert's action behind every observation, as ``packing_of`` says.

    Raises:
        OptionError: If the environment has no expert, its observation is neither numbers (o,) nor an image (h, w, c),
            or its actions are not numbers from -1 to 1.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        self._packing = packing_of(env)
        self._teacher = cast(Teaching, env.unwrapped)
        size = int(np.prod(self._packing.shape)) + self._packing.label_items
        low, high = (0, 255) if self._packing.kind == np.uint8 else (-np.inf, np.inf)
        self.observation_space = Box(low, high, (size,), self._packing.kind.type)

    def _packed(self, observation: NDArray[Any]) -> NDArray[Any]:
        return self._packing.pack(observation, self._teacher.expert_action())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        observation, info = self.env.reset(seed=seed, options=options)
        return self._packed(observation), info

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:  # there is nothing to do any more, and a diverged world has no state to ask
            packed = self._packing.pack(observation, np.zeros(self._packing.actions))
        else:
            packed = self._packed(observation)
        return packed, float(reward), terminated, truncated, info


def packing_of(env: gymnasium.Env[Any, Any]) -> Packing:
    """Return how the observations and labels of an environment are packed.

    Raises:
        OptionError: As in ``Labelled``.
    """
    seen, done, world = env.observation_space, env.action_space, env.unwrapped
    name = env.spec.id if env.spec is not None else type(world).__name__
    if not callable(getattr(world, "expert_action", None)):
        raise OptionError(f"DAgger learns from a scripted expert, but {name} has none: no `expert_action()`.")
    kinds = {1: np.float32, 3: np.uint8}
    if not (isinstance(seen, Box) and seen.dtype == kinds.get(len(seen.shape))):
        raise OptionError(
            f"DAgger learns from numbers (o,), float32, or images (h, w, c), uint8, but {name} gives {seen}."
        )
    if not (isinstance(done, Box) and len(done.shape) == 1 and (done.low == -1.0).all() and (done.high == 1.0).all()):
        raise OptionError(f"Training needs actions in [-1, 1], but got {done}.")
    return Packing(seen.shape, np.dtype(seen.dtype), done.shape[0])


def make_labelled(env_id: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """Make an environment whose observations carry the expert's action."""
    return Labelled(sim2real_envs.make(env_id, **options))
