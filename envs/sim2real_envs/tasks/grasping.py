"""What the tasks with a grasp share: checks of starts, the grip as it is felt, outcomes of an object in the hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim2real_envs.backends.base import BodyReading
from sim2real_envs.errors import StateError
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Field

OPEN = 0.04  # [m] each finger from closed, at the start
REST_SPEED = 0.02  # [m/s]
TABLE_EDGE = 0.02  # [m] below the table top: the object has fallen
HELD_FORCE = 2.0  # [N] on both fingers: more than a touch
_OUT_OF_HAND = 0.05  # [m] from the tool: no finger reaches the object any more
_LIFTED = 0.04  # [m] above where it lay: the object hangs in the hand
_BACK = 0.01  # [m] above where it lay: the object is put down
_MOST_TURN = math.cos(0.6)  # of the object's own z axis against the hand, since it was lifted

GRASP_FIELDS = (
    Field("tool_position", 3, 2.0, "m"),
    Field("tool_velocity", 3, 10.0, "m/s"),
    Field("finger_opening", 1, 0.1, "m"),
    Field("grip_force", 1, 200.0, "N"),
    Field("object_from_tool", 3, 2.0, "m"),
    Field("object_velocity", 3, 10.0, "m/s"),
    Field("object_yaw_sine", 1, 1.0, "-"),
    Field("object_yaw_cosine", 1, 1.0, "-"),
    Field("object_tilt", 2, 2.0, "-"),
)
GRASP_OUTCOMES = (
    Outcome("object_x", "m", 0.02, doc="Object position at the end, along x."),
    Outcome("object_y", "m", 0.02, doc="Object position at the end, along y."),
    Outcome("object_z", "m", 0.02, doc="Object position at the end, along z."),
    Outcome("tool_x", "m", 0.02, doc="Tool position at the end, along x."),
    Outcome("tool_y", "m", 0.02, doc="Tool position at the end, along y."),
    Outcome("tool_z", "m", 0.02, doc="Tool position at the end, along z."),
    Outcome("duration", "s", 0.2, doc="Time until success or the end of the episode."),
    Outcome("object_travel", "m", 0.03, doc="Length of the object's path."),
    Outcome("object_peak_speed", "m/s", 0.05, doc="Highest speed of the object."),
    Outcome("object_peak_height", "m", 0.02, doc="Greatest height of the object's centre."),
    Outcome("object_slip", "m", 0.005, doc="Way of the object in the hand between its first firm grip and the last."),
    Outcome("peak_grip_force", "N", 5.0, doc="Largest force on the weaker finger, a mean over one control period."),
)


def observe_grasp(seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
    """Return the numbers of ``GRASP_FIELDS``: tool, grip, and the first body as it is seen from the tool."""
    body = seen.bodies[0]
    return [
        *tool.position.tolist(),
        *tool_velocity[:3].tolist(),
        opening(seen.finger_position.tolist()),
        grip_force(seen.finger_forces.tolist()),
        *(body.position - tool.position).tolist(),
        *body.velocity.tolist(),
        math.sin(body.yaw),
        math.cos(body.yaw),
        *body.tilt.tolist(),
    ]


def grip_force(finger_forces: Sequence[Sequence[float]]) -> float:
    """Return the smaller of the fingers' forces (f, 3) [N]: what holds an object."""
    return min(math.hypot(*force) for force in finger_forces)


def touch_force(finger_forces: Sequence[Sequence[float]]) -> float:
    """Return the largest of the fingers' forces (f, 3) [N]: whether any of them touches."""
    return max(math.hypot(*force) for force in finger_forces)


def opening(finger_position: Sequence[float]) -> float:
    """Return the mean distance of the fingers (f,) from closed [m]."""
    return float(sum(finger_position)) / len(finger_position)


def upward(orientation: Sequence[float]) -> Array:
    """Return the body's own z axis (3,) for a quaternion xyzw."""
    x, y, z, w = orientation
    return np.array([2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)])


def check_object(start: WorldState, name: str, half_height: float, reach: float) -> None:
    """Refuse an object inside the table or out of reach.

    Args:
        start: The start.
        name: Of the pose, such as ``"object.pose"``.
        half_height: Half the object's height [m].
        reach: Of the arm [m].

    Raises:
        StateError: With the reason.
    """
    x, y, z = start.values[name][:3].tolist()
    if z < 0.4 * half_height:
        raise StateError(f"{name!r} puts it into the table: its centre is at z = {z:.3f} m, not {half_height}.")
    distance = math.hypot(x, y)
    if distance > reach:
        raise StateError(f"{name!r} puts it out of reach: {distance:.2f} m from the base, at most {reach}.")


def check_apart(start: WorldState, distance: float) -> None:
    """Refuse two objects nearer to each other than ``distance`` [m].

    Raises:
        StateError: With the reason.
    """
    between = math.dist(start.values["object.pose"][:3], start.values["support.pose"][:3])
    if between < distance:
        raise StateError(f"'object.pose' and 'support.pose' are in each other: {between:.3f} m apart, not {distance}.")


def check_fingers(start: WorldState, stroke: float) -> None:
    """Refuse fingers beyond their stroke [m].

    Raises:
        StateError: With the reason.
    """
    fingers = start.values["finger.position"]
    if not ((fingers >= 0.0) & (fingers <= stroke)).all():
        raise StateError(f"'finger.position' must lie within [0, {stroke}] m, but got {fingers.tolist()}.")


class Lift:
    """Notices when an object that was lifted falls out of the hand or turns in it; from true states.

    Args:
        height: Of the object's centre where it lies at the start [m].
    """

    def __init__(self, height: float) -> None:
        self._height = height
        self._axis: Array | None = None  # of the object in the tool's frame when it was lifted

    def failure(self, body: BodyReading, tool: ToolPose) -> str:
        """Return the failure mode that this step ends with, or ``"none"``."""
        height = body.position[2]
        if height < -TABLE_EDGE:
            return "drop"
        if math.dist(body.position, tool.position) > _OUT_OF_HAND:
            return "none" if self._axis is None else "drop"
        if height < self._height + _BACK:
            self._axis = None
        elif height > self._height + _LIFTED:
            axis = tool.rotation.T @ upward(body.orientation)
            if self._axis is None:
                self._axis = axis
            elif float(axis @ self._axis) < _MOST_TURN:
                return "unstable_grasp"
        return "none"


class Track:
    """Follows the measured object and tool for ``GRASP_OUTCOMES``; make one an episode.

    Args:
        seen: First measurement; the first body is the object.
        tool: First measured tool position (3,) [m].
    """

    def __init__(self, seen: Measurement, tool: Array) -> None:
        self._object, self._tool = seen.bodies[0].position, tool
        self._travel = self._peak_speed = self._peak_force = self._slip = 0.0
        self._peak_height = float(self._object[2])
        self._gripped: tuple[float, float, float] | None = None

    def watch(self, seen: Measurement, tool: Array) -> None:
        """Take in a measurement."""
        body = seen.bodies[0]
        place, force = body.position, grip_force(seen.finger_forces.tolist())
        self._travel += math.dist(place, self._object)
        self._peak_speed = max(self._peak_speed, math.hypot(*body.velocity.tolist()))
        self._peak_height = max(self._peak_height, float(place[2]))
        self._peak_force = max(self._peak_force, force)
        self._object, self._tool = place, tool
        if force > HELD_FORCE:
            x, y, z = (place - tool).tolist()
            if self._gripped is None:
                self._gripped = (x, y, z)
            self._slip = math.dist((x, y, z), self._gripped)

    def outcome(self, duration: float) -> dict[str, float]:
        """Return ``GRASP_OUTCOMES``; ``duration`` [s]."""
        values = [*self._object.tolist(), *self._tool.tolist(), duration, self._travel, self._peak_speed]
        values += [self._peak_height, self._slip, self._peak_force]
        return {outcome.name: value for outcome, value in zip(GRASP_OUTCOMES, values, strict=True)}
