"""Running normalization of observations and rewards, kept as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

Arrays = dict[str, NDArray[np.float64]]


class Normalizer(VecNormalize):
    """``VecNormalize`` that is written to and read from arrays instead of a pickle."""

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
