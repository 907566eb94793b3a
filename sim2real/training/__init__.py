"""Training: the only place that imports torch and Stable-Baselines3, and only when a trainer is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim2real.training.base import CurvePoint, Lesson, Trainer
from sim2real.training.memory import PLAIN, Memory
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace

if TYPE_CHECKING:
    from sim2real.training.dagger import DaggerTrainer
    from sim2real.training.trainer import Sb3Trainer

__all__ = ["CurvePoint", "DaggerTrainer", "Lesson", "Memory", "Sb3Trainer", "Trainer", "make_trainer"]


def make_trainer(
    algorithm: str,
    env_id: str,
    env_options: Mapping[str, Any],
    *,
    preset: str,
    workers: int = 2,
    memory: Memory = PLAIN,
    known: ParameterSpace | None = None,
) -> Trainer:
    """Return the trainer of an algorithm: ``"PPO"``, ``"SAC"`` or ``"DAgger"``.

    Args:
        algorithm: What trains.
        env_id: Such as ``"PandaPush-v0"``.
        env_options: Options of its constructor.
        preset: Name of the hyper-parameters.
        workers: Processes that step the worlds.
        memory: What the policy remembers.
        known: The parameters that an asymmetric critic knows; None for those of the randomizer.

    Raises:
        UnknownNameError: If algorithm or preset do not exist.
        OptionError: If the algorithm cannot train such a policy.
        MissingExtraError: If recurrent PPO is not installed.
    """
    if algorithm == "DAgger":
        if memory.kind != "mlp":
            raise OptionError(f"DAgger trains policies without a memory only, but got {memory.kind!r}.")
        from sim2real.training.dagger import DaggerTrainer

        return DaggerTrainer(env_id, env_options, preset, workers)
    from sim2real.training.trainer import Sb3Trainer

    return Sb3Trainer(env_id, env_options, algorithm, preset, workers, memory=memory, known=known)


def __getattr__(name: str) -> Any:
    if name == "Sb3Trainer":
        from sim2real.training.trainer import Sb3Trainer

        return Sb3Trainer
    if name == "DaggerTrainer":
        from sim2real.training.dagger import DaggerTrainer

        return DaggerTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
