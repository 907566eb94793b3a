"""Slide: strike a puck so that it slides on by itself and comes to rest at a goal that the tool cannot reach."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim2real_envs.arms.base import Arm
from sim2real_envs.backends.base import Reading
from sim2real_envs.control import ToolSpace
from sim2real_envs.errors import StateError
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.scene import Body, Scene
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Field, Judgement, tool_start
from sim2real_envs.tasks.planar import MOVED, REST_SPEED, TABLE_EDGE, PlanarTask, planar_outcomes

TOLERANCE = 0.06  # [m]: the puck overlaps the goal; 8 % of the speed of a strike makes as much
RADIUS, HALF_HEIGHT = 0.035, 0.02  # [m] of the puck
MASS = 0.2  # [kg]
FRICTION = 0.06  # of PTFE on steel; the 0.5 m/s of the tool then carry the puck for 0.2 m
HEIGHT = 0.02  # [m] at which the tool moves: the height of the puck's centre of mass
GRAVITY = 9.81  # [m/s2]
_CORNER = (0.021, -0.005, 0.0025)  # [m] of a hand that is turned so: x and y from the tool, and its radius
_ROD = (0.0, 0.0, 0.01)  # [m] the same of a rod
_GAP = 0.01  # [m] between tip and puck before a strike
_YAW = math.pi / 4  # a corner of a hand ahead: along its flat front the point of contact would change nothing
_TOOL_START = (0.30, 0.0, HEIGHT)
_PUCK_LOW, _PUCK_HIGH = (0.38, -0.06), (0.44, 0.06)
_GOAL_LOW, _GOAL_HIGH = 0.69, 0.79  # along x
_ASIDE = 0.1  # [m] at most, of the goal from the puck along y
_TABLE = Body("table", (0.7, 0.6, 0.2), (0.55, 0.0, -0.2), colour=(0.75, 0.72, 0.66))


class Slide(PlanarTask):
    """Strike a puck so that it slides to within 6 cm of a goal beyond the tool's reach; it counts once it rests there.

    A puck that has come to rest elsewhere beyond reach ends the episode as ``"out_of_reach"``; one that stays within
    reach may be struck again.

    Reward: 20 per metre that the place where the puck would come to rest, at its present speed and nominal friction,
    comes closer to the goal, 30 per metre that the tool comes closer to the point from which to strike, until the puck
    has moved, and 10 for success.
    """

    tolerance = TOLERANCE
    beyond = 0.06
    fields = (
        Field("tool_position", 2, 2.0, "m"),
        Field("tool_velocity", 2, 10.0, "m/s"),
        Field("object_from_tool", 2, 2.0, "m"),
        Field("object_velocity", 2, 10.0, "m/s"),
        Field("object_tilt", 2, 1.0, "-"),
        Field("goal_from_object", 2, 2.0, "m", of_goal=True),
        Field("goal_from_resting_place", 2, 2.0, "m", of_goal=True),
        Field("strike_point_from_tool", 2, 2.0, "m", of_goal=True),
        Field("tool_force", 2, 100.0, "N"),
    )
    outcomes = (
        Outcome("success", "-", 1.0, "binary", "Puck within 6 cm of the goal, and at rest."),
        *planar_outcomes("puck", 0.03),
        Outcome("slide_time", "s", 0.1, doc="Time from the puck's highest speed to the end."),
    )

    def __init__(self, arm: Arm, kinematics: Kinematics) -> None:
        puck = Body(
            "object",
            (RADIUS, RADIUS, HALF_HEIGHT),
            (0.5, 0.0, 50.0),
            MASS,
            (0.15, 0.2, 0.3),
            "cylinder",
            friction=(FRICTION, 0.03, 0.12),
        )
        self.scene = Scene(arm, _TABLE, (puck,), goal_half_extents=(TOLERANCE, TOLERANCE, 0.001))
        self.tool_space = ToolSpace((0, 1), HEIGHT, (0.25, -0.35, HEIGHT), (0.57, 0.35, HEIGHT), yaw=_YAW)
        self._fingers = len(arm.fingers)
        self._start = tool_start(kinematics, _TOOL_START, _YAW)

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Puck in a box of 6 x 12 cm; goal 12 to 22 cm beyond the tool space, at most 10 cm aside of the puck."""
        puck = rng.uniform(_PUCK_LOW, _PUCK_HIGH)
        goal = rng.uniform(_GOAL_LOW, _GOAL_HIGH), puck[1] + rng.uniform(-_ASIDE, _ASIDE)
        return WorldState(
            {
                "joint.position": self._start,
                "object.pose": np.array([*puck, HALF_HEIGHT, 0.0, 0.0, 0.0, 1.0]),
                "goal": np.array([*goal, 0.0]),
            }
        )

    def check_start(self, start: WorldState) -> None:
        """Refuse a puck inside the table or beside it; out of reach it may be, as it is when it has been struck."""
        x, y, z = start.values["object.pose"][:3].tolist()
        if z < 0.4 * HALF_HEIGHT:
            raise StateError(
                f"'object.pose' puts the puck into the table: its centre is at z = {z:.3f} m, not {HALF_HEIGHT}."
            )
        (half_x, half_y, _), (centre_x, centre_y, _) = _TABLE.half_extents, _TABLE.position
        if abs(x - centre_x) > half_x or abs(y - centre_y) > half_y:
            raise StateError(
                f"'object.pose' puts the puck beside the table: it is at x = {x:.2f}, y = {y:.2f} m, the table within "
                f"[{centre_x - half_x:.2f}, {centre_x + half_x:.2f}] and [{centre_y - half_y:.2f}, "
                f"{centre_y + half_y:.2f}]."
            )

    def begin(
        self, start: WorldState, tool: ToolPose, reading: Reading, seen: Measurement, seen_tool: ToolPose
    ) -> None:
        """Remember the goal and the distances from which progress is counted."""
        self._follow(start, seen, seen_tool)
        self._distance, self._approach = self._distances(tool, reading)
        self._first_place, self._struck = reading.bodies[0].position, False

    def observe(self, seen: Measurement, tool: ToolPose, tool_velocity: Array) -> list[float]:
        """Return tool, puck and goal in the plane, where the puck would rest, where a strike begins, and the force."""
        x, y = tool.position[:2].tolist()
        puck = seen.bodies[0]
        puck_x, puck_y = puck.position[:2].tolist()
        velocity = puck.velocity[:2].tolist()
        rest_x, rest_y = resting_place((puck_x, puck_y), velocity)
        behind_x, behind_y = self._strike_point(puck_x, puck_y)
        return [
            x,
            y,
            *tool_velocity[:2].tolist(),
            puck_x - x,
            puck_y - y,
            *velocity,
            *puck.tilt.tolist(),
            self._goal_xy[0] - puck_x,
            self._goal_xy[1] - puck_y,
            self._goal_xy[0] - rest_x,
            self._goal_xy[1] - rest_y,
            behind_x - x,
            behind_y - y,
            *seen.tool_force[:2].tolist(),
        ]

    def judge(self, tool: ToolPose, reading: Reading) -> Judgement:
        """Reward progress of puck and tool; success needs rest; a puck at rest where nobody reaches it ends it all."""
        distance, approach = self._distances(tool, reading)
        place, velocity = reading.bodies[0].position, reading.bodies[0].velocity
        self._struck = self._struck or math.dist(place, self._first_place) > MOVED
        reward = 20.0 * (self._distance - distance)
        if not self._struck:
            reward += 30.0 * (self._approach - approach)
        self._distance, self._approach = distance, approach
        x, y, z = place
        at_rest = math.hypot(*velocity) < REST_SPEED
        if at_rest and math.hypot(self._goal_xy[0] - x, self._goal_xy[1] - y) < TOLERANCE:
            return Judgement(reward + 10.0, True)
        if z < -TABLE_EDGE:
            return Judgement(reward, False, "drop")
        return Judgement(reward, False, "out_of_reach" if at_rest and self._beyond_reach(x, y) else "none")

    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return where puck and tool ended and how they got there."""
        sliding = duration * (self._steps - self._peak_step) / max(self._steps, 1)
        return {**super().outcome(success, duration), "slide_time": sliding}

    def _distances(self, tool: ToolPose, reading: Reading) -> tuple[float, float]:
        """Return the distances [m] from the puck's resting place to the goal, and from the tool to its strike point."""
        x, y, _ = reading.bodies[0].position
        rest_x, rest_y = resting_place((x, y), reading.bodies[0].velocity[:2])
        behind_x, behind_y = self._strike_point(x, y)
        approach = math.hypot(behind_x - float(tool.position[0]), behind_y - float(tool.position[1]))
        return math.hypot(self._goal_xy[0] - rest_x, self._goal_xy[1] - rest_y), approach

    def _strike_point(self, x: float, y: float) -> tuple[float, float]:
        """Return where the tool would begin to strike a puck at (x, y) [m]."""
        way_x, way_y = self._goal_xy[0] - x, self._goal_xy[1] - y
        left = max(math.hypot(way_x, way_y), 1e-6)
        ahead_x, ahead_y = touching((way_x / left, way_y / left), self._fingers, _GAP)
        return x - ahead_x, y - ahead_y


def touching(direction: Sequence[float], fingers: int, gap: float = 0.0) -> tuple[float, float]:
    """Return where the centre of the puck is, seen from a tool that touches it to push it along ``direction`` [m].

    A puck moves along the normal of the contact: to go aside it is met off the middle.

    Args:
        direction: x and y, of length 1.
        fingers: Two of a hand, which meets the puck with a corner, or one rod.
        gap: [m] that is left between them.
    """
    x, y, radius = _CORNER if fingers == 2 else _ROD
    away = RADIUS + radius + gap
    return x + away * direction[0], y + away * direction[1]


def resting_place(
    position: Sequence[float], velocity: Sequence[float], friction: float = FRICTION
) -> tuple[float, float]:
    """Return where a puck that slides freely comes to rest [m]: Coulomb, after v^2 / (2 mu g).

    Args:
        position: x and y [m].
        velocity: Along x and y [m/s].
        friction: Of the contact between puck and table.
    """
    way = math.hypot(*velocity) / (2.0 * friction * GRAVITY)
    return position[0] + way * velocity[0], position[1] + way * velocity[1]
