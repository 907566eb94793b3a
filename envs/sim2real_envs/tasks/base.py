"""The contract of a task: where an episode starts, what it is for, how it is judged."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.backends.base import Reading
from sim2real_envs.control import ToolSpace, home_rotation
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Scene
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState

BoolArray: TypeAlias = NDArray[np.bool_]

FAILURE_MODES = (
    "none",
    "timeout",
    "collision",
    "drop",
    "unstable_grasp",
    "planning_failure",
    "out_of_reach",
    "diverged",
    "stopped",  # by the safety of a robot
)


@dataclass(frozen=True)
class Field:
    """A named stretch of the observation: ``size`` numbers within +-``bound``, in ``unit``.

    ``of_goal`` says that it depends on the goal: a goal-conditioned environment leaves it out, since the goal may be
    replaced afterwards.
    """

    name: str
    size: int
    bound: float
    unit: str
    of_goal: bool = False


@dataclass(frozen=True)
class Judgement:
    """What a task says of one control step, from the true state.

    ``ended`` is the failure mode that ends the episode at once, or ``"none"``.
    """

    reward: float
    success: bool
    ended: str = "none"


class Task(ABC):
    """What an episode is for. An instance belongs to one environment and remembers the running episode only.

    Args:
        kinematics: Of the arm, for starts that are given as tool positions.
    """

    scene: Scene
    tool_space: ToolSpace
    fields: tuple[Field, ...]
    outcomes: tuple[Outcome, ...]
    tolerance: float
    rest_speed: float = math.inf
    goal_size: int = 3
    horizon: int = 80

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> WorldState:
        """Draw where an episode starts, goal included."""

    @abstractmethod
    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Begin an episode; ``tool`` and ``seen_tool`` are the tool's true and measured pose."""

    @abstractmethod
    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return the observation in the order of ``fields``, from measured values only.

        ``tool_velocity`` (6,): linear [m/s], then angular [rad/s].
        """

    @abstractmethod
    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Judge the step just taken, from the true state."""

    @abstractmethod
    def watch(self, seen: Measurement, tool: ToolPose) -> None:
        """Keep track of the measured outcomes."""

    @abstractmethod
    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return the declared outcomes of the episode that has just ended, as measured; ``duration`` [s]."""

    @abstractmethod
    def achieved_goal(self, seen: Measurement, tool: ToolPose) -> list[float]:
        """Return what a goal is compared with, as measured, (g,): position [m], then velocity [m/s] if rest counts."""

    @abstractmethod
    def desired_goal(self) -> list[float]:
        """Return the goal of this episode, (g,), in the same terms."""

    def reached(self, achieved: Array, desired: Array) -> BoolArray:
        """Return whether each ``achieved`` (..., g) reaches its ``desired`` (..., g); nothing but these two counts.

        Where rest counts, the second half of a goal is a velocity, and the desired one is 0 whatever ``desired``
        says, so that a moment of motion can stand in for a goal.
        """
        result: BoolArray = self.goal_distance(achieved, desired) < self.tolerance
        if not math.isinf(self.rest_speed):
            result &= np.linalg.norm(achieved[..., achieved.shape[-1] // 2 :], axis=-1) < self.rest_speed
        return result

    def goal_distance(self, achieved: Array, desired: Array) -> Array:
        """Return the distance [m] of each ``achieved`` (..., g) from its ``desired`` (..., g)."""
        size = achieved.shape[-1] if math.isinf(self.rest_speed) else achieved.shape[-1] // 2
        distance: Array = np.linalg.norm(achieved[..., :size] - desired[..., :size], axis=-1)
        return distance

    def check_start(self, start: WorldState) -> None:  # noqa: B027 (most tasks accept every start)
        """Refuse a start that cannot be.

        Raises:
            StateError: With the reason.
        """


def tool_start(kinematics: Kinematics, position: tuple[float, float, float], yaw: float = 0.0) -> Array:
    """Return joint positions (n,) that put the tool at ``position`` [m], pointing as at home but for ``yaw`` [rad]."""
    return kinematics.solve(position, home_rotation(kinematics, yaw))
