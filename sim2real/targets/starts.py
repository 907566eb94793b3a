"""Starts that may have been measured as a given one, for repeats of a replay; and starts that are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


def drawn_start(measured: WorldState, rng: np.random.Generator) -> WorldState:
    """Return a start that may have been measured as ``measured``: every value plus N(0, spread).

    A pose is turned by a rotation vector drawn from the last three numbers of its spread [rad].
    """
    values = dict(measured.values)
    for name, spread in sorted(measured.spread.items()):
        offset = rng.normal(0.0, 1.0, size=spread.shape) * spread
        values[name] = _turned(values[name], offset) if name.endswith(".pose") else values[name] + offset
    return WorldState(values, measured.spread, measured.commands)


def asked_starts(starts: Sequence[WorldState] | None, episodes: int) -> Sequence[WorldState | None]:
    """Return one start for each episode, None where the task draws it.

    Raises:
        OptionError: If there are more or fewer starts than episodes.
    """
    if starts is None:
        return [None] * episodes
    if len(starts) != episodes:
        raise OptionError(f"`len(starts) == episodes` must hold, but got {len(starts)} starts for {episodes} episodes.")
    return starts


def _turned(pose: Array, offset: Array) -> Array:
    rotation = Rotation.from_rotvec(offset[3:]) * Rotation.from_quat(pose[3:])
    return np.concatenate([pose[:3] + offset[:3], rotation.as_quat()])
