"""What was seen and done before, as part of the observation: for policies without a memory.

Past actions tell a policy what is still on its way through a delayed actuator,
past observations how the world answers: both help where domains are randomized.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from sim2real_envs.board import AnyArray
from sim2real_envs.errors import OptionError
from sim2real_envs.wrappers.views import View


class ObservationHistory(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The last ``n`` observations, oldest first, joined along their last axis.

    Numbers (o,) become (n o,), and an image (H, W, c) becomes (H, W, n c). At a reset the first observation stands in
    for those before it. ``gymnasium.wrappers.FrameStackObservation`` adds an axis instead, which policies of flat
    observations and of images do not take.

    Args:
        env: Its observations are a ``Box``, or a ``Dict`` of them.
        n: Number of observations, the current one among them.
        key: Which array of a ``Dict``; by default ``"observation"`` or ``"proprioception"``.

    Raises:
        OptionError: If ``n < 1``, or the array is not a ``Box`` with at least one axis.
        UnknownNameError: If there is no such key.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], n: int, key: str | None = None) -> None:
        super().__init__(env)
        self._view = View(env, key)
        self._seen: deque[AnyArray] = deque(maxlen=_count(n, 1))
        low, high = (np.concatenate([bound] * n, axis=-1) for bound in (self._view.box.low, self._view.box.high))
        self.observation_space = self._view.space_with(Box(low, high, dtype=self._view.box.dtype.type))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; its first observation fills the history."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._seen.extend([self._view.read(observation)] * (self._seen.maxlen or 0))
        return self._joined(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act; the oldest observation leaves the history."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._seen.append(self._view.read(observation))
        return self._joined(observation), reward, terminated, truncated, info

    def _joined(self, observation: Any) -> Any:
        return self._view.replaced(observation, np.concatenate(self._seen, axis=-1))


class ActionHistory(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The last ``n`` actions, oldest first, behind the numbers of a flat observation: (o,) to (o + n a,).

    At a reset they are zeros. Actions are kept as they were asked for, clipped to the action space; one with NaN is
    not kept. Environments of this package do the same by their option ``past_actions``.

    Args:
        env: Its actions are a ``Box``, its observations a flat ``Box`` or a ``Dict`` with one.
        n: Number of actions.
        key: Which array of a ``Dict``; by default ``"observation"`` or ``"proprioception"``.

    Raises:
        OptionError: If ``n < 1``, actions are not a ``Box``, or the array is not flat.
        UnknownNameError: If there is no such key.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], n: int, key: str | None = None) -> None:
        super().__init__(env)
        self._view, actions = View(env, key), env.action_space
        if not isinstance(actions, Box):
            raise OptionError(f"Only actions in a Box can be remembered, but got {actions}.")
        box = self._view.box
        if len(box.shape) != 1:
            raise OptionError(f"Actions can only be added to a flat observation, but got {box}.")
        self._actions, self._done = actions, deque[AnyArray](maxlen=_count(n, 1))
        low = np.concatenate([box.low, *[actions.low.ravel()] * n]).astype(box.dtype)
        high = np.concatenate([box.high, *[actions.high.ravel()] * n]).astype(box.dtype)
        self.observation_space = self._view.space_with(Box(low, high, dtype=box.dtype.type))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, with zeros for the actions before it."""
        observation, info = self.env.reset(seed=seed, options=options)
        zeros = np.zeros(int(np.prod(self._actions.shape)), self._view.box.dtype)
        self._done.extend([zeros] * (self._done.maxlen or 0))
        return self._joined(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act; the oldest action leaves the history."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        asked = np.clip(np.ravel(action), self._actions.low.ravel(), self._actions.high.ravel())
        if np.isfinite(asked).all():
            self._done.append(asked.astype(self._view.box.dtype))
        return self._joined(observation), reward, terminated, truncated, info

    def _joined(self, observation: Any) -> Any:
        return self._view.replaced(observation, np.concatenate([self._view.read(observation), *self._done]))


def _count(n: int, least: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < least:
        raise OptionError(f"`n >= {least}` must hold for a whole number, but got {n=}.")
    return n
