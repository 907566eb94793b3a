"""Robots by adapter: anything with the methods of LeRobot's ``Robot``, as an environment, with safety in between.

    robot = FakeRobot("PandaReach-v0")                   # or your own
    mapping = RobotMapping.from_dict(robot.mapping())    # or yours: every key, unit and limit stated
    env = RealRobotEnv(robot, mapping, success="task", reset_source=robot.place)

``protocol`` what a robot is · ``mapping`` keys and units · ``safety`` pure functions between policy and robot ·
``loop`` and ``env`` the loop · ``fake`` a pseudo-real robot in its own process · ``check`` a contract test for yours
"""

from __future__ import annotations

from sim2real.robots.check import Finding, check_robot
from sim2real.robots.env import RealRobotEnv
from sim2real.robots.fake import FakeRobot
from sim2real.robots.faults import Fault, random_faults
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import RobotLike, make_robot
from sim2real.robots.safety import SafetyLimits
from sim2real.robots.sources import Moment

__all__ = [
    "FakeRobot",
    "Fault",
    "Finding",
    "Moment",
    "RealRobotEnv",
    "RobotLike",
    "RobotMapping",
    "SafetyLimits",
    "check_robot",
    "make_robot",
    "random_faults",
]
