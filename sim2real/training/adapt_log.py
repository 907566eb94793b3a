"""What a randomizer says of itself, in the log of a Stable-Baselines3 training."""

from __future__ import annotations

from stable_baselines3.common.logger import Logger

from sim2real.randomizers.base import Randomizer

_WIDEST = 30  # characters that the logger's table shows of a key; longer ones could become the same


def log_randomizer(logger: Logger, randomizer: Randomizer) -> None:
    """Record mean and central 90 % interval of every parameter, and the method's diagnostics, below ``adapt/``."""
    description = randomizer.describe()
    for name, marginal in description.parameters.items():
        for key, value in (("mean", marginal.mean), ("low", marginal.low), ("high", marginal.high)):
            _record(logger, f"{name}/{key}", value)
    for key, value in description.diagnostics.items():
        _record(logger, key, value)


def _record(logger: Logger, key: str, value: float) -> None:
    logger.record(f"adapt/{key}", value, exclude=("stdout",) if len(key) > _WIDEST else None)
