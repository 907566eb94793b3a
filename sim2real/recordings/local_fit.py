"""The state of a motion at one sample, from a polynomial through the samples around it.

An encoder counts in steps, so a difference of two samples says little about a velocity. A least-squares cubic through
the samples within a few hundredths of a second on both sides gives position and velocity with their standard errors;
at the ends of a motion, where one side is missing, a parabola through the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim2real_envs.parameters import Array


class LocalState(NamedTuple):
    """Positions and velocities (d,), and their standard errors (d,)."""

    position: Array
    velocity: Array
    position_error: Array
    velocity_error: Array


def state_at(times: Array, positions: Array, index: int, reach: int) -> LocalState:
    """Return the state at ``times[index]`` from the samples at most ``reach`` away.

    Args:
        times: (t,) [s].
        positions: (t, d).
        index: Of the sample.
        reach: Samples on each side, at least 3.
    """
    around = slice(max(index - reach, 0), index + reach + 1)
    since = times[around] - times[index]
    degree = 3 if len(since) > reach + 3 else 2
    span = max(float(np.abs(since).max()), 1e-9)
    powers = np.vander(since / span, degree + 1, increasing=True)  # (n, degree + 1), well conditioned
    coefficients = np.asarray(np.linalg.lstsq(powers, positions[around], rcond=None)[0], dtype=np.float64)
    freedom = max(len(since) - degree - 1, 1)
    variance = ((positions[around] - powers @ coefficients) ** 2).sum(axis=0) / freedom  # (d,)
    shape = np.diag(np.linalg.inv(powers.T @ powers))
    return LocalState(
        coefficients[0], coefficients[1] / span, np.sqrt(shape[0] * variance), np.sqrt(shape[1] * variance) / span
    )
