"""Watching a training: the learning curve, progress, and scalars for TensorBoard. Nothing here changes a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

from sim2real.training.base import CurvePoint
from sim2real.training.worlds import TrainingWorlds
from sim2real_envs.vector import FinishedEpisode

Progress = Callable[[int, int], None]
_POINT_STEPS = 2_000  # env steps between two points of the curve, at least
_PROGRESS_STEPS = 500


class Watch(BaseCallback):
    """Collects the learning curve of a training, over all of its chunks, and reports progress.

    Args:
        worlds: Where episodes finish.
        total: Env steps that the training will take.
        curve: Points of earlier chunks.
        progress: Called with (steps done, steps in total).
        scalars: Where points are written to, too.
    """

    def __init__(
        self,
        worlds: TrainingWorlds,
        total: int,
        curve: tuple[CurvePoint, ...],
        progress: Progress | None,
        scalars: Scalars | None,
    ) -> None:
        super().__init__()
        self.curve = list(curve)
        self._worlds, self._total, self._progress, self._scalars = worlds, total, progress, scalars
        self._episodes: list[FinishedEpisode] = []
        self._point_at = self._progress_at = 0

    def _on_training_start(self) -> None:
        self._point_at = self._progress_at = self.num_timesteps

    def _on_step(self) -> bool:
        self._episodes += self._worlds.take_finished()
        if self.num_timesteps - self._progress_at >= _PROGRESS_STEPS:
            self._report()
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps - self._point_at >= _POINT_STEPS:
            self._add_point()

    def _on_training_end(self) -> None:
        self._add_point()
        self._report()

    def _report(self) -> None:
        self._progress_at = self.num_timesteps
        if self._progress is not None:
            self._progress(self.num_timesteps, self._total)

    def _add_point(self) -> None:
        count = len(self._episodes)
        if count == 0:
            return
        success = sum(episode.success for episode in self._episodes) / count
        mean_return = sum(episode.total_reward for episode in self._episodes) / count
        self.curve.append(CurvePoint(self.num_timesteps, count, success, mean_return))
        if self._scalars is not None:
            diverged = sum(episode.failure_mode == "diverged" for episode in self._episodes)
            length = sum(episode.steps for episode in self._episodes) / count
            values = {"success": success, "return": mean_return, "length": length, "diverged": diverged}
            self._scalars.add({f"episodes/{name}": value for name, value in values.items()}, self.num_timesteps)
        self._episodes.clear()
        self._point_at = self.num_timesteps


class Scalars(KVWriter):
    """Numbers for TensorBoard; what a killed call wrote beyond its last checkpoint is hidden."""

    def __init__(self, folder: Path, steps_before: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # takes a second to import

        self._writer = SummaryWriter(str(folder), purge_step=steps_before + 1)

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Write one value per name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write what Stable-Baselines3 says of its updates; episodes and times are ours."""
        self.add({name: float(value) for name, value in key_values.items() if name.startswith("train/")}, step)

    def close(self) -> None:
        self._writer.close()


def library_logger(scalars: Scalars | None) -> Logger:
    """Return a logger for Stable-Baselines3 that writes to ``scalars`` alone."""
    return Logger(folder=None, output_formats=[] if scalars is None else [scalars])
