"""Policies as the rest of the toolkit sees them: NumPy in, NumPy out, no learning library.

``MlpPolicy`` is what a training returns: observation normalization, a small
network and the bounds of the action, baked into plain arrays. On disk it is a
folder with ``policy.json`` and ``policy.npz``; nothing of it is pickled. Its
sibling for images is ``sim2real.conv_policy.ConvPolicy``; policies that remember
the episode so far are in ``sim2real.history_policy`` and
``sim2real.recurrent_policy``, and ``for_episode`` gives what acts in one episode.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import PolicyError
from sim2real_envs.parameters import Array

Layer: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
Activation: TypeAlias = Literal["tanh", "relu"]
Output: TypeAlias = Literal["clip", "tanh"]

SCHEMA = 1
_EPSILON = 1e-8  # added to the variance, as Stable-Baselines3's VecNormalize does
_LEARNER = "learner/"


class Policy(Protocol):
    """Maps an observation to an action; deterministic, picklable, free of torch."""

    def __call__(self, observation: Array) -> Array:
        """Return the action (a,) in [-1, 1] for an observation (o,)."""


class RememberingPolicy(ABC):
    """A policy whose action depends on the episode so far.

    It is a frozen value like every policy, and has no memory itself: ``begin`` returns what acts through one episode,
    with an empty memory. Nothing can so leak from one episode to the next, whoever runs which in what order.
    """

    @abstractmethod
    def begin(self) -> Policy:
        """Return what acts through one episode; called at the start of each, see ``for_episode``."""

    def __call__(self, observation: Array) -> Array:
        """Refuse.

        Raises:
            PolicyError: Always.
        """
        raise PolicyError(
            f"A {type(self).__name__} remembers the episode so far: ask what `for_episode(policy)` returns, a fresh "
            "one at the start of every episode."
        )


def for_episode(policy: Policy) -> Policy:
    """Return what acts through one episode: the policy itself, or one that remembers, beginning anew."""
    return policy.begin() if isinstance(policy, RememberingPolicy) else policy


class KeptPolicy(Policy, Protocol):
    """A policy that a run keeps: it can be written, and ``load_policy`` reads it."""

    @property
    def env_id(self) -> str:
        """The environment that it was trained in."""

    @property
    def algorithm(self) -> str:
        """What trained it."""

    @property
    def action_size(self) -> int:
        """Numbers in an action."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every number of the policy by name."""

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write it into ``folder``."""


@dataclass(frozen=True, eq=False)
class MlpPolicy:
    """A frozen network in NumPy, float32 inside: about 10 us a call.

    An observation x becomes ``clip((x - mean) / sqrt(variance + 1e-8), -clip, clip)``, goes through the hidden layers
    ``activation(weight @ x + bias)`` and a linear last one, and is brought into [-1, 1] by clipping (PPO's mean action)
    or by tanh (SAC's).

    Args:
        env_id: The environment that it was trained in.
        algorithm: What trained it: ``"PPO"``, ``"SAC"`` or ``"DAgger"``.
        layers: Weight (out, in) and bias (out,) of each layer, first to last.
        activation: Of the hidden layers.
        output: How the action is bounded.
        mean: Mean of the observations, (o,).
        variance: Variance of the observations, (o,).
        clip: Bound of a normalized observation.
        learner: Everything else that training can continue from (critic, action noise, normalizer), in the trainer's
            own names; empty where it cannot.

    Raises:
        PolicyError: If shapes do not fit together, or a number is not finite.
    """

    env_id: str
    algorithm: str
    layers: tuple[Layer, ...]
    activation: Activation
    output: Output
    mean: Array
    variance: Array
    clip: float = 10.0
    learner: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    _scale: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        layers = tuple(
            (frozen_array(weight, np.float32), frozen_array(bias, np.float32)) for weight, bias in self.layers
        )
        object.__setattr__(self, "layers", layers)
        for name in ("mean", "variance"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.float64))
        learner = {name: frozen_array(array, array.dtype) for name, array in self.learner.items()}
        object.__setattr__(self, "learner", MappingProxyType(learner))
        self._check()
        object.__setattr__(self, "_scale", frozen_array(1.0 / np.sqrt(self.variance + _EPSILON), np.float64))

    def _check(self) -> None:
        if self.activation not in ("tanh", "relu") or self.output not in ("clip", "tanh"):
            raise PolicyError(
                f"`activation` must be 'tanh' or 'relu' and `output` 'clip' or 'tanh', "
                f"but got {self.activation!r} and {self.output!r}."
            )
        width = self.mean.shape
        fits = bool(self.layers) and len(width) == 1 and self.variance.shape == width
        for weight, bias in self.layers:
            fits = fits and weight.ndim == 2 and weight.shape[1:] == width and bias.shape == weight.shape[:1]
            width = weight.shape[:1]
        if not fits:
            shapes = [(weight.shape, bias.shape) for weight, bias in self.layers]
            raise PolicyError(
                f"Layers must chain from the observation on, weight (out, in) and bias (out,), but got {shapes} for a "
                f"mean of shape {self.mean.shape} and a variance of shape {self.variance.shape}."
            )
        arrays: list[NDArray[Any]] = [
            *(a for layer in self.layers for a in layer),
            self.mean,
            self.variance,
            *self.learner.values(),
        ]
        if not all(np.isfinite(array).all() for array in arrays) or (self.variance < 0.0).any():
            raise PolicyError("Every number of a policy must be finite and its variance not negative.")

    def __reduce__(self) -> tuple[type[MlpPolicy], tuple[object, ...]]:
        values = (getattr(self, each.name) for each in fields(self) if each.init and each.name != "learner")
        return type(self), (*values, dict(self.learner))

    @property
    def observation_size(self) -> int:
        """Numbers in an observation."""
        return len(self.mean)

    @property
    def action_size(self) -> int:
        """Numbers in an action."""
        return len(self.layers[-1][1])

    def __call__(self, observation: Array) -> Array:
        """Return the action (a,) in [-1, 1] for an observation (o,).

        Raises:
            PolicyError: If the observation has another shape.
        """
        if observation.shape != self.mean.shape:
            raise PolicyError(
                f"This policy of {self.env_id} takes observations of shape {self.mean.shape}, "
                f"but got {observation.shape}."
            )
        normalized = (observation - self.mean) * self._scale
        x = np.minimum(np.maximum(normalized, -self.clip), self.clip).astype(np.float32)
        x = through_layers(self.layers, x, rectify=self.activation == "relu")
        x = np.tanh(x) if self.output == "tanh" else np.minimum(np.maximum(x, -1.0), 1.0)
        action: Array = x.astype(np.float64)
        return action

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``policy.npz`` and ``policy.json`` into ``folder``, each whole and renamed into place."""
        write_policy(Path(folder), self.head(), self.arrays())

    def head(self) -> dict[str, Any]:
        """Return what ``policy.json`` says of the policy, without its checksum."""
        return {
            "schema": SCHEMA,
            "env_id": self.env_id,
            "algorithm": self.algorithm,
            "observation_size": self.observation_size,
            "action_size": self.action_size,
            "hidden": [len(bias) for _, bias in self.layers[:-1]],
            "activation": self.activation,
            "output": self.output,
            "clip": self.clip,
        }

    @classmethod
    def from_parts(cls, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> MlpPolicy:
        """Return the policy that ``save`` took apart.

        Raises:
            KeyError: If a part is missing.
        """
        count = len(head["hidden"]) + 1
        return cls(
            env_id=head["env_id"],
            algorithm=head["algorithm"],
            layers=tuple((arrays[f"weight_{number}"], arrays[f"bias_{number}"]) for number in range(count)),
            activation=head["activation"],
            output=head["output"],
            mean=arrays["mean"],
            variance=arrays["variance"],
            clip=float(head["clip"]),
            learner={name[len(_LEARNER) :]: array for name, array in arrays.items() if name.startswith(_LEARNER)},
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every number of the policy by name, as it stands in ``policy.npz``."""
        arrays: dict[str, NDArray[Any]] = {"mean": self.mean, "variance": self.variance}
        for number, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight_{number}": weight, f"bias_{number}": bias}
        return arrays | {_LEARNER + name: array for name, array in self.learner.items()}


def through_layers(layers: tuple[Layer, ...], x: NDArray[np.float32], *, rectify: bool) -> NDArray[np.float32]:
    """Return what the network makes of ``x``: hidden layers with ReLU or tanh behind them, and a linear last one."""
    *hidden, (weight, bias) = layers
    for inner_weight, inner_bias in hidden:
        x = inner_weight.dot(x) + inner_bias
        x = np.maximum(x, 0.0, out=x) if rectify else np.tanh(x, out=x)
    found: NDArray[np.float32] = weight.dot(x) + bias
    return found


def write_policy(place: Path, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the two files of a policy into a folder, each whole and renamed into place."""
    place.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    content = buffer.getvalue()
    _write(place / "policy.npz", content)
    head = {**head, "sha256": hashlib.sha256(content).hexdigest()}
    _write(place / "policy.json", (json.dumps(head, indent=2) + "\n").encode())


def load_policy(folder: str | os.PathLike[str]) -> KeptPolicy:
    """Return the policy that ``save`` of one of the kept policies wrote, to the bit.

    Raises:
        PolicyError: If a file is missing, damaged, or of another schema.
    """
    place = Path(folder)
    head = _read_head(place / "policy.json")
    path = place / "policy.npz"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}.") from None
    if hashlib.sha256(raw).hexdigest() != head.get("sha256"):
        raise PolicyError(f"{path}: its checksum is not the one in {place / 'policy.json'}; the file is damaged.")
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if "network" in head:
            from sim2real.conv_policy import ConvPolicy  # it stands on this module

            return ConvPolicy.from_parts(head, arrays)
        if head.get("memory") == "history":
            from sim2real.history_policy import HistoryPolicy  # it stands on this module

            return HistoryPolicy.from_parts(head, arrays)
        if head.get("memory") == "recurrent":
            from sim2real.recurrent_policy import RecurrentPolicy  # it stands on this module

            return RecurrentPolicy.from_parts(head, arrays)
        return MlpPolicy.from_parts(head, arrays)
    except (KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise PolicyError(f"{place}: is not a policy: {error}") from None


def _read_head(path: Path) -> dict[str, Any]:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise PolicyError(f"{path}: is not JSON: {error}.") from None
    schema = head.get("schema") if isinstance(head, dict) else None
    if schema != SCHEMA:
        raise PolicyError(f"{path}: `schema` must be {SCHEMA}, but got {schema!r}; it was written by another version.")
    return dict(head)


def frozen_array(values: Any, kind: Any) -> NDArray[Any]:
    """Return a read-only copy of that type."""
    array = np.array(values, dtype=kind, order="C")
    array.setflags(write=False)
    return array


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
