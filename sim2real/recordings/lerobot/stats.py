"""Statistics of the features of a LeRobotDataset, an episode and the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.recordings.lerobot.layout import QUANTILES

Columns = Mapping[str, NDArray[Any]]
"""Feature to its values (t, n)."""


def stats_of(columns: Columns) -> dict[str, dict[str, list[float] | list[int]]]:
    """Return min, max, mean, std, count and five quantiles of every component.

    Everything is exact, also over a whole data set, where LeRobot itself averages the quantiles of its episodes.
    """
    return {name: _stats(values) for name, values in columns.items()}


def _stats(values: NDArray[Any]) -> dict[str, list[float] | list[int]]:
    wide = values.astype(np.float64)
    found: dict[str, Any] = {
        "min": values.min(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "mean": wide.mean(axis=0).tolist(),
        "std": wide.std(axis=0).tolist(),
        "count": [len(values)],
    }
    quantiles = np.quantile(wide, list(QUANTILES.values()), axis=0)
    return found | dict(zip(QUANTILES, quantiles.tolist(), strict=True))
