"""A robot is known by its members, and nothing of it runs to find that out."""

from __future__ import annotations

from typing import Any

import pytest

from sim2real.errors import RobotError
from sim2real.robots import FakeRobot
from sim2real.robots.protocol import connected, features, load, make_robot, missing_members, require_robot


class Documented:
    """As in LeRobot's documentation, where ``action_features`` is a method."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    @property
    def observation_features(self) -> dict[str, Any]:
        self.ran.append("observation_features")
        return {"joint_1.pos": float}

    def action_features(self) -> dict[str, Any]:
        self.ran.append("action_features")
        return {"joint_1.pos": float}

    @property
    def is_connected(self) -> bool:
        self.ran.append("is_connected")
        raise OSError("the bus is not powered")

    def connect(self, calibrate: bool = True) -> None:
        self.ran.append("connect")

    def get_observation(self) -> dict[str, Any]:
        return {"joint_1.pos": 1.0}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        return action

    def disconnect(self) -> None:
        self.ran.append("disconnect")


def test_nothing_runs_while_a_robot_is_looked_at() -> None:
    robot = Documented()
    require_robot(robot)
    assert robot.ran == []


def test_members_may_be_attributes_of_an_instance() -> None:
    class Bare:
        def __init__(self) -> None:
            self.observation_features = self.action_features = {"a": float}
            self.is_connected = False
            self.connect = self.disconnect = self.get_observation = self.send_action = dict

    assert missing_members(Bare()) == ()


def test_what_is_missing_is_named_with_what_a_robot_has() -> None:
    with pytest.raises(RobotError, match="object is not a robot: it has no connect, get_observation, send_action"):
        require_robot(object())


def test_a_method_that_is_not_one_is_missing() -> None:
    class Odd(Documented):
        send_action = "soon"  # type: ignore[assignment]

    assert missing_members(Odd()) == ("send_action",)


def test_features_may_be_a_method_as_in_the_documentation() -> None:
    robot: Any = Documented()
    assert features(robot, "action_features") == features(robot, "observation_features") == {"joint_1.pos": float}


def test_features_that_are_no_mapping_are_refused() -> None:
    robot: Any = Documented()
    robot.action_features = ["joint_1.pos"]
    with pytest.raises(RobotError, match="`action_features` must map keys"):
        features(robot, "action_features")


def test_being_connected_may_be_a_method() -> None:
    robot: Any = type("Robot", (), {"is_connected": lambda self: True})()
    assert connected(robot)


def test_a_robot_is_made_from_an_import_path() -> None:
    robot = make_robot("sim2real.robots.fake:FakeRobot", {"world": "joints", "seed": 3})
    assert isinstance(robot, FakeRobot)


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("sim2real.robots.fake", {}, "import path such as 'my_lab.arm:make_robot'"),
        ("no_such_lab.arm:make", {}, "must be importable from here"),
        ("sim2real.robots.fake:FakeRobt", {}, "Did you mean 'FakeRobot'.* Available: FakeRecipe, FakeRobot, placing"),
        (
            "sim2real.robots.fake:FakeRobot",
            {"wrld": "joints"},
            "cannot be made with .* Its options: world, domain, seed",
        ),
        ("sim2real.robots.fake:as_faults", {"faults": []}, "tuple is not a robot"),
    ],
)
def test_an_import_path_that_leads_nowhere_says_why(path: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(RobotError, match=words):
        make_robot(path, options)


def test_loading_names_what_it_is_for() -> None:
    with pytest.raises(RobotError, match="reset must be an import path"):
        load("somewhere", "reset")
