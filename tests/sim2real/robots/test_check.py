"""A contract test that says what to mend, and never fails itself."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from sim2real.robots import RobotMapping, check_robot
from sim2real.robots.check import Finding, passed

MAPPING = RobotMapping.from_dict(
    {
        "observation": [
            {"key": "a.pos", "is": "joint.position", "unit": "deg", "low": -90, "high": 90},
            {"key": "when", "is": "time", "unit": "s"},
        ],
        "action": [{"key": "a.pos", "is": "joint.position", "unit": "deg", "low": -80, "high": 80}],
    }
)


class Good:
    """A robot of one joint that does everything right; the tests below spoil it."""

    def __init__(self) -> None:
        self.connected, self.angle, self.sent = False, 10.0, [0.0]
        del self.sent[:]

    @property
    def observation_features(self) -> dict[str, Any]:
        return {"a.pos": float, "when": float}

    @property
    def action_features(self) -> dict[str, Any]:
        return {"a.pos": float}

    @property
    def is_connected(self) -> bool:
        return self.connected

    def connect(self, calibrate: bool = True) -> None:
        self.connected = True

    def get_observation(self) -> dict[str, Any]:
        if not self.connected:
            raise ConnectionError("not connected")
        return {"a.pos": self.angle, "when": time.monotonic()}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(action["a.pos"])
        return action

    def disconnect(self) -> None:
        self.connected = False


def problems(robot: object, mapping: RobotMapping | None = MAPPING) -> dict[str, Finding]:
    found = check_robot(robot, mapping, reads=3)
    assert passed(found) == all(finding.state != "problem" for finding in found)
    return {finding.what: finding for finding in found if finding.state != "ok"}


def test_a_good_robot_has_no_problems_and_is_told_to_stay_where_it_is() -> None:
    robot = Good()
    assert problems(robot) == {}
    assert robot.sent == pytest.approx([10.0])
    assert not robot.connected


def test_without_a_mapping_nothing_is_sent() -> None:
    robot = Good()
    assert problems(robot, None) == {}
    assert robot.sent == []


def test_what_has_no_methods_is_told_which_it_needs() -> None:
    (finding,) = check_robot(object())
    assert finding.state == "problem"
    assert "get_observation" in finding.found
    assert "the methods connect, get_observation" in finding.remedy


def spoiled(**members: Any) -> Good:
    return type("Spoiled", (Good,), members)()  # type: ignore[no-any-return]


def raising(error: Exception) -> Any:
    def method(*_: Any) -> Any:
        raise error

    return method


@pytest.mark.parametrize(
    ("members", "what", "words"),
    [
        ({"observation_features": property(lambda self: ["a.pos"])}, "observation_features", "must map keys"),
        ({"observation_features": property(lambda self: {})}, "observation_features", "there are no keys"),
        ({"action_features": {"a.pos": "float"}}, "action_features", "a.pos is 'float'"),
        ({"action_features": {"a.pos": float, "b.pos": float}}, "mapping of actions", "b.pos would never be sent"),
        ({"action_features": {"b.pos": float}}, "mapping of actions", "the robot has no a.pos"),
        ({"connect": raising(OSError("no such port"))}, "connect", "OSError: no such port"),
        ({"connect": lambda self, calibrate=True: None}, "is_connected", "false after connect"),
        ({"get_observation": raising(OSError("bus"))}, "get_observation", "OSError: bus"),
        ({"get_observation": lambda self: [1.0]}, "get_observation", "returned list"),
        ({"get_observation": lambda self: {"a.pos": 1.0}}, "get_observation", "when are missing"),
        ({"get_observation": lambda self: {"a.pos": math.nan, "when": 1}}, "get_observation", "a.pos is nan"),
        ({"get_observation": lambda self: {"a.pos": 1.0, "when": 5.0}}, "time", "stood still at 5.0"),
        ({"get_observation": lambda self: {"a.pos": 100.0, "when": 5.0}}, "values", "beyond -90 … 90"),
        ({"get_observation": lambda self: {"a.pos": 85.0, "when": time.time()}}, "send_action", "beyond the limits"),
        ({"get_observation": lambda self: {"a.pos": 1.0, "when": 2.0}}, "reading without connection", "something"),
        ({"send_action": lambda self, action: None}, "send_action", "returned None"),
        ({"send_action": raising(ValueError("no"))}, "send_action", "ValueError: no"),
        ({"disconnect": lambda self: None}, "disconnect", "is_connected is still true"),
        ({"disconnect": raising(RuntimeError("stuck"))}, "disconnect", "RuntimeError: stuck"),
    ],
)
def test_what_is_wrong_is_found_with_what_to_do(members: dict[str, Any], what: str, words: str) -> None:
    found = problems(spoiled(**members))
    assert words in found[what].found
    assert found[what].remedy


def test_a_reading_that_takes_longer_than_a_control_period_is_a_problem() -> None:
    def slow(self: Good) -> dict[str, Any]:
        time.sleep(0.05)
        return Good.get_observation(self)

    assert "longer than a control period" in problems(spoiled(get_observation=slow))["time of a reading"].remedy


def test_an_image_must_have_the_shape_that_it_says() -> None:
    robot = spoiled(
        observation_features={"a.pos": float, "when": float, "front": (2, 2, 3)},
        get_observation=lambda self: {"a.pos": 1.0, "when": 1.0, "front": [[0, 0]]},
    )
    assert "front has shape (1, 2), not (2, 2, 3)" in problems(robot)["get_observation"].found
