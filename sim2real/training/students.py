"""Networks that learn by regression from labelled observations; here the one for numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sim2real.errors import PolicyError
from sim2real.policy import KeptPolicy, MlpPolicy, Policy
from sim2real.training.labels import Floats, Packing
from sim2real.training.lessons import Labels
from sim2real.training.normalizer import Arrays
from sim2real.training.presets import ImitationPreset
from sim2real.training.regression import descend, layer_of, regression_loss

_ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}
_LEAST_VARIANCE = 1e-6  # of an observation; what hardly ever moves must not be blown up when it does
_EPSILON = 1e-8  # as MlpPolicy adds
_CLIP = 10.0


class Student(Protocol):
    """A network that learns; its weights come from torch's global generator."""

    def state(self) -> dict[str, torch.Tensor]:
        """Return the weights."""

    def statistics(self) -> Arrays:
        """Return what else it goes by."""

    def restore(self, state: Mapping[str, Any], statistics: Arrays) -> None:
        """Continue from what ``state`` and ``statistics`` returned."""

    def continue_from(self, policy: Policy) -> None:
        """Take over the network of an earlier training.

        Raises:
            PolicyError: If it does not fit.
        """

    def act(self, observations: NDArray[Any]) -> Floats:
        """Return actions (w, a) for observations (w, ...)."""

    def fit(self, data: Labels, updates: int, generator: torch.Generator) -> float:
        """Regress on all of ``data`` and return the mean loss of the last tenth of the updates.

        Raises:
            TooManyDivergences: If the weights are not numbers any more.
        """

    def to_policy(self, env_id: str) -> KeptPolicy:
        """Freeze the network; a later training continues from nothing else."""


class MlpStudent:
    """An MLP from normalized numbers to an action that is clipped into [-1, 1]."""

    def __init__(self, preset: ImitationPreset, packing: Packing) -> None:
        self._preset, self._packing = preset, packing
        widths = (packing.shape[0], *preset.hidden)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), _ACTIVATIONS[preset.activation]()]
        self._network = nn.Sequential(*layers, nn.Linear(widths[-1], packing.actions))
        self._mean, self._variance = np.zeros(packing.shape), np.ones(packing.shape)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the weights."""
        return self._network.state_dict()

    def statistics(self) -> Arrays:
        """Return mean and variance of the observations."""
        return {"mean": self._mean, "variance": self._variance}

    def restore(self, state: Mapping[str, Any], statistics: Arrays) -> None:
        """Continue from what ``state`` and ``statistics`` returned."""
        self._network.load_state_dict(state)
        self._mean, self._variance = statistics["mean"], statistics["variance"]

    def continue_from(self, policy: Policy) -> None:
        """Take over the network and the normalization of an earlier training, whatever trained it.

        Raises:
            PolicyError: If it is another kind of policy, or its network is another one.
        """
        if not isinstance(policy, MlpPolicy):
            raise PolicyError(f"DAgger can only continue from an MlpPolicy here, but got {type(policy).__name__}.")
        linear = self._linear()
        here = [tuple(layer.weight.shape) for layer in linear]
        there = [tuple(weight.shape) for weight, _ in policy.layers]
        kinds = (policy.activation, policy.output)
        if here != there or kinds != (self._preset.activation, "clip"):
            raise PolicyError(
                f"DAgger can only continue from a policy of the same observations, actions and network, but got layers "
                f"{there} with activation and output {kinds}, here they are {here} with "
                f"{(self._preset.activation, 'clip')}."
            )
        with torch.no_grad():
            for layer, (weight, bias) in zip(linear, policy.layers, strict=True):
                layer.weight.copy_(torch.from_numpy(weight.copy()))
                layer.bias.copy_(torch.from_numpy(bias.copy()))
        self._mean, self._variance = np.array(policy.mean), np.array(policy.variance)

    def act(self, observations: NDArray[Any]) -> Floats:
        """Return actions (w, a) for observations (w, o)."""
        with torch.no_grad():
            actions: Floats = self._network(self._normalized(observations)).clamp(-1.0, 1.0).numpy()
        return actions

    def fit(self, data: Labels, updates: int, generator: torch.Generator) -> float:
        """Regress on all of ``data`` and return the mean loss of the last tenth of the updates.

        Raises:
            TooManyDivergences: If the weights are not numbers any more.
        """
        self._renormalize(data.observations)
        seen, wanted = self._normalized(data.observations), torch.from_numpy(data.labels)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            return regression_loss(self._network(seen[rows]), wanted[rows], self._preset.huber)

        return descend(self._network, loss, len(data), updates, self._preset, generator)

    def to_policy(self, env_id: str) -> MlpPolicy:
        """Freeze network and normalization; a later training continues from nothing else."""
        return MlpPolicy(
            env_id=env_id,
            algorithm="DAgger",
            layers=tuple(layer_of(layer) for layer in self._linear()),
            activation=self._preset.activation,
            output="clip",
            mean=self._mean,
            variance=self._variance,
            clip=_CLIP,
        )

    def _linear(self) -> list[nn.Linear]:
        return [module for module in self._network if isinstance(module, nn.Linear)]

    def _normalized(self, observations: NDArray[Any]) -> torch.Tensor:
        scaled = (observations - self._mean) / np.sqrt(self._variance + _EPSILON)
        return torch.from_numpy(np.clip(scaled, -_CLIP, _CLIP).astype(np.float32))

    def _renormalize(self, observations: NDArray[Any]) -> None:
        """Take mean and variance from the data; the first layer is changed so that the function stays the same."""
        mean = observations.mean(axis=0, dtype=np.float64)
        variance = np.maximum(observations.var(axis=0, dtype=np.float64), _LEAST_VARIANCE)
        before, after = (np.sqrt(value + _EPSILON) for value in (self._variance, variance))
        layer = self._linear()[0]
        weight = layer.weight.detach().numpy().astype(np.float64)
        with torch.no_grad():
            layer.bias.add_(torch.from_numpy((weight @ ((mean - self._mean) / before)).astype(np.float32)))
            layer.weight.copy_(torch.from_numpy((weight * (after / before)).astype(np.float32)))
        self._mean, self._variance = mean, variance
