"""A policy with an LSTM, in NumPy: what a training with recurrent PPO returns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import PolicyError
from sim2real.policy import (
    SCHEMA,
    Activation,
    Layer,
    Policy,
    RememberingPolicy,
    frozen_array,
    through_layers,
    write_policy,
)
from sim2real_envs.parameters import Array

Floats = NDArray[np.float32]
_EPSILON = 1e-8
_LEARNER = "learner/"


class Lstm(NamedTuple):
    """One LSTM layer of H units for inputs (i,): gates in torch's order, input, forget, cell, output.

    ``gates = weight_input @ x + weight_hidden @ h + bias``, and with these ``c' = sigmoid(forget) c + sigmoid(input)
    tanh(cell)`` and ``h' = sigmoid(output) tanh(c')`` (Hochreiter and Schmidhuber 1997, with forget gates).
    """

    weight_input: Floats  # (4 H, i)
    weight_hidden: Floats  # (4 H, H)
    bias: Floats  # (4 H,)


@dataclass(frozen=True, eq=False)
class RecurrentPolicy(RememberingPolicy):
    """A frozen LSTM with a network behind it, float32 inside: about 30 us a call.

    What the LSTM sees is the observation with the last action behind it, x = (o + a,), normalized as by ``MlpPolicy``;
    its hidden state goes through the hidden layers and a linear last one, and is clipped to [-1, 1]. Hidden state, cell
    state and last action are zeros at the start of an episode.

    Args:
        env_id: The environment that it was trained in.
        algorithm: What trained it: ``"PPO"``.
        lstm: The LSTM.
        layers: Weight (out, in) and bias (out,) of each layer behind it, first to last.
        activation: Of the hidden layers.
        mean: Mean of x, (o + a,).
        variance: Variance of x, (o + a,).
        clip: Bound of a normalized number.
        learner: Everything else that training can continue from, in the trainer's own names; empty where it cannot.

    Raises:
        PolicyError: If shapes do not fit together, or a number is not finite.
    """

    env_id: str
    algorithm: str
    lstm: Lstm
    layers: tuple[Layer, ...]
    activation: Activation
    mean: Array
    variance: Array
    clip: float = 10.0
    learner: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lstm", Lstm(*(frozen_array(each, np.float32) for each in self.lstm)))
        layers = tuple((frozen_array(w, np.float32), frozen_array(b, np.float32)) for w, b in self.layers)
        object.__setattr__(self, "layers", layers)
        for name in ("mean", "variance"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.float64))
        learner = {name: frozen_array(array, array.dtype) for name, array in self.learner.items()}
        object.__setattr__(self, "learner", MappingProxyType(learner))
        self._check()

    def _check(self) -> None:
        if self.activation not in ("tanh", "relu"):
            raise PolicyError(f"`activation` must be 'tanh' or 'relu', but got {self.activation!r}.")
        width, (size, gates) = self.mean.shape, (self.units, self.lstm.bias.shape)
        fits = len(width) == 1 and self.variance.shape == width and bool(self.layers) and gates == (4 * size,)
        fits = fits and self.lstm.weight_input.shape == (*gates, *width) and self.lstm.weight_hidden.shape[:1] == gates
        width = (size,)
        for weight, bias in self.layers:
            fits = fits and weight.ndim == 2 and weight.shape[1:] == width and bias.shape == weight.shape[:1]
            width = weight.shape[:1]
        if not fits or self.observation_size < 1:
            shapes = [array.shape for array in (*self.lstm, *(a for layer in self.layers for a in layer))]
            raise PolicyError(
                "An LSTM (4 H, i), (4 H, H), (4 H,) and layers (out, in), (out,) must chain from observation and last "
                f"action on, but got {shapes} for a mean of shape {self.mean.shape} and a variance of shape "
                f"{self.variance.shape}."
            )
        if not all(np.isfinite(array).all() for array in self.arrays().values()) or (self.variance < 0.0).any():
            raise PolicyError("Every number of a policy must be finite and its variance not negative.")

    def __reduce__(self) -> tuple[type[RecurrentPolicy], tuple[object, ...]]:
        values = (getattr(self, each.name) for each in fields(self) if each.name != "learner")
        return type(self), (*values, dict(self.learner))

    @property
    def units(self) -> int:
        """Numbers in the hidden state, H."""
        return int(self.lstm.weight_hidden.shape[-1])

    @property
    def observation_size(self) -> int:
        """Numbers in one observation."""
        return len(self.mean) - self.action_size

    @property
    def action_size(self) -> int:
        """Numbers in an action."""
        return len(self.layers[-1][1])

    def begin(self) -> Policy:
        """Return what acts through one episode."""
        return _Recurrence(self)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every number of the policy by name, as it stands in ``policy.npz``."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "variance": self.variance}
        arrays |= {f"lstm_{name}": array for name, array in self.lstm._asdict().items()}
        for number, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight_{number}": weight, f"bias_{number}": bias}
        return arrays | {_LEARNER + name: array for name, array in self.learner.items()}

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``policy.npz`` and ``policy.json`` into ``folder``, each whole and renamed into place."""
        head = {
            "schema": SCHEMA,
            "env_id": self.env_id,
            "algorithm": self.algorithm,
            "memory": "recurrent",
            "observation_size": self.observation_size,
            "action_size": self.action_size,
            "units": self.units,
            "hidden": [len(bias) for _, bias in self.layers[:-1]],
            "activation": self.activation,
            "clip": self.clip,
        }
        write_policy(Path(folder), head, self.arrays())

    @classmethod
    def from_parts(cls, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> RecurrentPolicy:
        """Return the policy that ``save`` took apart.

        Raises:
            KeyError: If a part is missing.
        """
        return cls(
            env_id=head["env_id"],
            algorithm=head["algorithm"],
            lstm=Lstm(*(arrays[f"lstm_{name}"] for name in Lstm._fields)),
            layers=tuple((arrays[f"weight_{n}"], arrays[f"bias_{n}"]) for n in range(len(head["hidden"]) + 1)),
            activation=head["activation"],
            mean=arrays["mean"],
            variance=arrays["variance"],
            clip=float(head["clip"]),
            learner={name[len(_LEARNER) :]: array for name, array in arrays.items() if name.startswith(_LEARNER)},
        )


class _Recurrence:
    """Acts through one episode."""

    def __init__(self, policy: RecurrentPolicy) -> None:
        self._policy = policy
        self._scale = 1.0 / np.sqrt(policy.variance + _EPSILON)
        self._hidden = np.zeros(policy.units, dtype=np.float32)
        self._cell = np.zeros(policy.units, dtype=np.float32)
        self._done = np.zeros(policy.action_size, dtype=np.float32)

    def __call__(self, observation: Array) -> Array:
        """Return the action (a,) in [-1, 1] for an observation (o,).

        Raises:
            PolicyError: If the observation has another shape.
        """
        policy, lstm = self._policy, self._policy.lstm
        if observation.shape != (policy.observation_size,):
            raise PolicyError(
                f"This policy of {policy.env_id} takes observations of shape {(policy.observation_size,)}, "
                f"but got {observation.shape}."
            )
        seen = np.concatenate([np.asarray(observation, dtype=np.float32), self._done])
        x = np.clip((seen - policy.mean) * self._scale, -policy.clip, policy.clip).astype(np.float32)
        gates = lstm.weight_input.dot(x) + lstm.weight_hidden.dot(self._hidden) + lstm.bias
        units = policy.units
        into, forget, output = (_sigmoid(gates[first : first + units]) for first in (0, units, 3 * units))
        self._cell = forget * self._cell + into * np.tanh(gates[2 * units : 3 * units])
        self._hidden = output * np.tanh(self._cell)
        means = through_layers(policy.layers, self._hidden, rectify=policy.activation == "relu")
        action: Array = np.clip(means, -1.0, 1.0).astype(np.float64)
        if np.isfinite(action).all():  # as ActionHistory does
            self._done = action.astype(np.float32)
        return action


def _sigmoid(x: Floats) -> Floats:
    half: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1.0))  # does not overflow
    return half
