"""Names of signals that every log uses for the same thing, with the unit and shape that they must have.

They are the names of a ``WorldState`` and a ``RobotState``, and what a robot's controller is given. Other names are
free. World and base frame: origin at the robot's base, z up, the table top at z = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim2real.recordings.log.records import Kind
from sim2real.units import QUATERNION

POSE = ("m", "m", "m", *QUATERNION)
TWIST = ("m/s", "m/s", "m/s", "rad/s", "rad/s", "rad/s")


@dataclass(frozen=True)
class Canonical:
    """What a name stands for: kind, SI unit (of all components or of each), shape (None: any length), words."""

    kind: Kind
    unit: str | tuple[str, ...]
    shape: tuple[int | None, ...]
    doc: str

    @property
    def in_a_frame(self) -> bool:
        """Whether numbers of it mean nothing without a frame."""
        return self.shape in ((3,), (4,), (6,), (7,), (None, 3)) or isinstance(self.unit, tuple)


def _joint(kind: Kind, unit: str, doc: str) -> Canonical:
    return Canonical(kind, unit, (None,), doc)


CANONICAL: Mapping[str, Canonical] = MappingProxyType(
    {
        "joint.position": _joint("observation", "rad", "Measured joint positions."),
        "joint.velocity": _joint("observation", "rad/s", "Measured joint velocities."),
        "joint.acceleration": _joint("observation", "rad/s2", "Measured joint accelerations."),
        "joint.torque": _joint("force", "Nm", "Joint torques, measured or estimated by the robot."),
        "joint.current": _joint("observation", "A", "Motor currents."),
        "joint.voltage": _joint("observation", "V", "Supply voltages at the motors."),
        "joint.temperature": _joint("observation", "K", "Motor temperatures."),
        "joint.command": _joint("action", "rad", "Position targets that the joint controller was given."),
        "joint.velocity_command": _joint("action", "rad/s", "Velocity targets that it was given."),
        "joint.torque_command": _joint("action", "Nm", "Torques that were asked of the motors."),
        "joint.voltage_command": _joint("action", "V", "Voltages that were put on the motors."),
        "joint.pwm_command": _joint("action", "-", "Share of the supply voltage, -1 to 1."),
        "tool.position": Canonical("observation", "m", (3,), "Position of the tool."),
        "tool.orientation": Canonical("observation", QUATERNION, (4,), "Orientation of the tool."),
        "tool.pose": Canonical("observation", POSE, (7,), "Pose of the tool."),
        "tool.linear_velocity": Canonical("observation", "m/s", (3,), "Velocity of the tool."),
        "tool.angular_velocity": Canonical("observation", "rad/s", (3,), "Angular velocity of the tool."),
        "tool.twist": Canonical("observation", TWIST, (6,), "Linear, then angular velocity of the tool."),
        "tool.force": Canonical("force", "N", (3,), "Force that acts on the tool."),
        "tool.torque": Canonical("force", "Nm", (3,), "Torque that acts on the tool."),
        "tool.command": Canonical("action", POSE, (7,), "Pose that was asked of the tool."),
        "finger.position": Canonical("observation", "m", (None,), "Way of each finger from closed."),
        "finger.command": Canonical("action", "m", (1,), "Way from closed that was asked of the fingers."),
        "finger.force": Canonical("force", "N", (None, 3), "Force that acts on each finger."),
        "object.pose": Canonical("observation", POSE, (7,), "Pose of the object."),
        "object.twist": Canonical("observation", TWIST, (6,), "Linear, then angular velocity of the object."),
        "support.pose": Canonical("observation", POSE, (7,), "Pose of a second object."),
        "support.twist": Canonical("observation", TWIST, (6,), "Linear, then angular velocity of a second object."),
        "hole.pose": Canonical("state", POSE, (7,), "Pose of a hole."),
        "goal": Canonical("state", "m", (3,), "Where the object or the tool shall be."),
    }
)
"""The shared names of signals."""
