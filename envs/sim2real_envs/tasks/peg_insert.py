"""PegInsert: put a square peg that is in the hand into a hole."""

from __future__ import annotations

import math

import numpy as np

from sim2real_envs.arms.base import Arm
from sim2real_envs.backends.base import BodyReading, Reading
from sim2real_envs.control import ToolSpace
from sim2real_envs.errors import StateError
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Hole, Scene
from sim2real_envs.sensors import Measurement, yaw_of
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Field, Judgement, Task, tool_start
from sim2real_envs.tasks.grasping import (
    GRASP_OUTCOMES,
    Lift,
    Track,
    check_fingers,
    check_object,
    grip_force,
    opening,
    upward,
)

HALF, HALF_LENGTH = 0.015, 0.04  # [m] half the peg's width and length
MASS = 0.1  # [kg]
DEPTH, WALL, CLEARANCE = 0.04, 0.016, 0.0015  # [m] of the hole
GOAL_DEPTH, TOLERANCE = 0.035, 0.01  # [m] of the tip below the mouth: 2.5 cm and more count
_TOOL_START = (0.46, 0.0, 0.16)
_BELOW_TOOL, _GRASP_OFFSET = 0.02, 0.003  # [m] peg's centre below the tool; along the fingers and up, at most
_AROUND_PEG = 0.0163  # [m] opening of each finger that just touches the peg
_HOLE_LOW, _HOLE_HIGH, _YAW = (0.42, -0.12), (0.54, 0.12), 0.4
_LOST = 5.0  # reward


class PegInsert(Task):
    """Put a peg of 3 x 3 x 8 cm at least 2.5 cm deep into a square hole, 4 cm deep and 1.5 mm wider on each side.

    The peg weighs 0.1 kg and is in the hand at the start, up to 3 mm out of place. The hole stands anywhere in a box
    of 12 x 24 cm on the table, turned by up to 0.4 rad; the action turns the tool too. Gaps come from
    ``hole.clearance``. The place of the goal is that of the hole; a ``goal`` in a start is not looked at.

    Reward: 20 per metre that the peg's tip comes closer to its place, 2 per radian that the peg comes closer to the
    turn of the hole, 10 for success, and -5 for losing the peg.
    """

    tolerance = TOLERANCE
    goal_size = 3
    horizon = 120
    fields = (
        Field("tool_position", 3, 2.0, "m"),
        Field("tool_velocity", 3, 10.0, "m/s"),
        Field("tool_angular_velocity", 3, 50.0, "rad/s"),
        Field("tool_tilt", 2, 2.0, "-"),
        Field("finger_opening", 1, 0.1, "m"),
        Field("grip_force", 1, 200.0, "N"),
        Field("object_from_tool", 3, 2.0, "m"),
        Field("object_velocity", 3, 10.0, "m/s"),
        Field("object_tilt", 2, 2.0, "-"),
        Field("object_yaw_sine", 1, 1.0, "-"),
        Field("object_yaw_cosine", 1, 1.0, "-"),
        Field("tool_force", 3, 200.0, "N"),
        Field("hole_from_tip", 3, 2.0, "m", of_goal=True),
        Field("hole_turn", 1, 1.0, "rad", of_goal=True),
    )
    outcomes = (
        Outcome("success", "-", 1.0, "binary", "Tip of the peg at least 2.5 cm deep in the hole."),
        *GRASP_OUTCOMES,
        Outcome("depth", "m", 0.005, doc="Depth of the peg's tip below the mouth of the hole, at the end."),
        Outcome("tip_off_centre", "m", 0.005, doc="Distance of the tip from the hole's axis, at the end."),
    )

    def __init__(self, arm: Arm, kinematics: Kinematics) -> None:
        peg = Body("object", (HALF, HALF, HALF_LENGTH), (0.5, 0.0, 50.0), MASS, (0.85, 0.25, 0.2))
        hole = Hole(DEPTH, WALL, CLEARANCE)
        marker = (0.006, 0.006, 0.001)
        self.scene = Scene(arm, TABLE, (peg,), hole, fingers_move=True, goal_half_extents=marker)
        self.tool_space = ToolSpace((0, 1, 2), 0.0, (0.32, -0.25, 0.03), (0.64, 0.25, 0.30), turns=True)
        self._reach, self._stroke = arm.reach, arm.fingers[0].stroke
        self._start = tool_start(kinematics, _TOOL_START)
        self._mouth, self._hole_yaw = (0.0, 0.0, 0.0), 0.0

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Peg in the hand, up to 3 mm out of place along the fingers and up; hole anywhere in its box."""
        along, up = rng.uniform(-_GRASP_OFFSET, _GRASP_OFFSET, 2)
        x, y, z = _TOOL_START
        hole, yaw = rng.uniform(_HOLE_LOW, _HOLE_HIGH), rng.uniform(-_YAW, _YAW)
        return WorldState(
            {
                "joint.position": self._start,
                "finger.position": np.full(2, _AROUND_PEG),
                "finger.command": np.zeros(1),  # the grip is firm already
                "object.pose": np.array([x + along, y, z + up - _BELOW_TOOL, 0.0, 0.0, 0.0, 1.0]),
                "hole.pose": np.array([*hole, DEPTH, 0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)]),
                "goal": np.array([*hole, DEPTH - GOAL_DEPTH]),
            }
        )

    def check_start(self, start: WorldState) -> None:
        """Refuse a peg inside the table, a hole that does not stand on it, either out of reach, and such fingers."""
        check_object(start, "object.pose", HALF, self._reach)
        check_object(start, "hole.pose", DEPTH, self._reach)
        mouth = float(start.values["hole.pose"][2])
        if abs(mouth - DEPTH) > 1e-3 or upward(start.values["hole.pose"][3:].tolist())[2] < 0.999:
            raise StateError(
                f"'hole.pose' must be upright with its mouth at z = {DEPTH} m, but that is at {mouth:.3f}."
            )
        check_fingers(start, self._stroke)

    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Remember where the hole is and what the state is worth."""
        pose = start.values["hole.pose"].tolist()
        self._mouth, self._hole_yaw = (pose[0], pose[1], pose[2]), yaw_of(pose[3:])
        self._goal = (pose[0], pose[1], pose[2] - GOAL_DEPTH)
        self._worth = self._judged(reading.bodies[0])[0]
        self._lift = Lift(HALF_LENGTH)
        self._track = Track(seen, seen_tool.position)
        self._tip = _seen_tip(seen)

    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return tool, grip, peg, and the way from its tip to the mouth of the hole."""
        peg, axis = seen.bodies[0], tool.rotation[:2, 2].tolist()
        x, y, z = _seen_tip(seen)
        return [
            *tool.position.tolist(),
            *tool_velocity.tolist(),
            *axis,
            opening(seen.finger_position.tolist()),
            grip_force(seen.finger_forces.tolist()),
            *(peg.position - tool.position).tolist(),
            *peg.velocity.tolist(),
            *peg.tilt.tolist(),
            math.sin(peg.yaw),
            math.cos(peg.yaw),
            *seen.tool_force.tolist(),
            self._mouth[0] - x,
            self._mouth[1] - y,
            self._mouth[2] - z,
            quarter_turn(self._hole_yaw - peg.yaw),
        ]

    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Reward progress; a peg that is lost ends the episode."""
        peg = reading.bodies[0]
        worth, success = self._judged(peg)
        reward, self._worth = worth - self._worth, worth
        if success:
            return Judgement(reward + 10.0, True)
        failure = self._lift.failure(peg, tool)
        return Judgement(reward if failure == "none" else reward - _LOST, False, failure)

    def watch(self, seen: Measurement, tool: ToolPose) -> None:
        """Follow the measured peg, tool and grip."""
        self._track.watch(seen, tool.position)
        self._tip = _seen_tip(seen)

    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return where peg and tool ended and how they got there."""
        x, y, z = self._tip
        return {
            "success": float(success),
            **self._track.outcome(duration),
            "depth": self._mouth[2] - z,
            "tip_off_centre": math.hypot(x - self._mouth[0], y - self._mouth[1]),
        }

    def achieved_goal(self, seen: Measurement, tool: ToolPose) -> list[float]:
        """Return the position of the peg's tip, (3,)."""
        return list(_seen_tip(seen))

    def desired_goal(self) -> list[float]:
        """Return the place of the tip 3.5 cm down the hole, (3,)."""
        return list(self._goal)

    def _judged(self, peg: BodyReading) -> tuple[float, bool]:
        """Return what the state is worth, whose change is the reward, and whether it is a success."""
        distance = math.dist(tip_of(peg), self._goal)
        turn = abs(quarter_turn(self._hole_yaw - yaw_of(peg.orientation)))
        return -20.0 * distance - 2.0 * turn, distance < TOLERANCE


def quarter_turn(angle: float) -> float:
    """Return ``angle`` [rad] within an eighth of a turn to either side: a square looks the same after a quarter."""
    return math.remainder(angle, 0.5 * math.pi)


def tip_of(peg: BodyReading) -> tuple[float, float, float]:
    """Return the middle of the peg's lower face [m]; of the nominal peg."""
    (x, y, z), (qx, qy, qz, qw) = peg.position, peg.orientation
    return (
        x - HALF_LENGTH * 2.0 * (qx * qz + qw * qy),
        y - HALF_LENGTH * 2.0 * (qy * qz - qw * qx),
        z - HALF_LENGTH * (1.0 - 2.0 * (qx * qx + qy * qy)),
    )


def _seen_tip(seen: Measurement) -> tuple[float, float, float]:
    """Return the same as the sensors see it."""
    (x, y, z), (along_x, along_y) = seen.bodies[0].position.tolist(), seen.bodies[0].tilt.tolist()
    along_z = math.sqrt(max(1.0 - along_x * along_x - along_y * along_y, 0.0))
    return x - HALF_LENGTH * along_x, y - HALF_LENGTH * along_y, z - HALF_LENGTH * along_z
