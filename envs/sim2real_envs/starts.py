"""Where an episode starts: what a task draws, what a caller puts in its place, and what sensors say of a world."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import MeasuredBody, Measurement, Sensors, yaw_of
from sim2real_envs.state import WorldState

_OF_BODIES = ("object.pose", "object.twist", "support.pose", "support.twist", "hole.pose")
_TOLD = ("goal", "hole.pose", "finger.position", "finger.command")  # not measured by any sensor here
_STANDS = 3.0  # spreads of height or tilt within which an object stands as it did at the start
_STANDS_AT_LEAST = 1e-3  # [m], and as much as a share of a tilted axis
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
    for name, body in zip(_poses(start), seen.bodies, strict=True):
        place, angle = sensors.object_spread()
        values[name] = _stood(start.values[name], body)
        spread[name] = np.array([place, place, 0.0, 0.0, 0.0, angle])
    return WorldState(values, spread)


def measured_state(
    seen: Measurement, start: WorldState, sensors: Sensors, commands: Sequence[Sequence[float]]
) -> WorldState:
    """Return what the measurement ``seen`` says of a world that began at ``start``, to continue from.

    An object whose measured height and tilt are those of its start, within three spreads, stands as it did there: noise
    would put it into the table. Its axis z points up: sensors of tilt do not tell a body from one upside down. Its
    twist is the measured difference of two positions, the turning left out.

    Args:
        seen: The measurement.
        start: Where the episode began, the goal included.
        sensors: Of the world.
        commands: What was asked of the joints, and of the fingers where they move, latest last.
    """
    values = {name: value for name, value in start.values.items() if name in ("goal", "hole.pose")}
    values |= {"joint.position": seen.joint_position, "joint.velocity": seen.joint_velocity}
    joint, speed = sensors.joint_spread()
    spread = {"joint.position": np.full(len(seen.joint_position), joint)}
    spread["joint.velocity"] = np.full(len(seen.joint_position), speed)
    if "finger.position" in start.values:
        values["finger.position"] = seen.finger_position
        values["finger.command"] = np.array([commands[-1][-1]])
    for name, body in zip(_poses(start), seen.bodies, strict=True):
        first, (place, angle) = start.values[name], sensors.object_spread()
        stands = abs(float(body.position[2] - first[2])) <= max(_STANDS * place, _STANDS_AT_LEAST)
        stands &= bool(np.abs(body.tilt - _tilt_of(first[3:])).max() <= max(_STANDS * angle, _STANDS_AT_LEAST))
        values[name] = _stood(first, body) if stands else np.concatenate([body.position, _tilted(body)])
        free = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0]) if stands else np.ones(6)
        spread[name] = free * [place, place, place, angle, angle, angle]
        values[name.replace("pose", "twist")] = free * [*body.velocity, 0.0, 0.0, 0.0]
    return WorldState(values, spread, np.array(commands))


def _poses(start: WorldState) -> list[str]:
    return [name for name in ("object.pose", "support.pose") if name in start.values]


def _stood(first: Array, body: MeasuredBody) -> Array:
    """Return the pose (7,) of a body that stands as at ``first`` (7,), where ``body`` was seen."""
    pose = first.copy()
    pose[:2] = body.position[:2]
    pose[3:] = _turned(first[3:], body.yaw - yaw_of(first[3:].tolist()))
    return pose


def _tilt_of(orientation: Array) -> Array:
    """Return x and y of the axis z of a quaternion xyzw, (2,)."""
    x, y, z, w = orientation.tolist()
    return np.array([2.0 * (x * z + w * y), 2.0 * (y * z - w * x)])


def _tilted(body: MeasuredBody) -> Array:
    """Return the quaternion xyzw of a body from its yaw and tilt.

    The least turn that brings the axis z to u = (a, b, c) is the quaternion (-b, a, 0, 1 + c), normalized; before it
    goes a turn about z, by so much that the body's axis x points where its yaw says.
    """
    a, b = (body.tilt / max(1.0, float(np.linalg.norm(body.tilt)) / 0.999)).tolist()
    c = math.sqrt(1.0 - a * a - b * b)
    cosine, sine = math.cos(body.yaw), math.sin(body.yaw)
    rise, cross = -(a * cosine + b * sine) / c, -a * b / (1.0 + c)
    along = cosine * (1.0 - a * a / (1.0 + c)) + sine * cross - rise * a
    beside = cosine * cross + sine * (1.0 - b * b / (1.0 + c)) - rise * b
    half = 0.5 * math.atan2(beside, along)
    co, si = math.cos(half), math.sin(half)
    turned = np.array([a * si - b * co, a * co + b * si, (1.0 + c) * si, (1.0 + c) * co])
    unit: Array = turned / np.linalg.norm(turned)
    return unit


def _turned(orientation: Array, angle: float) -> Array:
    """Return a quaternion xyzw turned by ``angle`` [rad] about the world's z axis."""
    x, y, z, w = orientation
    sine, cosine = math.sin(0.5 * angle), math.cos(0.5 * angle)
    return np.array([cosine * x - sine * y, cosine * y + sine * x, cosine * z + sine * w, cosine * w - sine * z])
