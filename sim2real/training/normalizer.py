"""Running normalization of observations and rewards, kept as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from sim2real.training.memory import KNOWN_MEAN, KNOWN_VARIANCE

Arrays = dict[str, NDArray[np.float64]]


class Normalizer(VecNormalize):
    """``VecNormalize`` that is written to and read from arrays instead of a pickle.

    Args:
        worlds: What is normalized.
        gamma: Discount factor.
        known: How many of the last numbers of an observation are in the unit cube; they are normalized as what is
            uniform there, whatever was seen of them: in a warm-up at nominal they do not vary at all.
    """

    def __init__(self, worlds: VecEnv, *, gamma: float = 0.99, known: int = 0) -> None:
        super().__init__(worlds, gamma=gamma)
        if known > 0:
            self.obs_rms: Any = _PartlyKnown(known, self.observation_space.shape or ())

    def arrays(self) -> Arrays:
        """Return the statistics: count, mean and variance of observations (o,) and of discounted returns ()."""
        return {
            f"{name}.{field}": np.array(getattr(moments, attribute), dtype=np.float64)
            for name, moments in self._moments()
            for field, attribute in (("count", "count"), ("mean", "mean"), ("variance", "var"))
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what ``arrays`` returned."""
        for name, moments in self._moments():
            moments.count = float(arrays[f"{name}.count"])
            moments.mean = np.array(arrays[f"{name}.mean"], dtype=np.float64)
            moments.var = np.array(arrays[f"{name}.variance"], dtype=np.float64)

    def _moments(self) -> tuple[tuple[str, RunningMeanStd], ...]:
        if not isinstance(self.obs_rms, RunningMeanStd):
            raise TypeError("Observations in a dict cannot be normalized here; flatten them.")
        return ("observation", self.obs_rms), ("return", self.ret_rms)


class _PartlyKnown(RunningMeanStd):
    """Running moments (o,), except of the last ``known`` numbers, whose moments stay what they are."""

    def __init__(self, known: int, shape: tuple[int, ...]) -> None:
        self._known = known
        super().__init__(shape=shape)
        self._hold()

    def update_from_moments(
        self, batch_mean: NDArray[np.float64], batch_var: NDArray[np.float64], batch_count: float
    ) -> None:
        """Learn from a batch."""
        super().update_from_moments(batch_mean, batch_var, batch_count)
        self._hold()

    def _hold(self) -> None:
        self.mean[-self._known :], self.var[-self._known :] = KNOWN_MEAN, KNOWN_VARIANCE
