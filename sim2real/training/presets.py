"""Hyper-parameters, one entry per task and algorithm. Change a number here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sim2real.policy import Activation
from sim2real_envs.errors import UnknownNameError

ALGORITHMS = ("PPO", "SAC")


@dataclass(frozen=True)
class Preset:
    """How one algorithm is run on one task.

    Args:
        worlds: Worlds that are stepped together.
        hidden: Width of the hidden layers, for actor and critic alike.
        activation: Between the layers.
        gamma: Discount factor, also of the reward normalization.
        chunk_steps: Env steps between two checkpoints; worlds and random streams begin anew at each.
        options: Further arguments of the algorithm's constructor in Stable-Baselines3.
        log_std_init: Log of the standard deviation that exploration begins with (PPO).
    """

    worlds: int
    hidden: tuple[int, ...]
    activation: Activation
    gamma: float
    chunk_steps: int
    options: Mapping[str, Any] = field(default_factory=dict)
    log_std_init: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a fingerprint or a file."""
        names = [name for name in self.__dataclass_fields__ if name != "options"]
        return {name: getattr(self, name) for name in names} | {"options": dict(self.options)}


_PPO = Preset(
    worlds=8,
    hidden=(128, 128),
    activation="tanh",
    gamma=0.95,
    chunk_steps=32_768,
    log_std_init=0.0,
    options={"n_steps": 256, "batch_size": 512, "n_epochs": 10, "gae_lambda": 0.9, "learning_rate": 1e-3},
)
_SAC = Preset(
    worlds=8,
    hidden=(128, 128),
    activation="relu",
    gamma=0.95,
    chunk_steps=16_384,
    options={
        "learning_rate": 1e-3,
        "buffer_size": 200_000,
        "learning_starts": 2_000,
        "batch_size": 256,
        "train_freq": 8,
        "gradient_steps": 32,
        "tau": 0.02,
    },
)

PRESETS: Mapping[tuple[str, str], Preset] = MappingProxyType(
    {
        ("push", "PPO"): _PPO,
        ("push", "SAC"): _SAC,
        ("reach", "PPO"): _PPO,
        ("reach", "SAC"): _SAC,
    }
)


def find_preset(name: str, algorithm: str) -> Preset:
    """Return the preset called ``name`` for ``algorithm``.

    Raises:
        UnknownNameError: If there is no such preset or algorithm.
    """
    if algorithm not in ALGORITHMS:
        raise UnknownNameError(algorithm, "an algorithm", ALGORITHMS)
    if (name, algorithm) not in PRESETS:
        raise UnknownNameError(name, f"a preset for {algorithm}", sorted({task for task, _ in PRESETS}))
    return PRESETS[name, algorithm]
