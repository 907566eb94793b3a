"""The contract of a backend: a physics world with one arm, a table and free objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sim2real_envs.actuators import JointLaw
from sim2real_envs.cameras import Photographer
from sim2real_envs.parameters import Part
from sim2real_envs.state import RobotState, WorldState

ENGINE = "engine: "  # what the names of an engine's own functions begin with, in a table of where time goes


class BodyReading(NamedTuple):
    """A free body: ``position`` (3) m, ``orientation`` (4) xyzw, ``velocity`` (3) m/s, ``spin`` (3) rad/s."""

    position: Sequence[float]
    orientation: Sequence[float]
    velocity: Sequence[float]
    spin: Sequence[float]


class Reading(NamedTuple):
    """The few true numbers that every control step needs, as plain floats; the full picture is ``RobotState``.

    ``joint_position`` and ``joint_velocity`` (n); ``finger_position`` (f) m from closed; ``bodies``: the free ones in
    the order of the scene; ``finger_forces`` (f, 3) N: the objects' force on each finger, world frame, mean over the
    control period; ``table_contact``: whether arm and table touch.
    """

    joint_position: Sequence[float]
    joint_velocity: Sequence[float]
    finger_position: Sequence[float]
    bodies: tuple[BodyReading, ...]
    finger_forces: Sequence[Sequence[float]]
    table_contact: bool


@dataclass(frozen=True)
class Disturbance:
    """What the outside does to a world during one control period; all zeros and ones do nothing.

    Args:
        object_impulse: On the first object [N s], world frame, at the start of the period.
        arm_torque: On each joint (n,) [Nm], throughout the period; empty for none.
        payload: Mass on the hand that the controller does not know [kg].
        friction_factor: Factor on the friction of the objects.
        stiffness_factor: Factor on the position gains of the joints.
    """

    object_impulse: tuple[float, float, float] = (0.0, 0.0, 0.0)
    arm_torque: tuple[float, ...] = ()
    payload: float = 0.0
    friction_factor: float = 1.0
    stiffness_factor: float = 1.0


class Backend(Part, Protocol):
    """A physics world. The inner loop belongs to it: one call a control period."""

    @property
    def timestep(self) -> float:
        """Physics step in force [s]."""

    @property
    def substeps(self) -> int:
        """Physics steps in a control period."""

    def joint_inertia(self) -> tuple[float, ...]:
        """Return 1 / diag(M^-1) at the home pose, (n,) kg m2, of the masses and armature in force."""

    def reset(self, state: WorldState) -> None:
        """Put arm, object and goal marker into ``state`` so that nothing of the past remains."""

    def disturb(self, disturbance: Disturbance) -> None:
        """Let ``disturbance`` act from now on; its impulse acts once."""

    def advance(self, law: JointLaw, commands: Sequence[tuple[int, Sequence[float]]], substeps: int) -> None:
        """Run ``substeps`` physics steps under ``law``; ``commands`` are (from substep, target).

        A target holds n joint targets [rad], or torques [Nm] under a torque law, then the opening of each finger [m]
        where they move.
        """

    def read(self) -> Reading:
        """Return the numbers that a control step needs."""

    def state(self) -> RobotState:
        """Return the complete true state."""

    def timed_parts(self) -> list[tuple[str, Any, str]]:
        """Return (``ENGINE`` + what it does, owner, function name) of the engine's functions, its own step first."""

    def photographer(self) -> Photographer:
        """Return what takes pictures of this world; called once, where pictures were asked for when it was made."""

    def close(self) -> None:
        """Release the engine; may be called twice."""
