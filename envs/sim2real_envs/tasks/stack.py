"""Stack: put one cube on top of another and let go."""

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
from sim2real_envs.tasks.base import BoolArray, Field, Judgement, Task, tool_start
from sim2real_envs.tasks.grasping import (
    GRASP_FIELDS,
    GRASP_OUTCOMES,
    HELD_FORCE,
    OPEN,
    REST_SPEED,
    Lift,
    Track,
    check_apart,
    check_fingers,
    check_object,
    grip_force,
    observe_grasp,
    touch_force,
)

TOLERANCE = 0.02  # [m]
HALF = 0.02  # [m] half a cube's edge
MASS = 0.1  # [kg]
RELEASED = 0.5  # [N] of all fingers together, below which they have let go
_TOOL_START = (0.46, 0.0, 0.15)
_LOW, _HIGH = (0.39, -0.16), (0.54, 0.16)
_APART = 0.1  # [m] at least between the cubes' centres: a finger has to fit between
_YAW = 0.1  # [rad] at most: the tool does not turn
_ON_TOP = 2.0 * HALF  # [m] from one centre to the other
_PLACED, _LET_GO = 4.0, 2.0  # rewards


class Stack(Task):
    """Put a 4 cm cube, the object, onto another one, the support: centred to 2 cm, at rest, and let go.

    Both weigh 0.1 kg. The place to go to moves with the support, so goals are told relative to it: ``achieved_goal``
    is the object's position from the support's (3,) m, its velocity (3,) m/s, and whether a finger touches it (1,).

    Reward: 10 per metre that the tool comes closer to the object, 20 per metre that the object comes closer to its
    place, 2 for a grip or for having let go in place, 4 while in place, all taken back when lost, and 10 for success.
    """

    tolerance = TOLERANCE
    rest_speed = REST_SPEED
    goal_size = 7
    horizon = 120
    fields = (
        *GRASP_FIELDS,
        Field("support_from_object", 3, 2.0, "m"),
        Field("support_velocity", 3, 10.0, "m/s"),
        Field("support_tilt", 2, 2.0, "-"),
    )
    outcomes = (
        Outcome("success", "-", 1.0, "binary", "Cube on top of the other one, centred to 2 cm, at rest, let go."),
        *GRASP_OUTCOMES,
        Outcome(
            "object_above_support", "m", 0.01, doc="Height of the object's centre above the support's, at the end."
        ),
        Outcome("object_off_centre", "m", 0.01, doc="Distance of the two centres in the plane, at the end."),
        Outcome("support_travel", "m", 0.02, doc="Distance of the support from where it stood at the start."),
    )

    def __init__(self, arm: Arm, kinematics: Kinematics) -> None:
        half = (HALF, HALF, HALF)
        cube = Body("object", half, (0.5, 0.0, 50.0), MASS, (0.85, 0.25, 0.2))
        support = Body("support", half, (0.5, 0.2, 50.0), MASS, (0.2, 0.45, 0.8))
        self.scene = Scene(arm, TABLE, (cube, support), fingers_move=True, goal_half_extents=(0.006, 0.006, 0.006))
        self.tool_space = ToolSpace((0, 1, 2), 0.0, (0.32, -0.25, 0.015), (0.62, 0.25, 0.30))
        self._reach, self._stroke = arm.reach, arm.fingers[0].stroke
        self._start = tool_start(kinematics, _TOOL_START)

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Both cubes in a box of 15 x 32 cm, at least 10 cm apart, yaw of the object within 0.1 rad, any support."""
        while True:
            cube, support = rng.uniform(_LOW, _HIGH), rng.uniform(_LOW, _HIGH)
            if math.dist(cube, support) >= _APART:
                break
        yaw, turned = rng.uniform(-_YAW, _YAW), rng.uniform(-_YAW, _YAW)
        return WorldState(
            {
                "joint.position": self._start,
                "finger.position": np.full(2, OPEN),
                "object.pose": np.array([*cube, HALF, 0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)]),
                "support.pose": np.array([*support, HALF, 0.0, 0.0, math.sin(turned / 2), math.cos(turned / 2)]),
                "goal": np.array([*support, HALF + _ON_TOP]),
            }
        )

    def check_start(self, start: WorldState) -> None:
        """Refuse cubes inside the table, in each other or out of reach, and fingers beyond their stroke."""
        check_object(start, "object.pose", HALF, self._reach)
        check_object(start, "support.pose", HALF, self._reach)
        check_apart(start, 1.6 * HALF)
        check_fingers(start, self._stroke)

    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Remember where the cubes are and what the state is worth."""
        self._worth = self._judged(tool, reading)[0]
        self._lift = Lift(HALF)
        self._track = Track(seen, seen_tool.position)
        self._support = self._first_support = seen.bodies[1].position
        self._object = seen.bodies[0].position

    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return tool, grip, the object, and where the support is from it."""
        cube, support = seen.bodies
        return [
            *observe_grasp(seen, tool, tool_velocity),
            *(support.position - cube.position).tolist(),
            *support.velocity.tolist(),
            *support.tilt.tolist(),
        ]

    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Reward progress; success needs rest and open fingers; a cube that falls ends the episode."""
        worth, success = self._judged(tool, reading)
        reward, self._worth = worth - self._worth, worth
        if success:
            return Judgement(reward + 10.0, True)
        cube, support = reading.bodies
        failure = self._lift.failure(cube, tool)
        if failure == "none" and support.position[2] < -HALF:
            failure = "drop"
        if failure == "none" and any(math.hypot(b.position[0], b.position[1]) > self._reach for b in reading.bodies):
            failure = "out_of_reach"
        return Judgement(reward, False, failure)

    def watch(self, seen: Measurement, tool: ToolPose) -> None:
        """Follow the measured cubes, tool and grip."""
        self._track.watch(seen, tool.position)
        self._object, self._support = seen.bodies[0].position, seen.bodies[1].position

    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return where the cubes and the tool ended and how they got there."""
        x, y, z = (self._object - self._support).tolist()
        return {
            "success": float(success),
            **self._track.outcome(duration),
            "object_above_support": z,
            "object_off_centre": math.hypot(x, y),
            "support_travel": math.dist(self._support, self._first_support),
        }

    def achieved_goal(self, seen: Measurement, tool: ToolPose) -> list[float]:
        """Return the object's position from the support's, its velocity, and 1 if a finger touches it, (7,)."""
        cube, support = seen.bodies
        touched = float(touch_force(seen.finger_forces.tolist()) > RELEASED)
        return [*(cube.position - support.position).tolist(), *cube.velocity.tolist(), touched]

    def desired_goal(self) -> list[float]:
        """Return the place on top of the support, at rest and let go, (7,)."""
        return [0.0, 0.0, _ON_TOP, 0.0, 0.0, 0.0, 0.0]

    def goal_distance(self, achieved: Array, desired: Array) -> Array:
        """Return the distance [m] of each ``achieved`` (..., 7) from its ``desired`` (..., 7)."""
        distance: Array = np.linalg.norm(achieved[..., :3] - desired[..., :3], axis=-1)
        return distance

    def reached(self, achieved: Array, desired: Array) -> BoolArray:
        """Return whether each ``achieved`` (..., 7) is at its ``desired`` (..., 7) place, at rest and let go."""
        still = np.linalg.norm(achieved[..., 3:6], axis=-1) < self.rest_speed
        result: BoolArray = (self.goal_distance(achieved, desired) < self.tolerance) & still & (achieved[..., 6] < 0.5)
        return result

    def _judged(self, tool: ToolPose, reading: Reading) -> tuple[float, bool]:
        """Return what the state is worth, whose change is the reward, and whether it is a success."""
        cube, support = reading.bodies
        way = [a - b for a, b in zip(cube.position, support.position, strict=True)]
        distance = math.hypot(way[0], way[1], way[2] - _ON_TOP)
        in_place, near = distance < TOLERANCE, math.dist(cube.position, tool.position)
        let_go = touch_force(reading.finger_forces) < RELEASED
        held = grip_force(reading.finger_forces) > HELD_FORCE and near < HALF
        worth = -10.0 * near - 20.0 * distance + _PLACED * in_place + _LET_GO * (held or (in_place and let_go))
        return worth, in_place and let_go and math.hypot(*cube.velocity) < REST_SPEED
