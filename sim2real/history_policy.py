"""A policy that sees the last few observations and actions: what a training with an asymmetric critic returns.

The critic of that training knew the domain of every episode (Pinto et al.,
Asymmetric Actor Critic for Image-Based Robot Learning, 2018); what is kept here
is the actor alone, which has to guess the domain from how the world answered.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import PolicyError
from sim2real.policy import MlpPolicy, Policy, RememberingPolicy, write_policy
from sim2real_envs.parameters import Array


@dataclass(frozen=True, eq=False)
class HistoryPolicy(RememberingPolicy):
    """A frozen network over the last ``history`` observations and actions.

    The network sees the observations, oldest first, then the actions, oldest first: (h o + h a,), as the wrappers
    ``ObservationHistory`` and ``ActionHistory`` give them. At the start of an episode the first observation stands in
    for those before it, and zeros for the actions. Environments and robots are not wrapped: what ``begin`` returns
    keeps the history.

    Args:
        network: Takes the history.
        history: Number of observations, the current one among them, and of actions, h.

    Raises:
        PolicyError: If the network does not take so many numbers.
    """

    network: MlpPolicy
    history: int

    def __post_init__(self) -> None:
        each, rest = divmod(self.network.observation_size, max(self.history, 1))
        if self.history < 1 or rest != 0 or each <= self.action_size:
            raise PolicyError(
                f"The network must take `history` observations and actions of {self.action_size} numbers each, but "
                f"takes {self.network.observation_size} numbers, and history={self.history}."
            )

    @property
    def env_id(self) -> str:
        """The environment that it was trained in."""
        return self.network.env_id

    @property
    def algorithm(self) -> str:
        """What trained it."""
        return self.network.algorithm

    @property
    def learner(self) -> Mapping[str, NDArray[Any]]:
        """Everything else that training can continue from, the critic among it; empty where it cannot."""
        return self.network.learner

    @property
    def observation_size(self) -> int:
        """Numbers in one observation."""
        return self.network.observation_size // self.history - self.action_size

    @property
    def action_size(self) -> int:
        """Numbers in an action."""
        return self.network.action_size

    def begin(self) -> Policy:
        """Return what acts through one episode."""
        return _History(self)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every number of the policy by name, as it stands in ``policy.npz``."""
        return self.network.arrays()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``policy.npz`` and ``policy.json`` into ``folder``, each whole and renamed into place."""
        write_policy(Path(folder), self.network.head() | {"memory": "history", "history": self.history}, self.arrays())

    @classmethod
    def from_parts(cls, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> HistoryPolicy:
        """Return the policy that ``save`` took apart.

        Raises:
            KeyError: If a part is missing.
        """
        return cls(MlpPolicy.from_parts(head, arrays), int(head["history"]))


class _History:
    """Acts through one episode."""

    def __init__(self, policy: HistoryPolicy) -> None:
        self._policy = policy
        self._seen: deque[NDArray[np.float32]] = deque(maxlen=policy.history)
        self._done: deque[NDArray[np.float32]] = deque(maxlen=policy.history)
        self._done.extend([np.zeros(policy.action_size, dtype=np.float32)] * policy.history)

    def __call__(self, observation: Array) -> Array:
        """Return the action (a,) in [-1, 1] for an observation (o,).

        Raises:
            PolicyError: If the observation has another shape.
        """
        policy = self._policy
        if observation.shape != (policy.observation_size,):
            raise PolicyError(
                f"This policy of {policy.env_id} takes observations of shape {(policy.observation_size,)}, "
                f"but got {observation.shape}."
            )
        seen = np.array(observation, dtype=np.float32)
        self._seen.extend([seen] * (1 if self._seen else policy.history))
        action = policy.network(np.concatenate([*self._seen, *self._done]))
        if np.isfinite(action).all():  # as ActionHistory does
            self._done.append(action.astype(np.float32))
        return action
