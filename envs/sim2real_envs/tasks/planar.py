"""What the tasks on the table top share: a goal in the plane, and outcomes of an object that is moved across it."""

from __future__ import annotations

import math

from sim2real_envs.kinematics import ToolPose
from sim2real_envs.outcomes import Outcome
from sim2real_envs.sensors import Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Task

REST_SPEED = 0.02  # [m/s]
TABLE_EDGE = 0.02  # [m] below the table top: the object has fallen
MOVED = 0.005  # [m] from where the object was: it has been touched


def planar_outcomes(name: str, scale: float) -> tuple[Outcome, ...]:
    """Return the outcomes that ``PlanarTask`` follows.

    Args:
        name: What the object is called, such as ``"cube"``.
        scale: Difference of its final position that matters [m].
    """
    title = name.capitalize()
    return (
        Outcome("object_x", "m", scale, doc=f"{title} position at the end, along x."),
        Outcome("object_y", "m", scale, doc=f"{title} position at the end, along y."),
        Outcome("tool_x", "m", 0.02, doc="Tool position at the end, along x."),
        Outcome("tool_y", "m", 0.02, doc="Tool position at the end, along y."),
        Outcome("duration", "s", 0.2, doc="Time until success or the end of the episode."),
        Outcome("onset", "s", 0.08, doc=f"Time until the {name} had moved by 5 mm; the duration if it never did."),
        Outcome("object_travel", "m", 0.03, doc=f"Length of the {name}'s path."),
        Outcome("object_peak_speed", "m/s", 0.05, doc=f"Highest speed of the {name}."),
        Outcome("peak_force", "N", 2.0, doc="Largest force on the fingers, each a mean over one control period."),
    )


class PlanarTask(Task):
    """A task whose object is moved across the table to a goal in the plane, where it has to come to rest.

    A task calls ``_follow`` at the start of an episode; its ``outcomes`` are success, ``planar_outcomes``, and more of
    its own.
    """

    rest_speed = REST_SPEED
    goal_size = 4
    beyond: float = 0.05  # [m] out of the tool space: the tool cannot touch the object any more

    def _follow(self, start: WorldState, seen: Measurement, seen_tool: ToolPose) -> None:
        """Remember the goal and where object and tool were first measured."""
        self._goal_xy = (float(start.values["goal"][0]), float(start.values["goal"][1]))
        self._first = self._seen = seen.bodies[0].position
        self._seen_tool = seen_tool.position
        self._steps, self._onset, self._peak_step = 0, -1, 0
        self._travel = self._peak_speed = self._peak_force = 0.0

    def _beyond_reach(self, x: float, y: float) -> bool:
        """Return whether the tool cannot touch an object at (x, y) [m]."""
        low, high, out = self.tool_space.low, self.tool_space.high, self.beyond
        return x < low[0] - out or x > high[0] + out or y < low[1] - out or y > high[1] + out

    def watch(self, seen: Measurement, tool: ToolPose) -> None:
        """Follow the measured object, tool and force."""
        self._steps += 1
        place, speed = seen.bodies[0].position, math.hypot(*seen.bodies[0].velocity.tolist())
        self._travel += math.dist(place, self._seen)
        if self._onset < 0 and math.dist(place, self._first) > MOVED:
            self._onset = self._steps
        if speed > self._peak_speed:
            self._peak_speed, self._peak_step = speed, self._steps
        self._peak_force = max(self._peak_force, math.hypot(*seen.tool_force.tolist()))
        self._seen, self._seen_tool = place, tool.position

    def outcome(self, success: bool, duration: float) -> dict[str, float]:
        """Return where object and tool ended and how they got there."""
        onset = self._steps if self._onset < 0 else self._onset
        return {
            "success": float(success),
            "object_x": float(self._seen[0]),
            "object_y": float(self._seen[1]),
            "tool_x": float(self._seen_tool[0]),
            "tool_y": float(self._seen_tool[1]),
            "duration": duration,
            "onset": duration * onset / max(self._steps, 1),
            "object_travel": self._travel,
            "object_peak_speed": self._peak_speed,
            "peak_force": self._peak_force,
        }

    def achieved_goal(self, seen: Measurement, tool: ToolPose) -> list[float]:
        """Return the object's position and velocity in the plane, (4,)."""
        return [*seen.bodies[0].position[:2].tolist(), *seen.bodies[0].velocity[:2].tolist()]

    def desired_goal(self) -> list[float]:
        """Return the goal, at rest, (4,)."""
        return [*self._goal_xy, 0.0, 0.0]
