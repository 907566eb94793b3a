"""Who drives which episode, and what is seen on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.training.labels import Floats, Packing
from sim2real.training.worlds import TrainingWorlds
from sim2real_envs.vector import FinishedEpisode


class Drive:
    """Steps all worlds, each episode driven by the expert or by the learner.

    Args:
        worlds: Labelled worlds, for which ``begin`` was called.
        packing: How their observations carry labels.
        learner: Returns actions (w, a) for observations (w, ...).
        share: Of the episodes that the expert drives.
        noise: Standard deviation of what is added to the expert's actions.
        rng: Draws drivers and noise.
    """

    def __init__(
        self,
        worlds: TrainingWorlds,
        packing: Packing,
        learner: Callable[[NDArray[Any]], Floats],
        share: float,
        noise: float,
        rng: np.random.Generator,
    ) -> None:
        self._worlds, self._packing, self._learner = worlds, packing, learner
        self._share, self._noise, self._rng = share, noise, rng
        self._by_expert = rng.random(worlds.num_envs) < share  # (w,)
        self._packed = worlds.reset()
        self.learners: list[FinishedEpisode] = []

    def step(self) -> tuple[NDArray[Any], Floats]:
        """Step all worlds and return the observations (w, ...) before it and the expert's labels (w, a) for them."""
        observations, labels = self._packing.split(self._packed)
        noise = self._noise * self._rng.standard_normal(labels.shape, dtype=np.float32)
        actions = labels + noise
        if not self._by_expert.all():
            actions = np.where(self._by_expert[:, None], actions, self._learner(observations))
        self._worlds.step_async(np.clip(actions, -1.0, 1.0))
        self._packed, _, _, _ = self._worlds.step_wait()
        for episode in self._worlds.take_finished():
            if not self._by_expert[episode.world]:
                self.learners.append(episode)
            self._by_expert[episode.world] = self._rng.random() < self._share
        return observations, labels
