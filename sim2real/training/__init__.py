"""Training: the only place that imports torch and Stable-Baselines3, and only when a trainer is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sim2real.training.base import CurvePoint, Lesson, Trainer

if TYPE_CHECKING:
    from sim2real.training.dagger import DaggerTrainer
    from sim2real.training.trainer import Sb3Trainer

__all__ = ["CurvePoint", "DaggerTrainer", "Lesson", "Sb3Trainer", "Trainer", "make_trainer"]


def make_trainer(
    algorithm: str, env_id: str, env_options: Mapping[str, Any], *, preset: str, workers: int = 2
) -> Trainer:
    """Return the trainer of an algorithm: ``"PPO"``, ``"SAC"`` or ``"DAgger"``.

    Raises:
        UnknownNameError: If algorithm or preset do not exist.
    """
    if algorithm == "DAgger":
        from sim2real.training.dagger import DaggerTrainer

        return DaggerTrainer(env_id, env_options, preset, workers)
    from sim2real.training.trainer import Sb3Trainer

    return Sb3Trainer(env_id, env_options, algorithm, preset, workers)


def __getattr__(name: str) -> Any:
    if name == "Sb3Trainer":
        from sim2real.training.trainer import Sb3Trainer

        return Sb3Trainer
    if name == "DaggerTrainer":
        from sim2real.training.dagger import DaggerTrainer

        return DaggerTrainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
