"""The pseudo-real robot in its own process: a robot in every way, with faults on demand."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator

import numpy as np
import pytest

from sim2real.robots import FakeRobot, Fault, RobotMapping, check_robot, random_faults
from sim2real.robots.check import passed
from sim2real.robots.fake_core import RobotCore
from sim2real.robots.fake_worlds import JointsAlone
from sim2real.robots.faults import FAULT_KINDS, as_faults
from sim2real.robots.protocol import missing_members
from sim2real_envs.arms import PANDA
from sim2real_envs.errors import OptionError, ParameterError, UnknownNameError

HOME_DEG = np.degrees(PANDA.home)


@pytest.fixture
def robot() -> Iterator[FakeRobot]:
    made = FakeRobot("joints", latency_s=0.002)
    made.connect()
    yield made
    made.disconnect()


def asked(offset_deg: float = 0.0) -> dict[str, float]:
    return {f"joint_{index + 1}.pos": float(angle) + offset_deg for index, angle in enumerate(HOME_DEG)}


def test_it_has_all_members_of_a_robot_before_it_is_connected() -> None:
    robot = FakeRobot("PandaPush-v0")
    assert missing_members(robot) == ()
    assert not robot.is_connected
    assert "cube.x" in robot.observation_features
    assert list(robot.action_features) == [f"joint_{index}.pos" for index in range(1, 8)]
    with pytest.raises(ConnectionError, match=r"call connect\(\)"):
        robot.get_observation()


def test_it_moves_where_it_is_sent_in_its_own_time(robot: FakeRobot) -> None:
    first = robot.get_observation()
    assert set(first) == set(robot.observation_features)
    assert first["joint_1.pos"] == pytest.approx(HOME_DEG[0])
    assert robot.send_action(asked(5.0)) == asked(5.0)
    until = time.monotonic() + 10.0
    while time.monotonic() < until and abs(robot.get_observation()["joint_1.pos"] - 5.0) > 0.1:
        time.sleep(0.02)
    later = robot.get_observation()
    assert later["joint_1.pos"] == pytest.approx(5.0, abs=0.2)
    assert later["stamp"] > first["stamp"]


def test_it_reports_every_command_on_the_machine_s_clock(robot: FakeRobot) -> None:
    before = time.monotonic()
    robot.send_action(asked(1.0))
    report = robot.report()
    assert before <= report.times[-1] <= time.monotonic()
    np.testing.assert_allclose(np.degrees(report.commands), [HOME_DEG + 1.0])


def test_a_command_without_a_joint_is_refused(robot: FakeRobot) -> None:
    with pytest.raises(KeyError, match="joint_1"):
        robot.send_action({"joint_2.pos": 0.0})


def test_a_person_can_put_it_somewhere_else(robot: FakeRobot) -> None:
    robot.place({"joint.position": np.radians(HOME_DEG + 10.0)})
    assert robot.get_observation()["joint_1.pos"] == pytest.approx(HOME_DEG[0] + 10.0)


def test_its_process_ends_with_it_and_it_can_be_connected_again(robot: FakeRobot) -> None:
    assert robot.is_connected
    robot.disconnect()
    robot.disconnect()
    assert not robot.is_connected
    assert multiprocessing.active_children() == []
    robot.connect()
    assert robot.get_observation()


def test_a_process_that_is_killed_is_a_lost_connection(robot: FakeRobot) -> None:
    assert robot._process is not None
    robot._process.kill()
    robot._process.join()
    with pytest.raises(ConnectionError, match="cannot be reached"):
        robot.get_observation()
    assert not robot.is_connected
    robot.connect()
    assert robot.get_observation()


def test_silence_and_disconnection_come_as_scheduled() -> None:
    silence = {"kind": "silence", "start_s": 0.0, "duration_s": 0.6}
    robot = FakeRobot("joints", faults=[silence, Fault("disconnect", 1.5)], timeout_s=0.05)
    robot.connect()
    told = []
    until = time.monotonic() + 20.0
    while robot.is_connected and time.monotonic() < until:
        try:
            robot.get_observation()
            told.append("answer")
        except TimeoutError as error:
            told.append("silence" if "did not answer within 0.05 s" in str(error) else str(error))
        except ConnectionError:
            told.append("gone")
        time.sleep(0.02)
    assert list(dict.fromkeys(told)) == ["silence", "answer", "gone"]
    robot.disconnect()


def test_its_own_contract_holds_and_so_does_its_mapping() -> None:
    robot = FakeRobot("PandaPush-v0", domain={"sensor.object_position_noise": 0.001})
    findings = check_robot(robot, RobotMapping.from_dict(robot.mapping()), reads=5)
    assert [finding for finding in findings if finding.state != "ok"] == []
    assert passed(findings)
    assert not robot.is_connected


# -- Inside, without a process -----------------------------------------------------------------------------------


def core(*faults: Fault, latency: float = 0.0, seed: int = 0, drift: float = 0.0) -> RobotCore:
    return RobotCore(JointsAlone(PANDA, 0.01), 0.01, latency, faults, seed, drift)


def test_the_same_seed_gives_the_same_robot() -> None:
    faults = random_faults(np.random.default_rng(4), 2.0, 6)
    seen = []
    for _ in range(2):
        robot, rows = core(*faults, seed=9), []
        for step in range(100):
            now = 0.02 * step
            robot.run_until(now)
            rows.append(np.concatenate(list(robot.observe(now).values())))
            robot.act(now, np.array(PANDA.home) + 0.1 * np.sin(now))
        seen.append(np.array(rows))
    np.testing.assert_array_equal(seen[0], seen[1])


def test_a_command_acts_after_the_latency() -> None:
    robot = core(latency=0.05)
    robot.run_until(0.1)
    robot.act(0.1, np.array(PANDA.home) + 0.1)
    robot.run_until(0.149)
    assert (robot.observe(0.149)["joint.position"] == PANDA.home).all()
    robot.run_until(0.3)
    assert (robot.observe(0.3)["joint.position"] > PANDA.home).all()


def test_its_clock_may_run_fast() -> None:
    robot = core(drift=0.01)
    first = robot.observe(0.0)["time"][0]
    robot.run_until(10.0)
    robot.run_until(10.0)
    assert robot.observe(10.0)["time"][0] - first == pytest.approx(10.1, abs=0.02)


def test_each_fault_does_what_it_says() -> None:
    home = np.array(PANDA.home)
    jumped = core(Fault("jump", 0.0, 1.0, 0.5)).observe(0.5)["joint.position"]
    np.testing.assert_allclose(jumped, home + 0.5)
    assert np.isnan(np.concatenate(list(core(Fault("nan", 0.0, 1.0)).observe(0.5).values()))).any()
    assert core(Fault("late", 0.0, 1.0, 0.3), latency=0.01).delay(0.5) == pytest.approx(0.31)
    assert core(Fault("silence", 0.0, 1.0)).delay(0.5) is None
    assert core(Fault("silence", 0.0, 1.0)).delay(1.0) == 0.0
    old = core(Fault("reorder", 0.5, 1.0))
    old.run_until(0.6)
    assert old.observe(0.4)["time"] > old.observe(0.6)["time"]
    gone = core(Fault("disconnect", 0.5))
    assert [gone.gone(0.4), gone.gone(0.6), gone.gone(0.4)] == [False, True, True]
    gone.connect(2.0)
    assert not gone.gone(2.1)


def test_random_faults_are_of_every_kind_in_order_and_the_same_again() -> None:
    drawn = random_faults(np.random.default_rng(0), 10.0, 200)
    assert {fault.kind for fault in drawn} == set(FAULT_KINDS)
    assert [fault.start_s for fault in drawn] == sorted(fault.start_s for fault in drawn)
    assert drawn == random_faults(np.random.default_rng(0), 10.0, 200)


def test_what_a_fake_robot_is_made_of_is_checked() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'PandaPush-v0'"):
        FakeRobot("PandaPsh-v0")
    with pytest.raises(UnknownNameError, match="Did you mean 'silence'"):
        as_faults([{"kind": "silense", "start_s": 0.0}])
    with pytest.raises(OptionError, match="A fault has kind, start_s, duration_s and size"):
        as_faults([{"kind": "nan", "begin": 0.0}])
    with pytest.raises(OptionError, match="`start_s >= 0` must hold"):
        Fault("nan", -1.0)
    with pytest.raises(OptionError, match="latency_s=-1"):
        FakeRobot(latency_s=-1.0)


def test_a_domain_that_cannot_be_is_refused_before_the_process_starts() -> None:
    with pytest.raises(ParameterError):
        FakeRobot("PandaPush-v0", domain={"object.friction": -1.0})
    with pytest.raises(UnknownNameError, match=r"Did you mean 'object\.friction'"):
        FakeRobot("PandaPush-v0", domain={"object.frction": 0.1})
    with pytest.raises(UnknownNameError, match="Did you mean 'worn'"):
        FakeRobot("PandaPush-v0", flaws="wron")
    with pytest.raises(OptionError, match="has neither domain nor flaws"):
        FakeRobot("joints", flaws="worn")
