"""Reach: bring the tool to a point in the air."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.arms.base import Arm
from sim2real_envs.backends.base import Reading
from sim2real_envs.control import CONTROL_PERIOD, ToolSpace
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Scene
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Field, Judgement, Task, tool_start

TOLERANCE = 0.02  # [m]
_GOAL_LOW, _GOAL_HIGH = (0.35, -0.2, 0.1), (0.6, 0.2, 0.35)
_START = (0.45, 0.0, 0.22)


class Reach(Task):
    """Bring the tool within 2 cm of a goal.

    Reward: 20 per metre of progress, a bonus of 2 at the goal.
    """

    tolerance = TOLERANCE
    fields = (
        Field("tool_position", 3, 2.0, "m"),
        Field("tool_velocity", 3, 10.0, "m/s"),
        Field("goal_from_tool", 3, 2.0, "m", of_goal=True),
    )
    outcomes = (
        Outcome("success", "-", 1.0, "binary", "Tool within 2 cm of the goal."),
        Outcome("tool_x", "m", 0.02, doc="Tool position at the end, along x."),
        Outcome("tool_y", "m", 0.02, doc="Tool position at the end, along y."),
        Outcome("tool_z", "m", 0.02, doc="Tool position at the end, along z."),
        Outcome("duration", "s", 0.1, doc="Time until success or the end of the episode."),
        Outcome("tool_travel", "m", 0.03, doc="Length of the tool's path."),
        Outcome("tool_peak_speed", "m/s", 0.05, doc="Highest speed of the tool."),
    )

    def __init__(self, arm: Arm, kinematics: Kinematics) -> None:
        self.scene = Scene(arm, TABLE)
        self.tool_space = ToolSpace((0, 1, 2), 0.0, (0.25, -0.35, 0.05), (0.7, 0.35, 0.5))
        self._start = tool_start(kinematics, _START)
        self._goal = np.zeros(3)
        self._distance = 0.0

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Start from one pose; the goal anywhere in a box of 25 x 40 x 25 cm, at least 8 cm away."""
        while True:
            goal = rng.uniform(_GOAL_LOW, _GOAL_HIGH)
            if math.dist(goal, _START) >= 0.08:
                return WorldState({"joint.position": self._start, "goal": goal})

    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Remember the goal and how far away it is."""
        self._goal = start.values["goal"]
        self._distance = math.dist(tool.position, self._goal)
        self._seen_tool, self._travel, self._peak_step = seen_tool.position, 0.0, 0.0

    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return tool position and velocity, and the way to the goal."""
        return [*tool.position.tolist(), *tool_velocity[:3].tolist(), *(self._goal - tool.position).tolist()]

    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Reward progress."""
        distance = math.dist(tool.position, self._goal)
        progress, self._distance = self._distance - distance, distance
        success = distance < TOLERANCE
        return Judgement(20.0 * progress + (2.0 if success else 0.0), success)

    def watch(self, seen: Measurement, tool: ToolPose) -> None:
        """Follow the measured tool."""
        step = math.dist(tool.position, self._seen_tool)
        self._travel += step
        self._peak_step = max(self._peak_step, step)
        self._seen_tool = tool.position

    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return where the tool ended and how it got there."""
        x, y, z = self._seen_tool.tolist()
        return {
            "success": float(success),
            "tool_x": x,
            "tool_y": y,
            "tool_z": z,
            "duration": duration,
            "tool_travel": self._travel,
            "tool_peak_speed": self._peak_step / CONTROL_PERIOD,
        }

    def achieved_goal(self, seen: Measurement, tool: ToolPose) -> list[float]:
        """Return the tool's position (3,) m."""
        position: list[float] = tool.position.tolist()
        return position

    def desired_goal(self) -> list[float]:
        """Return the goal (3,) m."""
        goal: list[float] = self._goal.tolist()
        return goal
