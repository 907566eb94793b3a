"""What a randomizer says of itself, in the log of a Stable-Baselines3 training."""

from __future__ import annotations

from collections.abc import Mapping

from stable_baselines3.common.logger import Logger

from sim2real.randomizers.base import Randomizer

_WIDEST = 30  # characters that the logger's table shows of a key; longer ones could become the same


def figures_of(randomizer: Randomizer) -> dict[str, float]:
    """Return mean and central 90 % interval of every parameter, and the method's diagnostics."""
    description = randomizer.describe()
    figures = dict(description.diagnostics)
    for name, marginal in description.parameters.items():
        figures |= {f"{name}/mean": marginal.mean, f"{name}/low": marginal.low, f"{name}/high": marginal.high}
    return figures


def log_figures(logger: Logger, figures: Mapping[str, float]) -> None:
    """Record figures below ``adapt/``; those with a long name not in the table that is printed."""
    for key, value in figures.items():
        logger.record(f"adapt/{key}", value, exclude=("stdout",) if len(key) > _WIDEST else None)
