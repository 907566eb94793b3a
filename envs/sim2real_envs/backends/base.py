"""The contract of a backend: a physics world with one arm, a table and at most one free object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.actuators import JointLaw
from sim2real_envs.parameters import Part
from sim2real_envs.state import RobotState, WorldState


class Reading(NamedTuple):
    """The few true numbers that every control step needs, as plain floats; the full picture is ``RobotState``.

    ``joint_position`` and ``joint_velocity`` (n); ``object_position`` (3) m, ``object_orientation`` (4) xyzw,
    ``object_velocity`` (3) m/s, ``object_spin`` (3) rad/s, all None without an object; ``tool_force`` (3) N: the
    object's force on all fingers, mean over the control period; ``table_contact``: whether arm and table touch.
    """

    joint_position: Sequence[float]
    joint_velocity: Sequence[float]
    object_position: Sequence[float] | None
    object_orientation: Sequence[float] | None
    object_velocity: Sequence[float] | None
    object_spin: Sequence[float] | None
    tool_force: Sequence[float]
    table_contact: bool


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

    def advance(self, law: JointLaw, commands: Sequence[tuple[int, Sequence[float]]], substeps: int) -> None:
        """Run ``substeps`` physics steps under ``law``; ``commands`` are (from substep, joint target (n,) rad)."""

    def read(self) -> Reading:
        """Return the numbers that a control step needs."""

    def state(self) -> RobotState:
        """Return the complete true state."""

    def timed_parts(self) -> list[tuple[str, Any, str]]:
        """Return (what it does, owner, function name) of the engine's calls in a step, its own step first."""

    def render(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return a picture (height, width, 3)."""

    def close(self) -> None:
        """Release the engine; may be called twice."""
