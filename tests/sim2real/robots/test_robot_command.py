"""The command that looks at a robot of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim2real.cli import main
from sim2real.cli.robot import read_mapping
from sim2real.experiment.strict_yaml import dump
from sim2real.robots import RobotMapping
from sim2real.robots.fake_keys import fake_mapping


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of one call."""
    with pytest.raises(SystemExit) as ended:
        main(["robot", *map(str, arguments)])
    captured = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err


FAKE = "sim2real.robots.fake:FakeRobot"


def test_a_good_robot_and_its_mapping_pass(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "arm.yaml"
    file.write_text(dump(fake_mapping("joints")), encoding="utf-8")
    code, out, _ = call(capfd, "check", FAKE, "--mapping", file, "--set", "seed=3", "--reads", 3)
    assert code == 0
    assert "mapping of observations" in out
    assert "told to stay where it is" in out


def test_a_problem_is_told_with_what_to_do_and_exit_code_one(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "arm.yaml"
    file.write_text(dump(fake_mapping("PandaPush-v0")), encoding="utf-8")
    code, out, _ = call(capfd, "check", FAKE, "--mapping", file, "--reads", 2)
    assert code == 1
    assert "the robot has no cube.x" in out
    assert "It has: joint_1.pos" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "sim2real.robots.fake:FakeRobt"], "Did you mean 'FakeRobot'"),
        (["check", FAKE, "--set", "world"], "world"),
        (["check", FAKE, "--set", "world=PandaPsh-v0"], "Did you mean 'PandaPush-v0'"),
    ],
)
def test_a_mistake_is_said_in_plain_words(capfd: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, _, err = call(capfd, *arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_a_mapping_to_begin_from_is_one_that_is_read_back(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capfd, "mapping", "PandaPush-v0")
    assert code == 0
    file = tmp_path / "arm.yaml"
    file.write_text(out, encoding="utf-8")
    assert read_mapping(file) == RobotMapping.from_dict(fake_mapping("PandaPush-v0"))
    code, _, err = call(capfd, "mapping", "PandaPush-v0", "--control", "joint_torque")
    assert code == 2
    assert "'joint_torque' is not a control of a robot" in err


def test_mistakes_in_a_mapping_are_listed_with_their_file(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "arm.yaml"
    mapping = fake_mapping("joints")
    del mapping["action"][2]["unit"]
    file.write_text(dump(mapping), encoding="utf-8")
    code, _, err = call(capfd, "check", FAKE, "--mapping", file)
    assert code == 2
    assert "arm.yaml: 1 problem" in err
    assert "action[2].unit: is missing; units are not guessed" in err
