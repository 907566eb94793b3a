"""Distances between a predicted and a recorded motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sim2real_envs.parameters import Array


def position_error(*, predicted: ArrayLike, recorded: ArrayLike) -> Array:
    """Return the mean distance of positions (..., t, 3) over time, (...) [unit of the positions].

    Times at which either is NaN, as behind the end of a recording, are left out; NaN where none is left.
    """
    offsets = np.asarray(predicted, dtype=np.float64) - np.asarray(recorded, dtype=np.float64)
    return mean_over_time(np.linalg.norm(offsets, axis=-1))


def rotation_error(*, predicted: ArrayLike, recorded: ArrayLike) -> Array:
    """Return the mean angle between unit quaternions (..., t, 4) over time, (...) [rad]; NaN as in ``position_error``.

    Two unit quaternions an angle a apart have |p - r| = 2 sin(a/4) and |p + r| = 2 cos(a/4), or the reverse for the
    other sign of r. Exact for small angles, where an arc cosine is not.
    """
    p, r = np.asarray(predicted, dtype=np.float64), np.asarray(recorded, dtype=np.float64)
    apart, together = np.linalg.norm(p - r, axis=-1), np.linalg.norm(p + r, axis=-1)
    return mean_over_time(4.0 * np.arctan2(np.minimum(apart, together), np.maximum(apart, together)))


def root_mean_square(*, predicted: ArrayLike, recorded: ArrayLike) -> Array:
    """Return the root of the mean squared difference of signals (..., t) over time, (...); NaN as above."""
    error = np.asarray(predicted, dtype=np.float64) - np.asarray(recorded, dtype=np.float64)
    root: Array = np.sqrt(mean_over_time(error**2))
    return root


def mean_over_time(values: Array) -> Array:
    """Return the mean over the last axis without NaN; NaN where nothing is left."""
    finite = np.isfinite(values)
    count = finite.sum(axis=-1)
    total = np.where(finite, values, 0.0).sum(axis=-1)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
