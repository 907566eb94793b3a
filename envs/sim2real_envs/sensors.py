"""What the robot knows: true readings, corrupted in a documented order.

Once a control period every channel is sampled and passes bias, then noise,
then dropout (the last sample is held), then delay (linear between the samples
of past periods). Controllers read the joints before dropout and delay, as a
robot's own controller does; policies and logs get the whole chain.

Default ranges cover published sensors: joint encoders 4e-5 rad at rest (UR10e)
to 1.5e-3 rad per count (XL330); joint velocity 0.006 (Panda) to 0.06 rad/s
(mjbots); object pose 0.01 mm (Vicon, smoothed tags) to a few mm (one camera);
force 0.004 to 0.03 N (ATI) up to 2 N (joint-torque based).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sim2real_envs.backends.base import Reading
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace
from sim2real_envs.state import WorldState

JOINT_PARAMETERS = ParameterSpace(
    [
        Parameter(
            "sensor.joint_position_noise", 0.0, 0.0, 0.002, (0.0, 0.1), "rad", doc="+N(0, s) on every joint position."
        ),
        Parameter(
            "sensor.joint_position_bias", 0.0, -0.005, 0.005, (-0.2, 0.2), "rad",
            doc="Constant offset of every joint position.",
        ),
        Parameter(
            "sensor.joint_velocity_noise", 0.0, 0.0, 0.06, (0.0, 1.0), "rad/s",
            doc="+N(0, s) on every joint velocity.",
        ),
    ]
)  # fmt: skip
OBJECT_PARAMETERS = ParameterSpace(
    [
        Parameter(
            "sensor.object_position_noise", 0.0, 0.0, 0.003, (0.0, 0.1), "m", doc="+N(0, s) on each object coordinate."
        ),
        Parameter(
            "sensor.object_position_bias", 0.0, -0.01, 0.01, (-0.1, 0.1), "m",
            doc="Constant offset of the object along x and along y.",
        ),
        Parameter(
            "sensor.object_rotation_noise", 0.0, 0.0, 0.02, (0.0, 1.0), "rad",
            doc="+N(0, s) on the object's yaw and on its tilt.",
        ),
    ]
)  # fmt: skip
FORCE_PARAMETERS = ParameterSpace(
    [
        Parameter(
            "sensor.force_noise",
            0.0,
            0.0,
            2.0,
            (0.0, 50.0),
            "N",
            doc="+N(0, s) on each component of the force on each finger.",
        ),
    ]
)
PIPELINE_PARAMETERS = ParameterSpace(
    [
        Parameter("sensor.delay", 0.0, 0.0, 0.05, (0.0, 0.3), "s", doc="Age of what the policy sees, all channels."),
        Parameter(
            "sensor.dropout", 0.0, 0.0, 0.1, (0.0, 0.9), "-",
            doc="Probability that a channel's sample is lost and the last one is held.",
        ),
    ]
)  # fmt: skip


_BODY = 6  # numbers of a body in a sample: position, yaw, tilt
_POSES = ("object.pose", "support.pose")


class MeasuredBody(NamedTuple):
    """A free body as the sensors see it.

    ``position`` (3,) m; ``velocity`` (3,) m/s as a difference of two measured positions; ``yaw`` rad; ``tilt`` (2,):
    x and y of the body's own z axis in the world, 0 where it stands upright.
    """

    position: Array
    velocity: Array
    yaw: float
    tilt: Array


@dataclass(frozen=True)
class Measurement:
    """What the sensors say at one moment.

    ``joint_position``, ``joint_velocity`` (n,); ``finger_position`` (f,) m; ``bodies`` in the order of the scene;
    ``finger_forces`` (f, 3) N, zeros where there is nothing to touch.
    """

    joint_position: Array
    joint_velocity: Array
    finger_position: Array
    bodies: tuple[MeasuredBody, ...]
    finger_forces: Array

    @property
    def tool_force(self) -> Array:
        """Force on all fingers together (3,) N."""
        force: Array = self.finger_forces.sum(axis=0)
        return force


class Sensors:
    """The sensors of a robot; they own ``sensor.*``.

    A sample is one row of numbers: joint positions, joint velocities, finger positions, then for each body its
    position, yaw and tilt, then the forces on the fingers.

    Args:
        joints: Number of joints.
        period: Control period [s].
        bodies: How many objects there are to see; with none there is no force to feel either.
        fingers: How many fingers feel forces.
        fingers_move: Whether their positions are to be measured.
        unread: Names of parameters of channels that nobody reads: there are none of these here.
    """

    def __init__(
        self,
        joints: int,
        period: float,
        *,
        bodies: int = 0,
        fingers: int = 2,
        fingers_move: bool = False,
        unread: Collection[str] = (),
    ) -> None:
        self._n, self._period, self._bodies = joints, period, bodies
        self._fingers = fingers if bodies else 0
        self._first_body = 2 * joints + (fingers if fingers_move else 0)
        self._first_force = self._first_body + _BODY * bodies
        self._size = self._first_force + 3 * self._fingers
        self._yaws = [self._first_body + _BODY * body + 3 for body in range(bodies)]
        edges = [0, joints, 2 * joints, self._first_body]
        edges += [edge for yaw in self._yaws for edge in (yaw, yaw + 3)] + [self._size]
        self._channels = [slice(a, b) for a, b in pairwise(edges) if a < b]
        space = JOINT_PARAMETERS
        if bodies:
            space |= OBJECT_PARAMETERS | FORCE_PARAMETERS
        space |= PIPELINE_PARAMETERS
        self._space = ParameterSpace(p for name, p in space.items() if name not in unread)
        self._noise = np.zeros(self._size)
        self._bias = np.zeros(self._size)
        self._delay_s = self._dropout = 0.0
        self._samples: list[Array] = []
        self._fresh = np.zeros(self._size)
        self._last_seen = np.zeros((bodies, 3))
        self._no_force = np.zeros((fingers, 3))

    @property
    def parameters(self) -> ParameterSpace:
        """Noise and bias of each channel, delay and dropout of all."""
        return self._space

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        n = self._n
        self._noise[:n] = domain["sensor.joint_position_noise"]
        self._noise[n : 2 * n] = domain.get("sensor.joint_velocity_noise", 0.0)
        self._bias[:n] = domain["sensor.joint_position_bias"]
        for yaw in self._yaws:
            self._noise[yaw - 3 : yaw] = domain["sensor.object_position_noise"]
            self._noise[yaw : yaw + 3] = domain.get("sensor.object_rotation_noise", 0.0)
            self._bias[yaw - 3 : yaw - 1] = domain["sensor.object_position_bias"]
        if self._bodies:
            self._noise[self._first_force :] = domain["sensor.force_noise"]
        self._delay_s, self._dropout = domain["sensor.delay"], domain["sensor.dropout"]

    def applied(self) -> dict[str, float]:
        """Read every value back from the arrays that the measurements use."""
        n = self._n
        values = {
            "sensor.joint_position_noise": self._noise[0],
            "sensor.joint_position_bias": self._bias[0],
            "sensor.joint_velocity_noise": self._noise[n],
            "sensor.delay": self._delay_s,
            "sensor.dropout": self._dropout,
        }
        if self._bodies:
            first = self._first_body
            values |= {
                "sensor.object_position_noise": self._noise[first],
                "sensor.object_position_bias": self._bias[first],
                "sensor.object_rotation_noise": self._noise[first + 3],
                "sensor.force_noise": self._noise[self._first_force],
            }
        return {name: float(values[name]) for name in self._space}

    def reset(self, reading: Reading, rng: np.random.Generator) -> Measurement:
        """Forget the past and take the first measurement of an episode."""
        self._samples = []
        return self.measure(reading, rng)

    def measure(self, reading: Reading, rng: np.random.Generator) -> Measurement:
        """Sample every channel; the same number of random numbers is used whatever the parameters are."""
        draws = rng.standard_normal(self._size)
        lost = rng.random(len(self._channels))
        sample = self._bias + self._noise * draws
        sample += self._true(reading)
        self._fresh = sample
        first = not self._samples
        self._samples.append(sample if first else self._held(sample, self._samples[-1], lost))
        seen = self._delayed()
        n = self._n
        fingers = seen[2 * n : self._first_body]
        if not self._bodies:
            return Measurement(seen[:n], seen[n : 2 * n], fingers, (), self._no_force)
        bodies = []
        for index, yaw in enumerate(self._yaws):
            place = seen[yaw - 3 : yaw]
            velocity = np.zeros(3) if first else (place - self._last_seen[index]) / self._period
            self._last_seen[index] = place
            bodies.append(MeasuredBody(place, velocity, float(seen[yaw]), seen[yaw + 1 : yaw + 3]))
        forces = seen[self._first_force :].reshape(self._fingers, 3)
        return Measurement(seen[:n], seen[n : 2 * n], fingers, tuple(bodies), forces)

    @property
    def controller_joints(self) -> Array:
        """Joint positions (n,) as the robot's own controller reads them: with bias and noise, fresh."""
        return self._fresh[: self._n]

    def object_spread(self) -> tuple[float, float]:
        """Return one standard deviation of a measured object: position [m] and yaw [rad]."""
        return float(self._noise[self._first_body]), float(self._noise[self._first_body + 3])

    def joint_spread(self) -> tuple[float, float]:
        """Return one standard deviation of a measured joint: position [rad] and velocity [rad/s]."""
        return float(self._noise[0]), float(self._noise[self._n])

    def without_bias(self, measured: WorldState) -> WorldState:
        """Return the true state that these sensors would have measured as ``measured``: their biases are taken off."""
        values = dict(measured.values)
        if "joint.position" in values:
            values["joint.position"] = values["joint.position"] - self._bias[: self._n]
        for name, yaw in zip(_POSES, self._yaws, strict=False):
            if name in values:
                pose = values[name].copy()
                pose[:3] -= self._bias[yaw - 3 : yaw]
                values[name] = pose
        return WorldState(values, measured.spread, measured.commands)

    def _true(self, reading: Reading) -> Sequence[float]:
        numbers = [*reading.joint_position, *reading.joint_velocity]
        if self._first_body > 2 * self._n:
            numbers += reading.finger_position
        for body in reading.bodies:
            numbers += body.position
            x, y, z, w = body.orientation
            numbers.append(math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
            numbers.append(2.0 * (x * z + w * y))
            numbers.append(2.0 * (y * z - w * x))
        if self._bodies:
            for force in reading.finger_forces:
                numbers += force
        return numbers

    def _held(self, sample: Array, before: Array, lost: Array) -> Array:
        """Return ``sample`` with the lost channels as they were before, and yaws without jumps of a full turn."""
        for yaw in self._yaws:
            sample[yaw] -= 2.0 * math.pi * round(float(sample[yaw] - before[yaw]) / (2.0 * math.pi))
        if self._dropout == 0.0:
            return sample
        held = sample.copy()
        for channel, chance in zip(self._channels, lost.tolist(), strict=True):
            if chance < self._dropout:
                held[channel] = before[channel]
        return held

    def _delayed(self) -> Array:
        """Return the sample of ``delay`` ago, linear between the two nearest; before the first there is the first."""
        samples = self._samples
        age = self._delay_s / self._period
        whole = int(age)
        if len(samples) > whole + 2:
            del samples[: len(samples) - whole - 2]
        newer = samples[max(len(samples) - 1 - whole, 0)]
        if age == whole:
            return newer
        older = samples[max(len(samples) - 2 - whole, 0)]
        share = age - whole
        delayed: Array = (1.0 - share) * newer + share * older
        return delayed


def yaw_of(orientation: Sequence[float]) -> float:
    """Return the yaw [rad] of a quaternion xyzw."""
    x, y, z, w = orientation
    return float(np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z)))
