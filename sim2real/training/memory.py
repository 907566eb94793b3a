"""What a policy remembers, what its critic may know, and the worlds that show both of them their part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

import sim2real_envs
from sim2real.history_policy import HistoryPolicy
from sim2real.policy import MlpPolicy
from sim2real.recurrent_policy import RecurrentPolicy
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.wrappers import ActionHistory, ObservationHistory, PrivilegedDomain

Learned: TypeAlias = MlpPolicy | HistoryPolicy | RecurrentPolicy
Kind: TypeAlias = Literal["mlp", "asymmetric", "recurrent"]
KINDS: tuple[str, ...] = get_args(Kind)
HISTORY = 4
KNOWN_MEAN, KNOWN_VARIANCE = 0.5, 1.0 / 12.0  # of a number that is uniform in the unit cube

_KEPT: Mapping[str, type[Learned]] = {
    "mlp": MlpPolicy,
    "asymmetric": HistoryPolicy,
    "recurrent": RecurrentPolicy,
}


@dataclass(frozen=True)
class Memory:
    """What a policy remembers.

    Args:
        kind: ``"mlp"``: nothing. ``"asymmetric"``: the last observations and actions, while its critic knows the
            domain (Pinto et al., 2018). ``"recurrent"``: an LSTM over observation and last action (PPO only).
        history: Of ``"asymmetric"``: how many observations and actions.

    Raises:
        UnknownNameError: If there is no such kind.
        OptionError: If ``history < 1``.
    """

    kind: Kind = "mlp"
    history: int = HISTORY

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownNameError(self.kind, "a kind of policy", KINDS)
        if self.history < 1:
            raise OptionError(f"`history >= 1` must hold, but got history={self.history}.")

    @property
    def kept(self) -> type[Learned]:
        """What a run keeps of such a training."""
        return _KEPT[self.kind]

    def known(self, space: ParameterSpace) -> int:
        """Return how many numbers at the end of an observation are the critic's alone."""
        return len(space) if self.kind == "asymmetric" else 0

    def to_dict(self, space: ParameterSpace) -> dict[str, Any]:
        """Return plain values for a fingerprint; ``space`` is what the critic knows. Empty for a plain network."""
        if self.kind == "asymmetric":
            ranges = [(name, parameter.low, parameter.high) for name, parameter in space.items()]
            return {"kind": self.kind, "history": self.history, "known": ranges}
        return {} if self.kind == "mlp" else {"kind": self.kind}

    def maker(
        self, env_id: str, options: Mapping[str, Any], space: ParameterSpace
    ) -> Callable[[], gymnasium.Env[Any, Any]]:
        """Return what makes an environment whose observations are what actor and critic see."""
        plain = partial(sim2real_envs.make, env_id, **options)
        return plain if self.kind == "mlp" else partial(_seen_by, plain, self, space)


PLAIN = Memory()


def _seen_by(make: Callable[[], gymnasium.Env[Any, Any]], memory: Memory, space: ParameterSpace) -> Any:
    if memory.kind == "recurrent":
        return ActionHistory(make(), 1)
    return KnownDomain(ActionHistory(ObservationHistory(make(), memory.history), memory.history), space)


class KnownDomain(gymnasium.Wrapper[Any, Any, Any, Any]):
    """The observation with the domain in force behind it: (o,) becomes (o + n,), the last n in the unit cube.

    Args:
        env: Its observations are flat.
        space: What is shown, in the ranges that make the unit cube; a parameter that the environment does not have
            (a target's world on another engine, say) is 0.5.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], space: ParameterSpace) -> None:
        there = getattr(env.unwrapped, "parameter_space", ())
        self._columns = [column for column, name in enumerate(space) if name in there]
        super().__init__(PrivilegedDomain(env, space.subset([name for name in space if name in there])))
        self._domain = np.full(len(space), KNOWN_MEAN, dtype=np.float32)
        box = env.observation_space
        if not (isinstance(box, Box) and len(box.shape) == 1):
            raise OptionError(f"A policy with memory needs flat observations of shape (o,), but got {box}.")
        endless = np.full(len(space), np.inf, dtype=np.float32)
        low, high = np.concatenate([box.low, -endless]), np.concatenate([box.high, endless])
        self.observation_space = Box(low, high, dtype=np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._joined(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, in the same domain."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._joined(observation), reward, terminated, truncated, info

    def _joined(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        self._domain[self._columns] = observation["domain"]
        return np.concatenate([observation["observation"], self._domain], dtype=np.float32)
