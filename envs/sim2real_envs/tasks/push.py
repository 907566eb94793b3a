"""Push: move a cube across the table to a goal and leave it there, at rest."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.arms.base import Arm
from sim2real_envs.backends.base import Reading
from sim2real_envs.control import ToolSpace
from sim2real_envs.errors import StateError
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Field, Judgement, tool_start
from sim2real_envs.tasks.planar import REST_SPEED, TABLE_EDGE, PlanarTask, planar_outcomes

TOLERANCE = 0.05  # [m]
HALF = 0.025  # [m] half the cube's edge
MASS = 0.2  # [kg]
HEIGHT = 0.03  # [m] at which the tool moves: 3 cm above the table, fingertips 2.3 cm
_BEHIND = 0.045  # [m] from the cube's centre to where a push begins
_TOOL_START = (0.32, 0.0, HEIGHT)
_CUBE_LOW, _CUBE_HIGH = (0.40, -0.12), (0.48, 0.12)
_GOAL_LOW, _GOAL_HIGH = (0.52, -0.18), (0.66, 0.18)


class Push(PlanarTask):
    """Push a 5 cm cube to within 5 cm of a goal; it counts once the cube is at rest there.

    Reward: 20 per metre that the cube comes closer to the goal, 6 per metre that the tool comes closer to the point
    behind the cube, and 10 for success.
    """

    tolerance = TOLERANCE
    fields = (
        Field("tool_position", 2, 2.0, "m"),
        Field("tool_velocity", 2, 10.0, "m/s"),
        Field("object_from_tool", 2, 2.0, "m"),
        Field("object_velocity", 2, 10.0, "m/s"),
        Field("object_yaw_sine", 1, 1.0, "-"),
        Field("object_yaw_cosine", 1, 1.0, "-"),
        Field("goal_from_object", 2, 2.0, "m", of_goal=True),
        Field("push_point_from_tool", 2, 2.0, "m", of_goal=True),
        Field("tool_force", 2, 100.0, "N"),
    )
    outcomes = (
        Outcome("success", "-", 1.0, "binary", "Cube within 5 cm of the goal, and at rest."),
        *planar_outcomes("cube", 0.02),
    )

    def __init__(self, arm: Arm, kinematics: Kinematics) -> None:
        cube = Body("object", (HALF, HALF, HALF), (0.5, 0.0, 50.0), MASS, (0.85, 0.25, 0.2))
        self.scene = Scene(arm, TABLE, (cube,), goal_half_extents=(HALF, HALF, 0.001))
        self.tool_space = ToolSpace((0, 1), HEIGHT, (0.25, -0.35, HEIGHT), (0.72, 0.35, HEIGHT))
        self._reach = arm.reach
        self._start = tool_start(kinematics, _TOOL_START)

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Cube in a box of 8 x 24 cm, goal in one of 14 x 36 cm behind it, at least 10 cm apart; yaw within 0.5 rad."""
        while True:
            cube, goal = rng.uniform(_CUBE_LOW, _CUBE_HIGH), rng.uniform(_GOAL_LOW, _GOAL_HIGH)
            yaw = rng.uniform(-0.5, 0.5)
            if math.dist(cube, goal) >= 0.1:
                break
        turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
        return WorldState(
            {
                "joint.position": self._start,
                "object.pose": np.array([*cube, HALF, *turn]),
                "goal": np.array([*goal, 0.0]),
            }
        )

    def check_start(self, start: WorldState) -> None:
        """Refuse a cube inside the table or out of reach."""
        x, y, z = start.values["object.pose"][:3].tolist()
        if z < 0.4 * HALF:
            raise StateError(f"'object.pose' puts the cube into the table: its centre is at z = {z:.3f} m, not {HALF}.")
        if math.hypot(x, y) > self._reach:
            distance = math.hypot(x, y)
            raise StateError(
                f"'object.pose' puts the cube out of reach: {distance:.2f} m from the base, at most {self._reach}."
            )

    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Remember the goal and the distances from which progress is counted."""
        self._follow(start, seen, seen_tool)
        self._distance, self._approach = self._distances(tool, reading)

    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return tool, cube and goal in the plane, where a push would begin, and the force on the fingers."""
        x, y = tool.position[:2].tolist()
        cube = seen.bodies[0]
        cube_x, cube_y = cube.position[:2].tolist()
        goal_x, goal_y = self._goal_xy[0] - cube_x, self._goal_xy[1] - cube_y
        back = _BEHIND / max(math.hypot(goal_x, goal_y), 1e-6)
        return [
            x,
            y,
            *tool_velocity[:2].tolist(),
            cube_x - x,
            cube_y - y,
            *cube.velocity[:2].tolist(),
            math.sin(cube.yaw),
            math.cos(cube.yaw),
            goal_x,
            goal_y,
            cube_x - back * goal_x - x,
            cube_y - back * goal_y - y,
            *seen.tool_force[:2].tolist(),
        ]

    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Reward progress of the cube and of the tool; success needs rest; a cube that is lost ends the episode."""
        distance, approach = self._distances(tool, reading)
        reward = 20.0 * (self._distance - distance) + 6.0 * (self._approach - approach)
        self._distance, self._approach = distance, approach
        (x, y, z), (vx, vy, vz) = reading.bodies[0].position, reading.bodies[0].velocity
        success = distance < TOLERANCE and vx * vx + vy * vy + vz * vz < REST_SPEED * REST_SPEED
        if success:
            return Judgement(reward + 10.0, True)
        if z < -TABLE_EDGE:
            return Judgement(reward, False, "drop")
        return Judgement(reward, False, "out_of_reach" if self._beyond_reach(x, y) else "none")

    def _distances(self, tool: ToolPose, reading: Reading) -> tuple[float, float]:
        """Return the distances [m] from cube to goal, and from tool to the point behind the cube, in the plane."""
        x, y, _ = reading.bodies[0].position
        dx, dy = self._goal_xy[0] - x, self._goal_xy[1] - y
        distance = math.hypot(dx, dy)
        back = _BEHIND / max(distance, 1e-6)
        approach = math.hypot(x - dx * back - float(tool.position[0]), y - dy * back - float(tool.position[1]))
        return distance, approach
