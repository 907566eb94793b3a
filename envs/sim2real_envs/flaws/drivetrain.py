"""Motors behind flexible gears: two masses a joint, with play, Stribeck and load-dependent friction.

For each joint with motor angle th, link angle q, gear stiffness k, damping c and play b (Spong, "Modeling and Control
of Elastic Joint Robots", 1987, with play in the spring):

    J th'' = tau_m - F(th', tau_s) sign(th') - b_v th' - tau_s
    tau_s  = k play(th - q) + c (th' - q')  outside of the play, 0 within
    tau_m  = clip(kp (q_command - th) - kd th' + g, +-strength)
    F(v)   = fc (1 + (s - 1) exp(-(v / v_s)^2)) + mu |tau_s|

F is Stribeck's curve (Armstrong-Helouvry, Dupont, Canudas de Wit, Automatica 1994) with the load-dependent term of
Bittencourt and Gunnarsson (J. Dyn. Sys. Meas. Control 2012) and of Duclusaud et al. (ICRA 2025, arXiv:2410.08650), who
measured it on servos. The controller reads the motor's encoder, so that it cannot see play and twist.

Each physics step is solved in a few steps of the motor alone, implicit in gains, spring, damping and friction as in
``actuators.JointLaw``; meanwhile the link moves as its own inertia lets it. It gets the mean of the gear's torque.
Encoders are zeroed at the start of an episode, under the load of gravity there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim2real_envs.actuators import JointLaw
from sim2real_envs.arms.base import Arm
from sim2real_envs.flaws.base import JointFlaws

_STEPS = 5  # of the motor in a physics step
_GEAR_DAMPING = 0.1  # of the critical one


class Drivetrain:
    """The motors and gears of an arm.

    Args:
        arm: Torque limits give the stiffness of each gear.
        flaws: The same for all joints.
    """

    def __init__(self, arm: Arm, flaws: JointFlaws) -> None:
        self._flaws, self._size = flaws, arm.size
        self._stiffness = [joint.effort / flaws.windup for joint in arm.joints]
        self._damping = [2.0 * _GEAR_DAMPING * math.sqrt(k * 0.5 * flaws.rotor_inertia) for k in self._stiffness]
        self._motor: list[float] = []
        self._speed: list[float] = []
        self._zero: list[float] = []

    def reset(self, velocity: Sequence[float]) -> None:
        """Begin an episode with joints at ``velocity`` (n,) rad/s; where the motors are, the first step finds out."""
        self._motor, self._zero = [], [0.0] * self._size
        self._speed = list(velocity)

    def encoder(self, position: Sequence[float]) -> list[float]:
        """Return what the encoders read [rad] while the links are at ``position`` (n,)."""
        angles = position if not self._motor else [m - z for m, z in zip(self._motor, self._zero, strict=True)]
        step = self._flaws.encoder_step
        return [step * round(angle / step) for angle in angles] if step else list(angles)

    def torques(
        self,
        law: JointLaw,
        timestep: float,
        position: Sequence[float],
        velocity: Sequence[float],
        target: Sequence[float],
        gravity: Sequence[float],
        stiffness_factor: float = 1.0,
    ) -> list[float]:
        """Return the torque on each link (n,) [Nm] for the next ``timestep`` [s], and move the motors.

        Args:
            law: Gains, friction, strength and inertia in force.
            timestep: Physics step [s].
            position: Of the links (n,) [rad].
            velocity: Of the links (n,) [rad/s].
            target: Commanded positions [rad], or torques [Nm] under a torque law, (n,) at least.
            gravity: What the controller adds to hold the arm (n,) [Nm].
            stiffness_factor: On the position gains.
        """
        if not self._motor:
            self._zero = [self._twist(j, gravity[j]) for j in range(self._size)]
            self._motor = [q + zero for q, zero in zip(position, self._zero, strict=True)]
        positions = law.kind == "position"
        read = self.encoder(position)
        torques = []
        for j in range(self._size):
            kp = law.stiffness[j] * stiffness_factor if positions else 0.0
            kd = law.damping[j] if positions else 0.0
            wanted = kp * (target[j] - read[j]) if positions else target[j]
            torques.append(
                self._turn(j, law, timestep / _STEPS, position[j], velocity[j], wanted + gravity[j], kp, kd, gravity[j])
            )
        return torques

    def _turn(
        self, j: int, law: JointLaw, h: float, link: float, link_speed: float, wanted: float, kp: float, kd: float,
        load: float,
    ) -> float:  # fmt: skip
        """Move motor ``j`` through a physics step of ``_STEPS`` times ``h``; return the gear's mean torque."""
        flaws, limit = self._flaws, law.strength[j]
        k, c, half = self._stiffness[j], self._damping[j], 0.5 * flaws.gear_backlash
        rotor, inertia, viscous, coulomb = flaws.rotor_inertia, law.inertia[j], law.viscous, law.friction
        angle, speed = self._motor[j], self._speed[j]
        begin, total = angle, 0.0
        for _ in range(_STEPS):
            twist = angle - link
            free = twist - half if twist > half else twist + half if twist < -half else 0.0
            spring, stiff, damp = (k * free, k, c) if free else (0.0, 0.0, 0.0)
            drive, gains = wanted - kp * (angle - begin), kd + h * kp
            if not -limit < drive - gains * speed < limit:  # saturated: no gains are left
                drive, gains = max(-limit, min(limit, drive - gains * speed)), 0.0
            mass = rotor + h * (gains + viscous + damp) + h * h * stiff
            unhindered = (rotor * speed + h * (drive - spring + (damp + h * stiff) * link_speed)) / mass
            excess = (flaws.stribeck - 1.0) * math.exp(-((speed / flaws.stribeck_speed) ** 2))
            grip = h * (coulomb * (1.0 + excess) + flaws.load_friction * abs(spring)) / mass
            if unhindered > grip:
                speed = unhindered - grip
            elif unhindered < -grip:
                speed = unhindered + grip
            else:
                speed = 0.0
            angle += h * speed
            torque = spring + (damp + h * stiff) * (speed - link_speed)
            link_speed += h * (torque - load) / inertia
            link += h * link_speed
            total += torque
        self._motor[j], self._speed[j] = angle, speed
        return total / _STEPS

    def _twist(self, j: int, load: float) -> float:
        """Return the twist [rad] at which gear ``j`` carries ``load`` [Nm]."""
        return load / self._stiffness[j] + math.copysign(0.5 * self._flaws.gear_backlash, load)
