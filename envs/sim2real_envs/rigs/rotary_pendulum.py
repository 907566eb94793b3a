"""Equations of motion of the rotary (Furuta) pendulum, driven by a DC motor, on plain floats.

An arm turns about the vertical by ``arm``; at its end a pole swings in the plane across it by ``pole``, 0 hanging
down. With thin rods of mass m and length l, as in Cazzolato and Prime: "On the Dynamics of the Furuta Pendulum",
Journal of Control Science and Engineering 2011, 528341, and in the teaching material of the Quanser Qube::

    M(pole) [arm'' pole''] = [motor + cable - damping_a arm' - coriolis_a, gravity - damping_p pole' - coriolis_p]

    M = [[J_a + J_s sin^2 pole, J_c cos pole], [J_c cos pole, J_p]]
    J_a = m_a l_a^2 / 12 + m_p l_a^2,  J_s = m_p l_p^2 / 4,  J_c = m_p l_a l_p / 2,  J_p = m_p l_p^2 / 3

The arm's inertia is that of a rod about its middle, as the authors of the recordings have it (Muratore et al.,
SimuRLacra), so that ``arm_mass`` stands for all that turns with the motor. Motor: torque = k (v - k arm') / R.

Coulomb friction is a torque of constant size against the motion, or whatever holds the joint at rest. After each
Runge-Kutta step it takes from the velocities what brings them to rest, at most friction x time, and from the angles
half of that times the step, as a constant torque would: a joint that the other torques cannot move stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim2real_envs.parameters import Array

State = tuple[float, float, float, float]
"""Angle of the arm and of the pole [rad], and their velocities [rad/s]."""

_FASTEST = 1e4  # rad/s: beyond, a motion has diverged


@dataclass(frozen=True)
class RotaryPendulum:
    """A rotary pendulum, SI; fields are the parameters of the rig that are named like them."""

    gravity: float
    motor_resistance: float
    motor_constant: float
    arm_mass: float
    arm_length: float
    arm_damping: float
    arm_friction: float
    pole_mass: float
    pole_length: float
    pole_damping: float
    pole_friction: float
    cable_stiffness: float
    cable_offset: float

    @property
    def inertias(self) -> tuple[float, float, float, float]:
        """J_a, J_s, J_c, J_p [kg m2]."""
        swept = self.pole_mass * self.pole_length**2
        turned = self.arm_mass * self.arm_length**2 / 12.0 + self.pole_mass * self.arm_length**2
        return turned, swept / 4.0, self.pole_mass * self.arm_length * self.pole_length / 2.0, swept / 3.0

    @property
    def fastest_decay(self) -> float:
        """A bound on the rates at which damping and the motor's back-EMF slow the joints [1/s]: it limits the step."""
        j_a, _, j_c, j_p = self.inertias
        braking = self.motor_constant**2 / self.motor_resistance + self.arm_damping
        return (braking * j_p + self.pole_damping * j_a) / (j_a * j_p - j_c * j_c)

    def energy(self, state: State) -> float:
        """Return kinetic, potential and the cable's energy [J]."""
        arm, pole, arm_speed, pole_speed = state
        j_a, j_s, j_c, j_p = self.inertias
        kinetic = 0.5 * (j_a + j_s * math.sin(pole) ** 2) * arm_speed**2 + 0.5 * j_p * pole_speed**2
        kinetic += j_c * math.cos(pole) * arm_speed * pole_speed
        height = -0.5 * self.pole_length * math.cos(pole)
        return (
            kinetic
            - self.pole_mass * self.gravity * height
            + 0.5 * self.cable_stiffness * ((arm - self.cable_offset) ** 2)
        )

    def run(self, start: State, volts: Sequence[float], spans: Sequence[float], longest: float) -> list[State]:
        """Return the states at the start and after each span of constant voltage; they end early where they diverge.

        Args:
            start: The first state.
            volts: Voltage at the motor in each span [V].
            spans: Their durations [s].
            longest: Longest integration step [s]; stiff parameters take shorter ones.
        """
        step = min(longest, 1.0 / self.fastest_decay) if self.fastest_decay > 0.0 else longest
        states = [start]
        for volt, span in zip(volts, spans, strict=True):
            steps = max(1, math.ceil(span / step - 1e-9))
            start = self._advance(start, volt, span / steps, steps)
            if not all(abs(value) < _FASTEST for value in start):  # also true for NaN
                break
            states.append(start)
        return states

    def _advance(self, state: State, volt: float, h: float, steps: int) -> State:
        """Return the state after ``steps`` steps of ``h`` seconds."""
        j_a, j_s, j_c, j_p = self.inertias
        drive = self.motor_constant * volt / self.motor_resistance
        braking = self.motor_constant**2 / self.motor_resistance + self.arm_damping
        weight = -0.5 * self.pole_mass * self.pole_length * self.gravity
        pole_damping, stiffness, offset = self.pole_damping, self.cable_stiffness, self.cable_offset
        most_arm, most_pole = h * self.arm_friction, h * self.pole_friction
        sin, cos = math.sin, math.cos

        def acceleration(arm: float, pole: float, arm_speed: float, pole_speed: float) -> tuple[float, float]:
            s, c = sin(pole), cos(pole)
            a, b = j_a + j_s * s * s, j_c * c
            turning = 2.0 * j_s * s * c * arm_speed
            on_arm = drive - braking * arm_speed - stiffness * (arm - offset)
            on_arm += j_c * s * pole_speed * pole_speed - turning * pole_speed
            on_pole = 0.5 * turning * arm_speed - pole_damping * pole_speed - weight * s
            determinant = a * j_p - b * b
            return (j_p * on_arm - b * on_pole) / determinant, (a * on_pole - b * on_arm) / determinant

        def rubbed(pole: float, arm_speed: float, pole_speed: float) -> tuple[float, float]:
            s, c = sin(pole), cos(pole)
            a, b = j_a + j_s * s * s, j_c * c
            determinant = a * j_p - b * b
            impulse = -min(max(arm_speed * determinant / j_p, -most_arm), most_arm)
            arm_speed, pole_speed = arm_speed + j_p / determinant * impulse, pole_speed - b / determinant * impulse
            impulse = -min(max(pole_speed * determinant / a, -most_pole), most_pole)
            return arm_speed - b / determinant * impulse, pole_speed + a / determinant * impulse

        rubs = most_arm > 0.0 or most_pole > 0.0
        half, sixth = h / 2.0, h / 6.0
        x, y, u, v = state  # arm, pole, and their velocities
        for _ in range(steps):
            p1, q1 = acceleration(x, y, u, v)
            u2, v2 = u + half * p1, v + half * q1
            p2, q2 = acceleration(x + half * u, y + half * v, u2, v2)
            u3, v3 = u + half * p2, v + half * q2
            p3, q3 = acceleration(x + half * u2, y + half * v2, u3, v3)
            u4, v4 = u + h * p3, v + h * q3
            p4, q4 = acceleration(x + h * u3, y + h * v3, u4, v4)
            x += sixth * (u + 2.0 * (u2 + u3) + u4)
            y += sixth * (v + 2.0 * (v2 + v3) + v4)
            u += sixth * (p1 + 2.0 * (p2 + p3) + p4)
            v += sixth * (q1 + 2.0 * (q2 + q3) + q4)
            if rubs:
                u4, v4 = u, v
                u, v = rubbed(y, u, v)
                x, y = x + half * (u - u4), y + half * (v - v4)
        return x, y, u, v


def dead_zone(volts: Array, low: float, high: float) -> Array:
    """Return what a drive passes on that swallows what lies in [low, high] and shortens the rest by as much [V]."""
    passed: Array = volts - volts.clip(low, high)
    return passed
