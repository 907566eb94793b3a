"""A small robot as somebody would bring it: two joints and a gripper, no kinematics, as in LeRobot's documentation."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from sim2real.errors import SpecError
from sim2real.robots import RealRobotEnv, RobotMapping, check_robot
from sim2real.robots.check import passed
from sim2real.robots.clock import SimulatedClock


class TwoJoints:
    """Goes at once where it is sent; speaks degrees, a turn the other way round, and per cent."""

    def __init__(self) -> None:
        self.at = {"shoulder.pos": 10.0, "elbow.pos": -20.0, "gripper.pos": 50.0}
        self.is_connected = False

    def observation_features(self) -> dict[str, Any]:
        return dict.fromkeys(self.at, float)

    def action_features(self) -> dict[str, Any]:
        return dict.fromkeys(self.at, float)

    def connect(self, calibrate: bool = True) -> None:
        self.is_connected = True

    def get_observation(self) -> dict[str, Any]:
        if not self.is_connected:
            raise ConnectionError("not connected")
        return {**self.at, "camera": np.zeros((2, 2, 3))}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self.at = {name: min(max(value, -95.0), 95.0) for name, value in action.items()}
        return dict(self.at)

    def disconnect(self) -> None:
        self.is_connected = False


JOINTS = [
    {"key": "shoulder.pos", "is": "joint.position", "unit": "deg", "low": -90, "high": 90},
    {"key": "elbow.pos", "is": "joint.position", "unit": "deg", "scale": -1, "offset": 5, "low": -80, "high": 80},
    # 0 … 100 per cent are 0 … 35 mm of each finger
    {"key": "gripper.pos", "is": "finger.position", "unit": "mm", "scale": 0.35, "low": 0, "high": 35},
]
MAPPING = {"observation": JOINTS, "action": JOINTS}
SAFETY = {"joint_speed": [2.0, 1.0], "finger_speed": 0.1, "lead": 0.5}


def make(**options: Any) -> tuple[TwoJoints, RealRobotEnv, SimulatedClock]:
    robot, clock = TwoJoints(), SimulatedClock()
    mapping = RobotMapping.from_dict(copy.deepcopy(MAPPING))
    return robot, RealRobotEnv(robot, mapping, clock=clock, limits=SAFETY, rate=20.0, **options), clock  # type: ignore[arg-type]


def test_it_is_a_robot_and_keeps_the_contract() -> None:
    found = check_robot(TwoJoints(), RobotMapping.from_dict(copy.deepcopy(MAPPING)), reads=2)
    assert passed(found), found


def test_it_is_seen_and_sent_in_si() -> None:
    robot, env, _ = make()
    seen, _ = env.reset(seed=0)
    np.testing.assert_allclose(seen, [np.radians(10.0), np.radians(25.0), 0.0175], rtol=1e-6)
    target = np.array([np.radians(14.0), np.radians(27.0), 0.0200])
    seen, _, _, _, info = env.step(target)
    np.testing.assert_allclose(seen, target, rtol=1e-6)
    assert robot.at == pytest.approx({"shoulder.pos": 14.0, "elbow.pos": -22.0, "gripper.pos": 100 * 20 / 35})
    assert info["action_sent"] == pytest.approx(robot.at)


def test_each_joint_and_the_finger_have_their_own_speed() -> None:
    _, env, _ = make()
    first, _ = env.reset(seed=0)
    seen, _, _, _, info = env.step(np.array([first[0], first[1] + 0.5, 0.035]))
    assert seen[1] - first[1] == pytest.approx(1.0 * 0.05, rel=1e-5)
    assert seen[2] - first[2] == pytest.approx(0.1 * 0.05, rel=1e-5)
    assert info["reasons"] == (
        "joint 2 by +0.5000, more than 0.0500 at once",
        "the finger by +0.0175, more than 0.0050 at once",
    )


def test_what_the_robot_says_was_sent_is_told() -> None:
    robot, env, _ = make()
    env.reset(seed=0)
    robot.at["shoulder.pos"] = 10.0
    *_, info = env.step(np.array([np.radians(12.0), np.radians(25.0), 0.0175]))
    assert info["action_sent"]["shoulder.pos"] == pytest.approx(12.0)


def test_a_hand_that_holds_it_stops_it() -> None:
    robot, env, _ = make()
    env.reset(seed=0)
    env.step(np.radians([12.0, 25.0, 1.0]))
    robot.send_action = lambda action: action  # type: ignore[method-assign]
    robot.at["shoulder.pos"] = 12.0
    over, reason = False, ""
    for angle in range(12, 89, 4):
        _, _, over, _, info = env.step(np.radians([angle, 25.0, 1.0]))
        reason = info["stopped"]
        if over:
            break
    assert over
    assert "joint 1 is" in reason
    assert "from where it was sent" in reason


def test_without_an_arm_the_speed_has_to_be_stated() -> None:
    with pytest.raises(SpecError, match="joint_speed: is missing; without an `arm`"):
        RealRobotEnv(TwoJoints(), RobotMapping.from_dict(copy.deepcopy(MAPPING)))  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="need to know the arm"):
        RealRobotEnv(
            TwoJoints(),  # type: ignore[arg-type]
            RobotMapping.from_dict(copy.deepcopy(MAPPING)),
            limits={"joint_speed": 1.0, "tool_speed": 1.0},
        )
