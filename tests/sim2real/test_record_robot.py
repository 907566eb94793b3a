"""Recording a robot: its own keys and units become a log in SI, and commands are those that were really sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.experiment.spec import spec_from
from sim2real.policy import MlpPolicy
from sim2real.record_episodes import record_target
from sim2real.record_robot import record_robot_episode, robot_facts
from sim2real.recordings.log import Log, check_log, read_log, write_log
from sim2real.robots import Fault, RealRobotEnv, RobotMapping
from sim2real.robots.clock import SimulatedClock
from sim2real.robots.fake import FakeRecipe
from sim2real.robots.fake_keys import fake_mapping
from sim2real.robots.staged import StagedRobot
from sim2real_envs.errors import OptionError


def made(world: str = "joints", horizon: int = 20, faults: tuple[Fault, ...] = (), **options: Any) -> RealRobotEnv:
    """Return the environment of a pseudo-real robot in simulated time."""
    clock = SimulatedClock()
    robot = StagedRobot(FakeRecipe(world, faults=faults), clock, timeout_s=0.05)
    return RealRobotEnv(robot, RobotMapping.from_dict(fake_mapping(world)), clock=clock, horizon=horizon, **options)


@pytest.fixture
def env() -> Iterator[RealRobotEnv]:
    env = made()
    yield env
    env.close()


def swaying(env: RealRobotEnv) -> Any:
    """Return a policy that moves every joint a little about where it is."""
    count = iter(range(10**6))
    return lambda observation: env.loop.reading.commands + 0.02 * np.sin(0.5 * next(count))


def logged(env: RealRobotEnv, policy: Any, episodes: int = 2) -> Log:
    found = tuple(record_robot_episode(env, policy, number=number, seed=number) for number in range(episodes))
    facts = robot_facts(env)
    return Log(facts.signals, found, facts.rate, "pseudo-real", robot=facts.robot, joints=facts.joints)


def test_degrees_of_a_robot_become_a_log_in_si(env: RealRobotEnv, tmp_path: Path) -> None:
    path = write_log(tmp_path / "robot", logged(env, swaying(env)))
    assert not [finding for finding in check_log(path) if finding.level == "error"]
    log = read_log(path)
    assert log.signals["joint.position"].unit == "rad"
    assert log.signals["joint.position"].names[0] == "joint_1.pos"
    assert log.signals["action"].unit == "rad"
    for episode in log.episodes:
        assert len(episode.times) == 21
        np.testing.assert_allclose(np.diff(episode.times), env.control_period, atol=1e-6)
        np.testing.assert_allclose(episode["joint.command"][:-1], episode["action"][:-1], atol=1e-9)
        assert np.abs(episode["joint.position"]).max() < np.pi


def test_a_command_that_safety_clipped_is_logged_as_it_was_sent(env: RealRobotEnv) -> None:
    far = logged(env, lambda observation: env.loop.reading.commands + 1.0, episodes=1).episodes[0]
    asked, sent = far["action"][:-1], far["joint.command"][:-1]
    assert (asked - sent).max() > 0.5
    assert np.abs(np.diff(sent, axis=0)).max() < 0.5


def test_what_a_policy_of_a_task_sees_is_named_by_its_fields(tmp_path: Path) -> None:
    env = made("PandaPush-v0", horizon=5, success="task")
    try:
        log = logged(env, lambda observation: np.zeros(env.action_space.shape or ()), episodes=1)
    finally:
        env.close()
    write_log(tmp_path / "push", log)
    assert log.signals["observation"].names[:2] == ("tool_position_0", "tool_position_1")
    assert {"joint.position", "joint.command", "object.pose", "tool.force"} <= set(log.signals)
    assert np.linalg.norm(log.episodes[0]["object.pose"][:, 3:], axis=1) == pytest.approx(1.0)


def test_a_robot_of_an_experiment_is_recorded_with_a_policy(tmp_path: Path) -> None:
    mapping = fake_mapping("PandaPush-v0")
    given = spec_from(
        {
            "name": "try",
            "env": {"id": "PandaPush-v0"},
            "parameters": {"object.friction": {"low": 0.05, "high": 1.0}},
            "methods": ["uniform"],
            "targets": {
                "arm": {
                    "type": "robot",
                    "robot": "sim2real.robots:FakeRobot",
                    "mapping": mapping,
                    "options": {"world": "PandaPush-v0"},
                    "horizon": 4,
                }
            },
        }
    )
    layer = (np.zeros((2, 16), dtype=np.float32), np.full(2, 0.1, dtype=np.float32))
    policy = MlpPolicy("PandaPush-v0", "PPO", (layer,), "tanh", "clip", np.zeros(16), np.ones(16))
    with pytest.raises(OptionError, match="A robot is recorded with a policy"):
        record_target(given, "arm", tmp_path / "arm", episodes=1)
    done = record_target(given, "arm", tmp_path / "arm", episodes=2, driver=policy)
    assert (done.log.origin, done.log.robot, len(done.log.episodes)) == ("pseudo-real", "Panda", 2)
    assert read_log(done.path).signals["action"].size == 2
