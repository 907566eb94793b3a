"""How well a domain predicts recordings that were not used to find it, beside stock parameters."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from sim2real.gap.metrics import position_error, rotation_error
from sim2real.gap.statistics import stratified_bootstrap
from sim2real_envs.parameters import Array

MILLI = 1e3


@dataclass(frozen=True)
class HeldOut:
    """Errors over recordings not used for fitting; each recording's error is its mean over time.

    The interval is a 95 % percentile bootstrap over the recordings.
    """

    n: int
    position_error_mm: float
    rotation_error_deg: float
    position_error_low_mm: float
    position_error_high_mm: float
    median_position_error_mm: float
    median_rotation_error_deg: float
    stock_position_error_mm: float
    stock_rotation_error_deg: float

    def to_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Predictions:
    """Recorded, predicted and stock motion of e recordings, NaN behind the end of each.

    Args:
        labels: Names of the recordings.
        times: (t,) s.
        recorded: Poses (e, t, 7) m and xyzw.
        predicted: The same in the fitted domain.
        stock: The same at nominal parameters.
    """

    labels: tuple[str, ...]
    times: Array
    recorded: Array
    predicted: Array
    stock: Array

    def position_errors(self, side: str = "predicted") -> Array:
        """Return the mean distance from the recorded positions [m], (e,), of ``"predicted"`` or ``"stock"``."""
        return position_error(predicted=self._poses(side)[..., :3], recorded=self.recorded[..., :3])

    def rotation_errors(self, side: str = "predicted") -> Array:
        """Return the mean angle from the recorded orientations [rad], (e,)."""
        return rotation_error(predicted=self._poses(side)[..., 3:], recorded=self.recorded[..., 3:])

    def _poses(self, side: str) -> Array:
        return self.stock if side == "stock" else self.predicted

    def summary(self, rng: np.random.Generator) -> HeldOut:
        """Return means, medians and an interval; ``rng`` resamples the recordings."""
        position, rotation = MILLI * self.position_errors(), np.degrees(self.rotation_errors())
        interval = stratified_bootstrap([position], lambda groups: float(np.mean(groups[0])), rng)
        return HeldOut(
            n=len(self.labels),
            position_error_mm=float(np.mean(position)),
            rotation_error_deg=float(np.mean(rotation)),
            position_error_low_mm=interval.low,
            position_error_high_mm=interval.high,
            median_position_error_mm=float(np.median(position)),
            median_rotation_error_deg=float(np.median(rotation)),
            stock_position_error_mm=float(MILLI * np.mean(self.position_errors("stock"))),
            stock_rotation_error_deg=float(np.degrees(np.mean(self.rotation_errors("stock")))),
        )

    def excerpt(self, count: int = 12) -> dict[str, Array]:
        """Return positions of a few recordings, evenly picked, as arrays to save: see ``predictions.npz``.

        ``times`` (t,), ``recorded``, ``predicted`` and ``stock`` (e, t, 3) m, ``labels`` (e,) text.
        """
        picked = np.unique(np.linspace(0, len(self.labels) - 1, min(count, len(self.labels))).round().astype(int))
        length = int(np.isfinite(self.recorded[picked, :, 0]).any(axis=0).sum())
        sides = {"recorded": self.recorded, "predicted": self.predicted, "stock": self.stock}
        return {
            "times": self.times[:length],
            **{name: poses[picked, :length, :3] for name, poses in sides.items()},
            "labels": np.array([self.labels[index] for index in picked]),
        }
