"""Where an episode starts: what a task draws, and what a caller puts in its place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

_OF_OBJECT = ("object.pose", "object.twist")


def as_start(name: str, value: object) -> WorldState:
    """Return the reset option ``name`` as a start: a ``WorldState``, or a mapping of its names to arrays.

    Raises:
        OptionError: If it is neither.
        StateError: If a name, a shape or a number in it cannot be.
    """
    if isinstance(value, WorldState):
        return value
    if isinstance(value, Mapping):
        return WorldState(value)
    raise OptionError(f"The reset option {name!r} must be a WorldState or a mapping, but got {type(value).__name__}.")


def replaced(sampled: WorldState, start: WorldState) -> WorldState:
    """Return ``sampled`` with the names that ``start`` gives.

    Raises:
        StateError: If ``start`` gives an object to a world that has none, lengths that differ from the arm's, or
            an orientation that is not a unit quaternion.
    """
    joints = len(sampled.values["joint.position"])
    for name in _OF_OBJECT:
        if name in start.values and "object.pose" not in sampled.values:
            raise StateError(f"{name!r} cannot be set: there is no object here.")
    for name in ("joint.position", "joint.velocity"):
        if name in start.values:
            _check_shape(name, start.values[name], (joints,))
    if start.commands is not None:
        _check_shape("commands", start.commands, (len(start.commands), joints))
    if "object.pose" in start.values:
        length = float(np.linalg.norm(start.values["object.pose"][3:]))
        if abs(length - 1.0) > 1e-3:
            raise StateError(f"The quaternion in 'object.pose' must have length 1, but has {length:.4g}.")
    return WorldState({**sampled.values, **start.values}, start.spread, start.commands)


def _check_shape(name: str, array: Array, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise StateError(f"{name!r} must have shape {wanted} here, but got {array.shape}.")
