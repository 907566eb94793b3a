"""The contract of a task: where an episode starts, what it is for, how it is judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from sim2real_envs.backends.base import Reading
from sim2real_envs.control import ToolSpace
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Scene
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState

FAILURE_MODES = (
    "none",
    "timeout",
    "collision",
    "drop",
    "unstable_grasp",
    "planning_failure",
    "out_of_reach",
    "diverged",
)


@dataclass(frozen=True)
class Field:
    """A named stretch of the observation: ``size`` numbers within +-``bound``, in ``unit``."""

    name: str
    size: int
    bound: float
    unit: str


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
    horizon: int = 80

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> WorldState:
        """Draw where an episode starts, goal included."""

    @abstractmethod
    def begin(self, start: WorldState, tool: Array, reading: Reading, seen: Measurement, seen_tool: Array) -> None:
        """Begin an episode; ``tool`` and ``seen_tool`` are the tool's true and measured position (3,) m."""

    @abstractmethod
    def observe(self, seen: Measurement, tool: Array, tool_velocity: Array) -> list[float]:
        """Return the observation in the order of ``fields``, from measured values only."""

    @abstractmethod
    def judge(self, tool: Array, reading: Reading) -> Judgement:
        """Judge the step just taken, from the true state."""

    @abstractmethod
    def watch(self, seen: Measurement, tool: Array) -> None:
        """Keep track of the measured outcomes."""

    @abstractmethod
    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return the declared outcomes of the episode that has just ended, as measured; ``duration`` [s]."""

    def check_start(self, start: WorldState) -> None:  # noqa: B027 (most tasks accept every start)
        """Refuse a start that cannot be.

        Raises:
            StateError: With the reason.
        """


def tool_start(kinematics: Kinematics, position: tuple[float, float, float]) -> Array:
    """Return joint positions (n,) that put the tool at ``position`` [m], pointing as at home."""
    return kinematics.solve(position, kinematics.tool(kinematics.home).rotation)
