"""Where a thrown body started, from all samples of its free flight instead of the first alone.

In free flight a point moves on a parabola and a body with equal moments of inertia turns at a constant rate about a
constant axis. A least-squares fit of both over the n samples before the first contact gives the start far more
exactly than one difference of two samples, whose velocity belongs to the moment between them besides. Gravity is not
assumed but fitted, so that a recording with a fault in its lengths gives the start in its own lengths.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


def start_of_flight(times: Array, poses: Array) -> WorldState:
    """Return the state at ``times[0]``, with its standard errors.

    Args:
        times: Of the samples in free flight [s], (n,) with n >= 5.
        poses: Position [m] and quaternion xyzw at those times, (n, 7).
    """
    since = times - times[0]
    level, level_error = _fitted(since, poses[:, :2], degree=1)  # (2, 2): coefficient, axis
    upright, upright_error = _fitted(since, poses[:, 2:3], degree=2)  # (3, 1)
    first = Rotation.from_quat(poses[0, 3:])
    turned = (Rotation.from_quat(poses[:, 3:]) * first.inv()).as_rotvec()  # (n, 3), world frame
    turn, turn_error = _fitted(since, turned, degree=1)
    orientation = (Rotation.from_rotvec(turn[0]) * first).as_quat()
    return WorldState(
        values={
            "object.pose": np.concatenate([level[0], upright[0], orientation]),
            "object.twist": np.concatenate([level[1], upright[1], turn[1]]),
        },
        spread={
            "object.pose": np.concatenate([level_error[0], upright_error[0], turn_error[0]]),
            "object.twist": np.concatenate([level_error[1], upright_error[1], turn_error[1]]),
        },
    )


def _fitted(times: Array, values: Array, degree: int) -> tuple[Array, Array]:
    """Return polynomial coefficients (degree + 1, d), constant first, and their standard errors."""
    powers = np.vander(times, degree + 1, increasing=True)  # (n, degree + 1)
    coefficients = np.asarray(np.linalg.lstsq(powers, values, rcond=None)[0], dtype=np.float64)
    freedom = max(len(times) - degree - 1, 1)
    variance = ((values - powers @ coefficients) ** 2).sum(axis=0) / freedom  # (d,)
    shape = np.diag(np.linalg.inv(powers.T @ powers))  # (degree + 1,)
    errors: Array = np.sqrt(np.outer(shape, variance))
    return coefficients, errors
