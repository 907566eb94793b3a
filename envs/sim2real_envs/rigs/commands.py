"""Recorded commands as a rig's motor gets them: held between the samples, and late."""

from __future__ import annotations

import numpy as np

from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array


def delayed(commands: Array, before: Array, times: Array, delay: float) -> Array:
    """Return the mean over each span between two samples of commands that are held and act ``delay`` later.

    The mean changes smoothly with the delay, also within a sampling period.

    Args:
        commands: (t - 1,), each held from its sample to the next.
        before: (h,) earlier ones, latest last, spaced like the first two samples; the earliest was held before.
        times: Of the samples (t,) [s].
        delay: At least 0 [s].
    """
    first = times[1] - times[0]
    edges = np.concatenate([times[0] - first * np.arange(len(before), 0, -1), times])  # (h + t,)
    held = np.concatenate([before, commands])
    earliest = float(held[0])
    total = np.concatenate([[0.0], np.cumsum((held - earliest) * np.diff(edges))])  # integral of what differs from it
    means: Array = earliest + np.diff(np.interp(times - delay, edges, total)) / np.diff(times)
    return means


def require_times(times: Array) -> None:
    """Raise StateError unless ``times`` is (t,) with t >= 2, begins at 0 and increases."""
    if times.ndim != 1 or len(times) < 2 or times[0] != 0.0 or not (np.diff(times) > 0.0).all():
        raise StateError("`times` must have shape (t,) with t >= 2, begin at 0 and increase.")
