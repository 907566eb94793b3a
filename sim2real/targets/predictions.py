"""How well a domain predicts recordings that were not used to find it, beside stock parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sim2real.gap.statistics import stratified_bootstrap
from sim2real_envs.parameters import Array
from sim2real_envs.rigs import Misfit, Signal

SIDES = ("recorded", "predicted", "stock")


@dataclass(frozen=True)
class Predictions:
    """Recorded, predicted and stock paths of e recordings, NaN behind the end of each.

    Args:
        labels: Names of the recordings.
        times: Of the longest recording (t,) [s].
        signals: The trajectories of the rig's paths.
        misfits: What the rig measures of a prediction.
        paths: Side (``"recorded"``, ``"predicted"``, ``"stock"``: at nominal parameters) to signal to (e, t, d).
        errors: Side (``"predicted"``, ``"stock"``) to misfit to (e,), SI.
    """

    labels: tuple[str, ...]
    times: Array
    signals: tuple[Signal, ...]
    misfits: tuple[Misfit, ...]
    paths: Mapping[str, Mapping[str, Array]]
    errors: Mapping[str, Mapping[str, Array]]

    def summary(self, rng: np.random.Generator) -> dict[str, float]:
        """Return ``n`` and, of every misfit in the unit of its name, the pooled value, its interval and its median.

        For ``position_error`` in mm: ``position_error_mm``, ``position_error_low_mm`` and ``position_error_high_mm``,
        a 95 % percentile bootstrap over the recordings, ``median_position_error_mm``, and for nominal parameters
        ``stock_position_error_mm``. ``rng`` resamples the recordings.
        """
        found: dict[str, float] = {"n": len(self.labels)}
        for misfit in self.misfits:
            name, unit = misfit.name, misfit.unit
            values = misfit.per_si * self.errors["predicted"][name]
            interval = stratified_bootstrap([values], partial(_pooled_groups, how=misfit.pool), rng)
            found |= {
                f"{name}_{unit}": pooled(values, misfit.pool),
                f"{name}_low_{unit}": interval.low,
                f"{name}_high_{unit}": interval.high,
                f"median_{name}_{unit}": float(np.median(values)),
                f"stock_{name}_{unit}": pooled(misfit.per_si * self.errors["stock"][name], misfit.pool),
            }
        return found

    def excerpt(self, count: int = 12) -> dict[str, Array]:
        """Return what is drawn of a few recordings, evenly picked, as arrays to save: see ``predictions.npz``.

        ``times`` (t,), ``recorded``, ``predicted`` and ``stock`` (e, t, d), ``columns`` (d,) such as ``"x [m]"``,
        ``labels`` (e,) text.
        """
        picked = np.unique(np.linspace(0, len(self.labels) - 1, min(count, len(self.labels))).round().astype(int))
        sides = {
            side: np.concatenate(
                [self.paths[side][signal.name][picked, :, : signal.drawn] for signal in self.signals], axis=2
            )
            for side in SIDES
        }
        length = int(np.flatnonzero(np.isfinite(sides["recorded"]).any(axis=(0, 2)))[-1]) + 1
        columns = [f"{column} [{signal.unit}]" for signal in self.signals for column in signal.columns[: signal.drawn]]
        return {
            "times": self.times[:length],
            **{side: drawn[:, :length] for side, drawn in sides.items()},
            "columns": np.array(columns),
            "labels": np.array([self.labels[index] for index in picked]),
        }


def pooled(values: Array, how: str) -> float:
    """Return one number for those of all recordings: their mean, or the root of their mean square."""
    return float(np.sqrt(np.mean(values**2)) if how == "rms" else np.mean(values))


def _pooled_groups(groups: Sequence[Array], how: str) -> float:
    return pooled(groups[0], how)
