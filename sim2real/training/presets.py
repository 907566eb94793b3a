"""Hyper-parameters, one entry per task and algorithm. Change a number here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

from sim2real.policy import Activation
from sim2real_envs.errors import UnknownNameError

ALGORITHMS = ("PPO", "SAC")  # of reinforcement learning


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
        last_learning_rate: Where given, the learning rate falls from chunk to chunk, evenly, to this one in the last.
    """

    worlds: int
    hidden: tuple[int, ...]
    activation: Activation
    gamma: float
    chunk_steps: int
    options: Mapping[str, Any] = field(default_factory=dict)
    log_std_init: float = 0.0
    last_learning_rate: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def at(self, share: float) -> Self:
        """Return the hyper-parameters of a chunk; ``share`` is 0 for the first one of a training, 1 for the last."""
        if self.last_learning_rate is None:
            return self
        first = self.options["learning_rate"]
        rate = first + share * (self.last_learning_rate - first)
        return replace(self, options={**self.options, "learning_rate": rate})

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a fingerprint or a file."""
        names = [name for name in self.__dataclass_fields__ if name != "options"]
        return {name: getattr(self, name) for name in names} | {"options": dict(self.options)}


@dataclass(frozen=True)
class ImitationPreset:
    """How DAgger is run on one task.

    Args:
        worlds: Worlds that are stepped together.
        hidden: Width of the hidden layers.
        activation: Between the layers.
        chunk_steps: Env steps of an iteration; worlds and random streams begin anew at each.
        expert_decay: The expert drives all episodes of the first iteration, and in iteration i this to the power of i
            of them; the learner drives the others. A training that continues a policy lets the learner drive at once.
        noise: Standard deviation of what is added to the expert's actions when it drives, so that it shows how to
            come back.
        updates: Batches in the regression of an iteration, on everything seen so far.
        last_updates: The same in the last iteration.
        batch_size: Rows of a batch.
        learning_rate: At the beginning of each regression.
        huber: Error of an action from which the loss grows linearly.
        convolutions: Maps, edge and stride of each, before the hidden layers, where the observation is an image.
    """

    worlds: int = 8
    hidden: tuple[int, ...] = (256, 256)
    activation: Activation = "relu"
    chunk_steps: int = 2_048
    expert_decay: float = 0.5
    noise: float = 0.2
    updates: int = 200
    last_updates: int = 2_000
    batch_size: int = 512
    learning_rate: float = 1e-3
    huber: float = 0.1
    convolutions: tuple[tuple[int, int, int], ...] = ((16, 5, 2), (32, 3, 2), (32, 3, 1))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a fingerprint or a file."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


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
        ("slide", "PPO"): Preset(
            worlds=8,
            hidden=(128, 128),
            activation="tanh",
            gamma=0.97,
            chunk_steps=32_768,
            log_std_init=-0.7,
            last_learning_rate=5e-5,
            options={"n_steps": 512, "batch_size": 512, "n_epochs": 10, "gae_lambda": 0.95, "learning_rate": 1e-3},
        ),
    }
)

_IMITATION = ImitationPreset()
_LONG_IMITATION = ImitationPreset(chunk_steps=4_096, updates=400, last_updates=3_000)
_PIXELS = ImitationPreset(
    hidden=(128, 128),
    chunk_steps=4_096,
    updates=300,
    last_updates=2_500,
    batch_size=128,
)

IMITATION_PRESETS: Mapping[str, ImitationPreset] = MappingProxyType(
    {
        "peg_insert": _LONG_IMITATION,  # 33 000 steps
        "pick_place": _IMITATION,  # 12 000 steps
        "push": _IMITATION,  # 16 000 steps
        "reach": _IMITATION,  # 6 000 steps
        "reach_pixels": _PIXELS,  # 16 000 steps, cameras front and side
        "slide": _IMITATION,  # 33 000 steps
        "stack": _LONG_IMITATION,  # 33 000 steps
    }
)
"""Hyper-parameters of DAgger per task; a comment says how many env steps suffice at nominal parameters."""


def names(algorithm: str) -> tuple[str, ...]:
    """Return the names of the presets that ship for an algorithm; none for an unknown one."""
    if algorithm == "DAgger":
        return tuple(sorted(IMITATION_PRESETS))
    return tuple(sorted(task for task, name in PRESETS if name == algorithm))


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


def find_imitation_preset(name: str) -> ImitationPreset:
    """Return the preset called ``name`` for DAgger.

    Raises:
        UnknownNameError: If there is no such preset.
    """
    if name not in IMITATION_PRESETS:
        raise UnknownNameError(name, "a preset for DAgger", sorted(IMITATION_PRESETS))
    return IMITATION_PRESETS[name]
