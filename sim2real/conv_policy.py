"""A policy for images in NumPy: convolutions, spatial softmax, and a small network; a few ms a call.

Finn, Tan, Duan, Darrell, Levine, Abbeel, "Deep Spatial Autoencoders for
Visuomotor Learning", ICRA 2016: every feature map becomes the place in the image
where it responds, which is what a reaching policy needs of an image.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sim2real.errors import PolicyError
from sim2real.policy import SCHEMA, Layer, frozen_array, write_policy
from sim2real_envs.parameters import Array

Floats = NDArray[np.float32]


class Convolution(NamedTuple):
    """One layer without padding: weight (out, in, k, k), bias (out,), stride."""

    weight: Floats
    bias: Floats
    stride: int


@dataclass(frozen=True, eq=False)
class ConvPolicy:
    """A frozen network for images of one shape, float32 inside.

    An image becomes ``x / 255 - 0.5``, goes through the convolutions, each followed by ``max(x, 0)``, then each of the
    last one's maps through ``softmax`` over its pixels; the expected column and row, in [-1, 1], go through hidden
    layers ``max(weight @ x + bias, 0)`` and a linear last one, and the result is clipped into [-1, 1].

    Args:
        env_id: The environment that it was trained in.
        algorithm: What trained it: ``"DAgger"``.
        shape: Of an image, (height, width, channels), uint8.
        convolutions: First to last.
        layers: Weight (out, in) and bias (out,) of each layer, first to last; the first takes two numbers a map.

    Raises:
        PolicyError: If shapes do not fit together, or a number is not finite.
    """

    env_id: str
    algorithm: str
    shape: tuple[int, int, int]
    convolutions: tuple[Convolution, ...]
    layers: tuple[Layer, ...]
    network: ClassVar[str] = "convolutions"

    def __post_init__(self) -> None:
        convolutions = tuple(
            Convolution(frozen_array(each.weight, np.float32), frozen_array(each.bias, np.float32), int(each.stride))
            for each in self.convolutions
        )
        layers = tuple((frozen_array(w, np.float32), frozen_array(b, np.float32)) for w, b in self.layers)
        object.__setattr__(self, "convolutions", convolutions)
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "shape", tuple(int(edge) for edge in self.shape))
        self._check()
        object.__setattr__(self, "_grid", _grid(self._map_size()))

    def _map_size(self) -> tuple[int, int]:
        height, width, _ = self.shape
        for each in self.convolutions:
            edge = each.weight.shape[-1]
            height, width = (height - edge) // each.stride + 1, (width - edge) // each.stride + 1
        return height, width

    def _check(self) -> None:
        maps = self.shape[-1] if len(self.shape) == 3 else -1
        fits = bool(self.convolutions) and bool(self.layers)
        for weight, bias, stride in self.convolutions:
            fits = fits and weight.ndim == 4 and weight.shape[1] == maps and weight.shape[2] == weight.shape[3]
            fits = fits and bias.shape == weight.shape[:1] and stride >= 1
            maps = weight.shape[0]
        width = 2 * maps
        for weight, bias in self.layers:
            fits = fits and weight.ndim == 2 and weight.shape[1] == width and bias.shape == weight.shape[:1]
            width = weight.shape[0]
        if not fits or min(self._map_size()) < 1:
            shapes = [each.weight.shape for each in self.convolutions], [weight.shape for weight, _ in self.layers]
            raise PolicyError(
                f"Convolutions (out, in, k, k) must chain from the image's channels on, and layers (out, in) from two "
                f"numbers a map, but got {shapes} for images {self.shape}."
            )
        if not all(np.isfinite(array).all() for array in self.arrays().values()):
            raise PolicyError("Every number of a policy must be finite.")

    def __reduce__(self) -> tuple[type[ConvPolicy], tuple[object, ...]]:
        return type(self), tuple(getattr(self, each.name) for each in fields(self))

    @property
    def action_size(self) -> int:
        """Numbers in an action."""
        return len(self.layers[-1][1])

    def __call__(self, observation: NDArray[Any]) -> Array:
        """Return the action (a,) in [-1, 1] for an image (height, width, channels), uint8.

        Raises:
            PolicyError: If the observation has another shape or type.
        """
        if observation.shape != self.shape or observation.dtype != np.uint8:
            raise PolicyError(
                f"This policy of {self.env_id} takes uint8 images of shape {self.shape}, "
                f"but got {observation.dtype} of shape {observation.shape}."
            )
        x = observation.astype(np.float32) / np.float32(255.0) - np.float32(0.5)
        for each in self.convolutions:
            x = _convolved(x, each)
        x = _places(x, self._grid)  # type: ignore[attr-defined]
        *hidden, (weight, bias) = self.layers
        for inner_weight, inner_bias in hidden:
            x = np.maximum(inner_weight.dot(x) + inner_bias, np.float32(0.0))
        action: Array = np.clip(weight.dot(x) + bias, -1.0, 1.0).astype(np.float64)
        return action

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every number of the policy by name, as it stands in ``policy.npz``."""
        arrays: dict[str, NDArray[Any]] = {}
        for number, each in enumerate(self.convolutions):
            arrays |= {f"kernel_{number}": each.weight, f"offset_{number}": each.bias}
        for number, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight_{number}": weight, f"bias_{number}": bias}
        return arrays

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``policy.npz`` and ``policy.json`` into ``folder``, each whole and renamed into place."""
        head = {
            "schema": SCHEMA,
            "network": self.network,
            "env_id": self.env_id,
            "algorithm": self.algorithm,
            "shape": list(self.shape),
            "action_size": self.action_size,
            "strides": [each.stride for each in self.convolutions],
            "hidden": [len(bias) for _, bias in self.layers[:-1]],
        }
        write_policy(Path(folder), head, self.arrays())

    @classmethod
    def from_parts(cls, head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ConvPolicy:
        """Return the policy that ``save`` took apart.

        Raises:
            KeyError: If a part is missing.
        """
        convolutions = tuple(
            Convolution(arrays[f"kernel_{number}"], arrays[f"offset_{number}"], int(stride))
            for number, stride in enumerate(head["strides"])
        )
        layers = tuple((arrays[f"weight_{n}"], arrays[f"bias_{n}"]) for n in range(len(head["hidden"]) + 1))
        height, width, channels = head["shape"]
        return cls(head["env_id"], head["algorithm"], (height, width, channels), convolutions, layers)


def _convolved(x: Floats, by: Convolution) -> Floats:
    """Return max(convolution, 0) of (h, w, in) as (h', w', out): im2col, then one matrix product."""
    out, _, edge, _ = by.weight.shape
    windows = sliding_window_view(x, (edge, edge), axis=(0, 1))[:: by.stride, :: by.stride]  # (h', w', in, k, k)
    height, width = windows.shape[:2]
    columns = windows.reshape(height * width, -1)
    result: Floats = columns @ by.weight.reshape(out, -1).T + by.bias
    return np.maximum(result, np.float32(0.0), out=result).reshape(height, width, out)


def _grid(size: tuple[int, int]) -> Floats:
    """Return column and row of each pixel of a map, in [-1, 1], (h w, 2)."""
    rows, columns = (np.linspace(-1.0, 1.0, edge, dtype=np.float32) for edge in size)
    return np.stack([np.tile(columns, size[0]), np.repeat(rows, size[1])], axis=1)


def _places(maps: Floats, grid: Floats) -> Floats:
    """Return where each map of (h, w, m) responds: expected column and row under its softmax, (2 m,)."""
    flat = maps.reshape(-1, maps.shape[-1])
    share = np.exp(flat - flat.max(axis=0))
    places: Floats = (share.T @ grid) / share.sum(axis=0)[:, None]  # (m, 2)
    return places.ravel()
