"""From a commanded joint position to a torque: gains, friction, strength, delay and backlash.

The actuator is a joint impedance law solved by one backward-Euler step per
joint and physics step. For one joint with inertia I, gains kp and kd, viscous
damping b, Coulomb friction fc and gravity torque g, with e = q_command - q:

    A   = I + dt (kd + b) + dt^2 kp
    v*  = (I v + dt kp e) / A
    v'  = sign(v*) max(|v*| - dt fc / A, 0)
    tau = clip(kp (e - dt v') - kd v' + g, +-strength) - b v' + clip(r, +-fc)
    r   = I (v' - v) / dt - (kp (e - dt v') - kd v' - b v')

which is exact stiction for one joint (static error fc / kp) and stable at any
timestep, where an explicit law oscillates. Where the joint slips (v' not 0), r is
-sign(v') fc; where it sticks, r = -I v / dt - kp e, within +-fc: no clip is needed.

The step expects a joint that is free to move. Under a steady load that the law does
not know (a payload, a contact) the joint stands still, and its stiffness is
kp (I + dt b) / A, a little less than kp, and less at longer timesteps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import numpy as np

from sim2real_envs.arms.base import Arm
from sim2real_envs.gripper import GRIP_FORCE, GripperLaw
from sim2real_envs.parameters import Array, Domain, Parameter, ParameterSpace
from sim2real_envs.state import WorldState, frozen

if TYPE_CHECKING:
    from sim2real_envs.flaws import Flaws
    from sim2real_envs.flaws.command_line import CommandLine
    from sim2real_envs.flaws.drivetrain import Drivetrain

Kind: TypeAlias = Literal["position", "torque"]
_OF_POSITIONS = ("actuator.stiffness_scale", "actuator.damping_scale", "actuator.backlash")

PARAMETERS = ParameterSpace(
    [
        Parameter(
            "joint.friction", 0.05, 0.01, 0.5, (0.0, 10.0), "Nm",
            doc="Coulomb friction torque of every joint; below it a joint does not move (true stiction).",
        ),
        Parameter(
            "joint.damping", 0.5, 0.1, 2.0, (0.0, 50.0), "Nm s/rad",
            doc="Viscous friction of every joint, added to the arm's own damping gain.",
        ),
        Parameter(
            "actuator.delay", 0.0, 0.0, 0.05, (0.0, 0.3), "s",
            doc="Time from a command to its effect on the joints, in whole physics steps.",
        ),
        Parameter(
            "actuator.stiffness_scale", 1.0, 0.7, 1.3, (0.05, 5.0), "-",
            doc="Factor on the position gains kp of all joints.",
        ),
        Parameter(
            "actuator.damping_scale", 1.0, 0.7, 1.3, (0.05, 5.0), "-",
            doc="Factor on the velocity gains kd of all joints.",
        ),
        Parameter(
            "actuator.strength_scale", 1.0, 0.7, 1.1, (0.45, 1.2), "-",
            doc="Factor on the torque limits; below 0.45 joint 2 cannot hold the arm against gravity.",
        ),
        Parameter(
            "actuator.backlash", 0.0, 0.0, 0.005, (0.0, 0.1), "rad",
            doc="Play of the gears: width of the band in which a changed command moves nothing.",
        ),
    ]
)  # fmt: skip


class Transmission(Protocol):
    """What lies between motors and links where that is more than the law: see ``flaws.drivetrain``."""

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
        """Return the torque on each link (n,) [Nm] for the next physics step."""


@dataclass(frozen=True)
class JointLaw:
    """Constants of the impedance law for n joints, plain floats for the inner loop.

    ``inertia`` is 1 / diag(M^-1) at the home pose [kg m2]; gains [Nm/rad], [Nm s/rad];
    ``friction`` [Nm], ``viscous`` [Nm s/rad], ``strength`` [Nm]; ``gripper``: the law of the fingers where they move;
    ``transmission``: computes the torques instead, where a motor is not its link.
    """

    inertia: tuple[float, ...]
    stiffness: tuple[float, ...]
    damping: tuple[float, ...]
    viscous: float
    friction: float
    strength: tuple[float, ...]
    kind: Kind = "position"
    gripper: GripperLaw = GripperLaw(GRIP_FORCE)  # noqa: RUF009 (frozen)
    transmission: Transmission | None = None

    def constants(
        self, timestep: float, stiffness_factor: float = 1.0, disturbance: Sequence[float] = ()
    ) -> list[tuple[float, ...]]:
        """Return per joint what the inner loop needs for steps of ``timestep`` [s].

        ``(I / A, dt kp / A, dt fc / A, kp, kd + dt kp, I / dt, strength, hold, disturbance)``; the error of a joint is
        ``target - hold * angle``. Under a torque law the target is the torque itself: kp is 1 in front of it, kd and
        ``hold`` are 0, and A has no gains.

        Args:
            timestep: [s].
            stiffness_factor: On kp.
            disturbance: Torques from outside (n,) [Nm]; empty for none.
        """
        rows: list[tuple[float, ...]] = []
        outside = disturbance or (0.0,) * len(self.inertia)
        gains = zip(self.inertia, self.stiffness, self.damping, self.strength, outside, strict=True)
        for inertia, stiffness, kd, strength, push in gains:
            if self.kind == "torque":
                damped = inertia + timestep * self.viscous
                grip = timestep * self.friction / damped
                rows.append(
                    (inertia / damped, timestep / damped, grip, 1.0, 0.0, inertia / timestep, strength, 0.0, push)
                )
                continue
            kp = stiffness * stiffness_factor
            damped = inertia + timestep * (kd + self.viscous) + timestep * timestep * kp
            rows.append(
                (
                    inertia / damped,
                    timestep * kp / damped,
                    timestep * self.friction / damped,
                    kp,
                    kd + timestep * kp,
                    inertia / timestep,
                    strength,
                    1.0,
                    push,
                )
            )
        return rows


class Actuators:
    """The motors of an arm and its hand: they own ``actuator.*`` and the friction of the joints.

    Args:
        arm: Gains and torque limits.
        kind: What a command asks of a joint: a position, or a torque, for which there are no gains and no play.
        fingers_move: Whether a command ends with the opening of the fingers.
        flaws: Those of a pseudo-real robot, or None.
    """

    def __init__(
        self, arm: Arm, *, kind: Kind = "position", fingers_move: bool = False, flaws: Flaws | None = None
    ) -> None:
        self._arm, self._kind = arm, kind
        self._fingers_move = fingers_move
        self._space = PARAMETERS
        if kind == "torque":
            self._space = ParameterSpace(p for name, p in PARAMETERS.items() if name not in _OF_POSITIONS)
        self._timestep = 0.002
        self._inertia = (1.0,) * arm.size
        self._delay_steps = 0
        self._backlash = 0.0
        self._history: list[list[float]] = []
        self._played: list[float] = []
        self.drivetrain: Drivetrain | None = None
        self._line: CommandLine | None = None
        if flaws is not None:
            from sim2real_envs.flaws.command_line import CommandLine
            from sim2real_envs.flaws.drivetrain import Drivetrain

            self.drivetrain, self._line = Drivetrain(arm, flaws.joints), CommandLine(flaws.commands)
        self.law = JointLaw(
            inertia=self._inertia,
            stiffness=tuple(joint.stiffness for joint in arm.joints),
            damping=tuple(joint.damping for joint in arm.joints),
            viscous=0.0,
            friction=0.0,
            strength=tuple(joint.effort for joint in arm.joints),
            kind=kind,
        )

    @property
    def parameters(self) -> ParameterSpace:
        """Friction of the joints, strength and delay; gains and backlash too where positions are commanded."""
        return self._space

    def bind(self, inertia: Sequence[float], timestep: float) -> None:
        """Take over the joints' inertia [kg m2] and the physics step [s] from the backend; call before ``apply``."""
        self._timestep = timestep
        self._inertia = tuple(inertia)

    def apply(self, domain: Domain) -> None:
        """Set every parameter; the delay becomes a whole number of physics steps."""
        arm, positions = self._arm, self._kind == "position"
        stiffness, damping = (
            (domain["actuator.stiffness_scale"], domain["actuator.damping_scale"]) if positions else (1.0, 1.0)
        )
        self.law = JointLaw(
            inertia=self._inertia,
            stiffness=tuple(joint.stiffness * stiffness for joint in arm.joints),
            damping=tuple(joint.damping * damping for joint in arm.joints),
            viscous=domain["joint.damping"],
            friction=domain["joint.friction"],
            strength=tuple(joint.effort * domain["actuator.strength_scale"] for joint in arm.joints),
            kind=self._kind,
            gripper=GripperLaw(GRIP_FORCE * domain["actuator.strength_scale"]),
            transmission=self.drivetrain,
        )
        self._delay_steps = round(domain["actuator.delay"] / self._timestep)
        self._backlash = domain["actuator.backlash"] if positions else 0.0

    def applied(self) -> dict[str, float]:
        """Read every value back from the law and the delay line."""
        first = self._arm.joints[0]
        values = {
            "joint.friction": self.law.friction,
            "joint.damping": self.law.viscous,
            "actuator.delay": self._delay_steps * self._timestep,
            "actuator.stiffness_scale": self.law.stiffness[0] / first.stiffness,
            "actuator.damping_scale": self.law.damping[0] / first.damping,
            "actuator.strength_scale": self.law.strength[0] / first.effort,
            "actuator.backlash": self._backlash,
        }
        return {name: values[name] for name in self._space}

    def reset(self, state: WorldState) -> None:
        """Fill the delay line: with the start's past commands, before them with its positions, or no torque."""
        joints = state.values["joint.position"].tolist()
        rest = joints if self._kind == "position" else [0.0] * len(joints)
        if self._fingers_move:
            rest.append(float(state.values.get("finger.command", state.values["finger.position"]).mean()))
        past = [] if state.commands is None else state.commands.tolist()
        self._played = list(rest)
        self._history = [rest]
        for target in past:
            self._history.append(self._play(target))
        if self.drivetrain is not None:
            self.drivetrain.reset(state.values.get("joint.velocity", np.zeros(len(joints))).tolist())

    def begin(self, rng: np.random.Generator) -> None:
        """Let chance on the line of commands, where it has flaws, come from ``rng``; call after ``reset``."""
        if self._line is not None:
            self._line.reset(self._history[-1], rng)

    def schedule(self, target: Sequence[float], substeps: int) -> list[tuple[int, list[float]]]:
        """Queue this period's command and return those that act during it, as (from substep, joint target)."""
        self._history.append(self._play(target))
        if self._line is not None:
            del self._history[:-1]
            return self._line.schedule(self._history[-1], self._delay_steps, self._timestep, substeps)
        periods, offset = divmod(self._delay_steps, substeps)
        keep = periods + 2
        if len(self._history) > keep:
            del self._history[: len(self._history) - keep]
        latest = len(self._history) - 1
        first = self._history[max(latest - periods, 0)]
        if offset == 0:
            return [(0, first)]
        return [(0, self._history[max(latest - periods - 1, 0)]), (offset, first)]

    def commands(self) -> Array:
        """Return the commands still in the delay line, latest last, (h, n), or (h, n + 1) with the fingers' opening."""
        return frozen(self._history)

    def opening(self) -> float:
        """Return the last commanded opening of the fingers [m]."""
        return self._history[-1][-1]

    def _play(self, target: Sequence[float]) -> list[float]:
        """Return the target behind the gears' play: it follows only where the band is left."""
        half = 0.5 * self._backlash
        played = list(target)
        if half != 0.0:
            for joint in range(self._arm.size):
                wanted = played[joint]
                played[joint] = min(max(self._played[joint], wanted - half), wanted + half)
        self._played = played
        return played
