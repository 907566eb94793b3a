"""PickAndPlace: grasp a cube and bring it to a goal on the table or in the air."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.arms.base import Arm
from sim2real_envs.backends.base import Reading
from sim2real_envs.control import ToolSpace
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Field, Judgement, Task, tool_start
from sim2real_envs.tasks.grasping import (
    GRASP_FIELDS,
    GRASP_OUTCOMES,
    HELD_FORCE,
    OPEN,
    REST_SPEED,
    Lift,
    Track,
    check_fingers,
    check_object,
    grip_force,
    observe_grasp,
)

TOLERANCE = 0.04  # [m]
HALF = 0.02  # [m] half the cube's edge
MASS = 0.1  # [kg]
_TOOL_START = (0.46, 0.0, 0.15)
_CUBE_LOW, _CUBE_HIGH = (0.40, -0.15), (0.54, 0.15)
_GOAL_LOW, _GOAL_HIGH = (0.38, -0.18, 0.10), (0.56, 0.18, 0.24)
_APART = 0.1  # [m] at least from cube to goal
_YAW = 0.1  # [rad] at most: the tool does not turn


class PickAndPlace(Task):
    """Bring a 4 cm cube to within 4 cm of a goal, half of the goals 10 to 24 cm high; it counts at rest.

    The cube weighs 0.1 kg; the fingers open to 8 cm and close at 5 cm/s each with 40 N.

    Reward: 10 per metre that the tool comes closer to the cube, 20 per metre that the cube comes closer to the goal,
    2 for a grip, taken back when it is lost, and 10 for success.
    """

    tolerance = TOLERANCE
    rest_speed = REST_SPEED
    goal_size = 6
    horizon = 100
    fields = (
        *GRASP_FIELDS,
        Field("goal_from_object", 3, 2.0, "m", of_goal=True),
    )
    outcomes = (
        Outcome("success", "-", 1.0, "binary", "Cube within 4 cm of the goal, and at rest."),
        *GRASP_OUTCOMES,
    )

    def __init__(self, arm: Arm, kinematics: Kinematics) -> None:
        cube = Body("object", (HALF, HALF, HALF), (0.5, 0.0, 50.0), MASS, (0.85, 0.25, 0.2))
        self.scene = Scene(arm, TABLE, (cube,), fingers_move=True, goal_half_extents=(0.012, 0.012, 0.012))
        self.tool_space = ToolSpace((0, 1, 2), 0.0, (0.32, -0.25, 0.015), (0.62, 0.25, 0.30))
        self._reach, self._stroke = arm.reach, arm.fingers[0].stroke
        self._start = tool_start(kinematics, _TOOL_START)
        self._goal = np.zeros(3)
        self._goal_at = (0.0, 0.0, 0.0)

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Cube in a box of 14 x 30 cm, yaw within 0.1 rad; goal in one of 18 x 36 cm, on the table or in the air."""
        in_air = rng.random() < 0.5
        while True:
            cube, goal = rng.uniform(_CUBE_LOW, _CUBE_HIGH), rng.uniform(_GOAL_LOW, _GOAL_HIGH)
            yaw = rng.uniform(-_YAW, _YAW)
            if not in_air:
                goal[2] = HALF
            if math.dist((*cube, HALF), goal) >= _APART:
                break
        turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
        return WorldState(
            {
                "joint.position": self._start,
                "finger.position": np.full(2, OPEN),
                "object.pose": np.array([*cube, HALF, *turn]),
                "goal": goal,
            }
        )

    def check_start(self, start: WorldState) -> None:
        """Refuse a cube inside the table or out of reach, and fingers beyond their stroke."""
        check_object(start, "object.pose", HALF, self._reach)
        check_fingers(start, self._stroke)

    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Remember the goal and the distances from which progress is counted."""
        self._goal = start.values["goal"]
        x, y, z = self._goal.tolist()
        self._goal_at = (x, y, z)
        self._worth = self._potential(tool, reading)
        self._lift = Lift(HALF)
        self._track = Track(seen, seen_tool.position)

    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return tool, grip, cube and the way to the goal."""
        cube = seen.bodies[0]
        return [
            *observe_grasp(seen, tool, tool_velocity),
            *(self._goal - cube.position).tolist(),
        ]

    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Reward progress; success needs rest; a cube that falls or turns in the hand ends the episode."""
        worth = self._potential(tool, reading)
        reward, self._worth = worth - self._worth, worth
        cube = reading.bodies[0]
        near = math.dist(cube.position, self._goal_at) < TOLERANCE
        if near and math.hypot(*cube.velocity) < REST_SPEED:
            return Judgement(reward + 10.0, True)
        failure = self._lift.failure(cube, tool)
        if failure == "none" and math.hypot(cube.position[0], cube.position[1]) > self._reach:
            failure = "out_of_reach"
        return Judgement(reward, False, failure)

    def watch(self, seen: Measurement, tool: ToolPose) -> None:
        """Follow the measured cube, tool and grip."""
        self._track.watch(seen, tool.position)

    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return where cube and tool ended and how they got there."""
        return {"success": float(success), **self._track.outcome(duration)}

    def achieved_goal(self, seen: Measurement, tool: ToolPose) -> list[float]:
        """Return the cube's position and velocity, (6,)."""
        return [*seen.bodies[0].position.tolist(), *seen.bodies[0].velocity.tolist()]

    def desired_goal(self) -> list[float]:
        """Return the goal, at rest, (6,)."""
        return [*self._goal_at, 0.0, 0.0, 0.0]

    def _potential(self, tool: ToolPose, reading: Reading) -> float:
        """Return what the state is worth; a step's reward is its difference, so that going in circles earns nothing."""
        cube = reading.bodies[0].position
        held = grip_force(reading.finger_forces) > HELD_FORCE and math.dist(cube, tool.position) < HALF
        return 2.0 * held - 10.0 * math.dist(cube, tool.position) - 20.0 * math.dist(cube, self._goal_at)
