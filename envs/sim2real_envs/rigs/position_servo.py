"""A position-controlled servo that swings a weight: controller, DC motor, gearbox friction and pendulum, plain floats.

From Duclusaud, Passault, Padois and Ly: "Extended Friction Models for the Physics Simulation of Servo Actuators", ICRA
2025, arXiv:2410.08650, and their Rhoban/bam. The firmware sets the share of the supply's voltage that the motor gets,
its *duty*, in proportion to the position error; then, with the motor's constant k and resistance R behind the gears::

    duty = clip(duty_per_error gain (goal - q), +-max_duty),  motor = k (duty supply - k q') / R
    (m l^2 + armature) q'' = motor + m g l sin(q + offset) + friction,  g < 0

Friction opposes the motion, or holds what rests, with at most (their models M1 to M4)::

    (friction + load_friction |motor - weight|) + exp(-(q'/v_s)^2) (the same for Stribeck) + damping |q'|
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_FASTEST = 1e4  # rad/s: beyond, a motion has diverged


@dataclass(frozen=True)
class PositionServo:
    """A servo with a weight on an arm, SI; fields are the parameters of the rig that are named like them."""

    gravity: float
    supply_voltage: float
    motor_duty_per_error: float
    motor_max_duty: float
    motor_constant: float
    motor_resistance: float
    motor_armature: float
    joint_friction: float
    joint_damping: float
    joint_load_friction: float
    joint_stribeck_friction: float
    joint_stribeck_load_friction: float
    joint_stribeck_velocity: float
    joint_position_offset: float
    load_mass: float
    load_length: float

    @property
    def inertia(self) -> float:
        """Of weight and motor about the servo's axis [kg m2]."""
        return self.load_mass * self.load_length**2 + self.motor_armature

    def fastest_rate(self, gain: float) -> float:
        """A bound on how fast anything changes by itself [1/s]: it limits the step."""
        stall = self.motor_constant * self.supply_voltage / self.motor_resistance  # Nm for a duty of 1
        braking = self.motor_constant**2 / self.motor_resistance + self.joint_damping
        return braking / self.inertia + math.sqrt(stall * self.motor_duty_per_error * gain / self.inertia)

    def run(
        self,
        start: tuple[float, float],
        goals: Sequence[float],
        gains: Sequence[float],
        spans: Sequence[float],
        longest: float,
    ) -> list[tuple[float, float]]:
        """Return position [rad] and velocity [rad/s] at the start and after each span; they end early if they diverge.

        Args:
            start: The first position and velocity.
            goals: Goal position in each span [rad].
            gains: The firmware's gain in each; 0 switches the motor off, and then it does not brake either.
            spans: Their durations [s].
            longest: Longest integration step [s]; stiff parameters take shorter ones.
        """
        step = min(longest, 0.2 / max(self.fastest_rate(max(gains, default=0.0)), 1.0))
        states = [start]
        for goal, gain, span in zip(goals, gains, spans, strict=True):
            steps = max(1, math.ceil(span / step - 1e-9))
            start = self._advance(start, goal, gain, span / steps, steps)
            if not all(abs(value) < _FASTEST for value in start):  # also true for NaN
                break
            states.append(start)
        return states

    def _advance(
        self, state: tuple[float, float], goal: float, gain: float, h: float, steps: int
    ) -> tuple[float, float]:
        """Return the state after ``steps`` steps of ``h`` seconds: the midpoint rule, then friction as an impulse."""
        inertia, slope, most = self.inertia, gain * self.motor_duty_per_error, self.motor_max_duty
        torque_per_duty = self.motor_constant * self.supply_voltage / self.motor_resistance
        braking = self.motor_constant**2 / self.motor_resistance
        if gain == 0.0:
            torque_per_duty = braking = 0.0
        heaviest, offset = self.load_mass * self.gravity * self.load_length, self.joint_position_offset
        base, loaded, viscous = self.joint_friction, self.joint_load_friction, self.joint_damping
        extra, extra_loaded, slow = (
            self.joint_stribeck_friction,
            self.joint_stribeck_load_friction,
            self.joint_stribeck_velocity,
        )
        stribeck = extra > 0.0 or extra_loaded > 0.0
        sin, half = math.sin, h / 2.0
        q, v = state
        for _ in range(steps):
            motor = torque_per_duty * min(max(slope * (goal - q), -most), most) - braking * v
            weight = heaviest * sin(q + offset)
            friction = base + loaded * abs(motor - weight) + viscous * abs(v)
            if stribeck:
                friction += math.exp(-((v / slow) ** 2)) * (extra + extra_loaded * abs(motor - weight))
            a = (motor + weight) / inertia
            q2, v2 = q + half * v, v + half * a
            motor = torque_per_duty * min(max(slope * (goal - q2), -most), most) - braking * v2
            moved = v + h * (motor + heaviest * sin(q2 + offset)) / inertia
            reach = h * friction / inertia
            stopped = moved - min(max(moved, -reach), reach)
            q += half * (v + stopped)
            v = stopped
        return q, v
