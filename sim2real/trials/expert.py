"""The scripted expert of a task on a robot: it knows what is measured, and no more."""

from __future__ import annotations

import math

import numpy as np

from sim2real.errors import RobotError
from sim2real.robots.env import RealRobotEnv
from sim2real_envs.backends.base import BodyReading, Reading
from sim2real_envs.experts import TrueView, find_expert
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

_NO_FORCE = (0.0, 0.0, 0.0)


class MeasuredExpert:
    """A policy that looks at the robot itself instead of at the observation.

    Args:
        env: The robot, with a task under ``ee_delta``.

    Raises:
        RobotError: If there is no task.
    """

    def __init__(self, env: RealRobotEnv) -> None:
        arm, task = env.mapping.arm_model, env.mapping.policy.task
        if arm is None or task is None:
            raise RobotError("An expert needs `arm:` and `policy: {task: …}` in the mapping of the robot.")
        self._env, self._kinematics, self._act = env, Kinematics(arm), find_expert(task)
        self._before: Array | None = None
        self._start: WorldState | None = None

    def __call__(self, observation: Array) -> Array:
        """Return the action (a,) for what was measured last; ``observation`` is not looked at."""
        values, start = self._env.loop.values, self._env.measured_start()
        joints = values["joint.position"]
        tool = self._kinematics.tool(joints)
        speed = values.get("joint.velocity", np.zeros(len(joints)))
        bodies: tuple[BodyReading, ...] = ()
        if "object.position" in values:
            place, yaw = values["object.position"], float(values["object.yaw"][0])
            before = place if self._before is None or start is not self._start else self._before
            velocity = (place - before) / self._env.control_period
            turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
            bodies = (BodyReading(place.tolist(), turn, velocity.tolist(), _NO_FORCE),)
            self._before, self._start = place, start
        reading = Reading(joints.tolist(), speed.tolist(), (0.0, 0.0), bodies, [_NO_FORCE, _NO_FORCE], False)
        view = TrueView(tool, tool.jacobian @ speed, reading, start.values["goal"], -1.0, start)
        return np.asarray(self._act(view), dtype=np.float32)
