"""Where an episode starts: what a task draws, and what a caller puts in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import Measurement, Sensors, yaw_of
from sim2real_envs.state import WorldState

_OF_BODIES = ("object.pose", "object.twist", "support.pose", "support.twist", "hole.pose")
_TOLD = ("goal", "hole.pose", "finger.position", "finger.command")  # not measured by any sensor here
_HINGED = ("joint.position", "joint.velocity", "finger.position")


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
        StateError: If ``start`` gives an object or fingers to a world that has none, lengths that differ from the
            arm's, or an orientation that is not a unit quaternion.
    """
    for name in start.values:
        if name in _OF_BODIES and name.replace("twist", "pose") not in sampled.values:
            raise StateError(f"{name!r} cannot be set: there is no {name.split('.')[0]} here.")
        if name.startswith("finger.") and "finger.position" not in sampled.values:
            raise StateError(f"{name!r} cannot be set: the fingers do not move here.")
        if name in _HINGED:
            like = sampled.values[name if name in sampled.values else "joint.position"]
            _check_shape(name, start.values[name], like.shape)
        if name.endswith(".pose"):
            length = float(np.linalg.norm(start.values[name][3:]))
            if abs(length - 1.0) > 1e-3:
                raise StateError(f"The quaternion in {name!r} must have length 1, but has {length:.4g}.")
    if start.commands is not None:
        width = len(sampled.values["joint.position"]) + ("finger.position" in sampled.values)
        _check_shape("commands", start.commands, (len(start.commands), width))
    return WorldState({**sampled.values, **start.values}, start.spread, start.commands)


def _check_shape(name: str, array: Array, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise StateError(f"{name!r} must have shape {wanted} here, but got {array.shape}.")


def measured_start(seen: Measurement, start: WorldState, sensors: Sensors) -> WorldState:
    """Return ``start`` as its first measurement ``seen`` shows it, with one standard deviation of what was measured.

    Heights and tilts of objects are those of ``start``.
    """
    values = {name: value for name, value in start.values.items() if name in _TOLD}
    values["joint.position"] = seen.joint_position
    spread = {"joint.position": np.full(len(seen.joint_position), sensors.joint_spread()[0])}
    poses = [name for name in ("object.pose", "support.pose") if name in start.values]
    for name, body in zip(poses, seen.bodies, strict=True):
        pose = start.values[name].copy()
        turn = body.yaw - yaw_of(pose[3:].tolist())
        pose[:2] = body.position[:2]
        pose[3:] = _turned(pose[3:], turn)
        place, angle = sensors.object_spread()
        values[name], spread[name] = pose, np.array([place, place, 0.0, 0.0, 0.0, angle])
    return WorldState(values, spread)


def _turned(orientation: Array, angle: float) -> Array:
    """Return a quaternion xyzw turned by ``angle`` [rad] about the world's z axis."""
    x, y, z, w = orientation
    sine, cosine = math.sin(0.5 * angle), math.cos(0.5 * angle)
    return np.array([cosine * x - sine * y, cosine * y + sine * x, cosine * z + sine * w, cosine * w - sine * z])
