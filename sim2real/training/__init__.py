"""Training: the only place that imports torch and Stable-Baselines3, and only when a trainer is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim2real.training.base import CurvePoint, Lesson, Trainer

if TYPE_CHECKING:
    from sim2real.training.trainer import Sb3Trainer

__all__ = ["CurvePoint", "Lesson", "Sb3Trainer", "Trainer"]


def __getattr__(name: str) -> Any:
    if name == "Sb3Trainer":
        from sim2real.training.trainer import Sb3Trainer

        return Sb3Trainer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
