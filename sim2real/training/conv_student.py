"""The student for images: convolutions, spatial softmax, a small network; ``ConvPolicy`` in torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sim2real.conv_policy import Convolution, ConvPolicy
from sim2real.errors import PolicyError
from sim2real.policy import Policy
from sim2real.training.labels import Floats, Packing
from sim2real.training.lessons import Labels
from sim2real.training.normalizer import Arrays
from sim2real.training.presets import ImitationPreset
from sim2real.training.regression import descend, layer_of, regression_loss
from sim2real_envs.errors import OptionError


class SpatialSoftmax(nn.Module):
    """Turns maps (b, m, h, w) into the expected column and row of each, in [-1, 1], (b, 2 m)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        rows, columns = torch.linspace(-1.0, 1.0, height), torch.linspace(-1.0, 1.0, width)
        grid = torch.stack([columns.repeat(height), rows.repeat_interleave(width)], dim=1)  # (h w, 2)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the places."""
        places: torch.Tensor = maps.flatten(2).softmax(dim=2) @ self.get_buffer("grid")  # (b, m, 2)
        return places.flatten(1)


class ConvStudent:
    """A network from images of one shape to an action that is clipped into [-1, 1].

    Raises:
        OptionError: If the images are too small for the preset's convolutions.
    """

    def __init__(self, preset: ImitationPreset, packing: Packing) -> None:
        self._preset, self._shape = preset, packing.shape
        height, width, maps = packing.shape
        parts: list[nn.Module] = []
        for out, edge, stride in preset.convolutions:
            parts += [nn.Conv2d(maps, out, edge, stride), nn.ReLU()]
            height, width, maps = (height - edge) // stride + 1, (width - edge) // stride + 1, out
        if min(height, width) < 2:
            raise OptionError(f"Images of shape {packing.shape} are too small for convolutions {preset.convolutions}.")
        parts.append(SpatialSoftmax(height, width))
        before = 2 * maps
        for after in preset.hidden:
            parts += [nn.Linear(before, after), nn.ReLU()]
            before = after
        self._network = nn.Sequential(*parts, nn.Linear(before, packing.actions))

    def state(self) -> dict[str, torch.Tensor]:
        """Return the weights."""
        return self._network.state_dict()

    def statistics(self) -> Arrays:
        """Return nothing: images are not normalized by what was seen."""
        return {}

    def restore(self, state: Mapping[str, Any], statistics: Arrays) -> None:
        """Continue from what ``state`` returned."""
        self._network.load_state_dict(state)

    def continue_from(self, policy: Policy) -> None:
        """Take over the network of an earlier training.

        Raises:
            PolicyError: If it is another kind of policy, or its network is another one.
        """
        if not isinstance(policy, ConvPolicy):
            raise PolicyError(
                f"DAgger can only continue from a ConvPolicy where it sees images, but got {type(policy).__name__}."
            )
        here, there = self.to_policy("").arrays(), policy.arrays()
        shapes = [{name: array.shape for name, array in arrays.items()} for arrays in (there, here)]
        strides = [[each.stride for each in p.convolutions] for p in (policy, self.to_policy(""))]
        if shapes[0] != shapes[1] or strides[0] != strides[1] or policy.shape != self._shape:
            raise PolicyError(
                f"DAgger can only continue from a policy of the same images, actions and network, but got images "
                f"{policy.shape} with {shapes[0]}, here they are {self._shape} with {shapes[1]}."
            )
        given = [*policy.convolutions, *policy.layers]
        with torch.no_grad():
            for module, parts in zip(self._modules(), given, strict=True):
                module.weight.copy_(torch.from_numpy(np.array(parts[0])))
                module.bias.copy_(torch.from_numpy(np.array(parts[1])))

    def act(self, observations: NDArray[Any]) -> Floats:
        """Return actions (w, a) for images (w, height, width, channels)."""
        with torch.no_grad():
            actions: Floats = self._network(_pixels(observations)).clamp(-1.0, 1.0).numpy()
        return actions

    def fit(self, data: Labels, updates: int, generator: torch.Generator) -> float:
        """Regress on all of ``data`` and return the mean loss of the last tenth of the updates.

        Raises:
            TooManyDivergences: If the weights are not numbers any more.
        """
        wanted = torch.from_numpy(data.labels)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            images = _pixels(data.observations[rows.numpy()])
            return regression_loss(self._network(images), wanted[rows], self._preset.huber)

        return descend(self._network, loss, len(data), updates, self._preset, generator)

    def to_policy(self, env_id: str) -> ConvPolicy:
        """Freeze the network; a later training continues from nothing else."""
        height, width, channels = self._shape
        modules = self._modules()
        convolutions = [
            Convolution(module.weight.detach().numpy(), module.bias.detach().numpy(), module.stride[0])
            for module in modules
            if isinstance(module, nn.Conv2d) and module.bias is not None
        ]
        layers = [layer_of(module) for module in modules if isinstance(module, nn.Linear)]
        return ConvPolicy(env_id, "DAgger", (height, width, channels), tuple(convolutions), tuple(layers))

    def _modules(self) -> list[Any]:
        return [module for module in self._network if isinstance(module, nn.Conv2d | nn.Linear)]


def _pixels(images: NDArray[Any]) -> torch.Tensor:
    """Return bytes (b, h, w, c) as numbers (b, c, h, w) around 0, in the order of memory that they came in."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32).div_(255.0).sub_(0.5)
