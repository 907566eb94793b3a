"""A robot that blocks, falls silent or goes away never holds the loop up."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from sim2real.robots.clock import MonotonicClock, SimulatedClock
from sim2real.robots.link import InlineLink, Link, ThreadLink


class Door:
    """A robot that answers when a door is open."""

    observation_features = action_features = {"a": float}  # noqa: RUF012
    is_connected = True

    def __init__(self) -> None:
        self.open, self.calls = threading.Event(), 0
        self.open.set()
        self.sent: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.threads: set[int] = set()

    def connect(self, calibrate: bool = True) -> None: ...

    def disconnect(self) -> None: ...

    def get_observation(self) -> dict[str, Any]:
        self.calls += 1
        self.threads.add(threading.get_ident())
        self.open.wait(5.0)
        if self.fault is not None:
            raise self.fault
        return {"a": float(self.calls)}

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self.threads.add(threading.get_ident())
        self.open.wait(5.0)
        self.sent.append(action)
        return action


@pytest.mark.parametrize("kind", [ThreadLink, InlineLink])
def test_a_robot_that_answers_is_read_and_commanded(kind: type[Any]) -> None:
    robot = Door()
    link: Link = kind(robot, MonotonicClock())
    assert link.read(1.0).value == {"a": 1.0}
    assert link.send({"a": 2.0}, 1.0).value == {"a": 2.0}
    link.close()
    link.close()
    assert len(robot.threads) == 1, "always the same thread"


@pytest.mark.parametrize("kind", [ThreadLink, InlineLink])
@pytest.mark.parametrize(
    ("fault", "lost"),
    [(TimeoutError("slow"), False), (ConnectionResetError("gone"), True), (EOFError(), True), (KeyError("a"), False)],
)
def test_an_error_of_the_robot_is_an_answer(kind: type[Any], fault: Exception, lost: bool) -> None:
    robot = Door()
    robot.fault = fault
    link: Link = kind(robot, MonotonicClock())
    answer = link.read(1.0)
    assert answer.value is None
    assert answer.lost is lost
    assert type(fault).__name__ in answer.problem
    link.close()


def test_a_silent_robot_costs_no_more_than_the_timeout_and_gets_no_command() -> None:
    robot, clock = Door(), MonotonicClock()
    link = ThreadLink(robot, clock)
    robot.open.clear()
    began = clock.now()
    assert link.read(0.02).problem == "the robot does not answer"
    assert clock.now() - began < 1.0
    refused = link.send({"a": 1.0}, 0.02)
    assert not refused.given
    assert link.read(0.0).problem == "the robot does not answer"
    opened = clock.now()
    robot.open.set()
    late = link.read(1.0)
    assert late.value == {"a": 1.0}
    assert began <= late.asked < opened, "it is as old as the question"
    assert robot.calls == 1
    assert robot.sent == [], "the command that was refused never arrives"
    link.close()


def test_a_command_that_could_not_be_given_in_time_is_never_given() -> None:
    robot = Door()
    link = ThreadLink(robot, MonotonicClock())
    held = threading.Event()
    link._calls.put(_Held(held))  # type: ignore[arg-type]  # a thread that does not get a turn
    late = link.send({"a": 1.0}, 0.01)
    assert not late.given
    assert late.problem == "this machine was too slow"
    held.set()
    assert link.send({"a": 2.0}, 1.0).given
    assert robot.sent == [{"a": 2.0}]
    link.close()


class _Held:
    def __init__(self, held: threading.Event) -> None:
        self._held = held

    def begin(self, now: float) -> bool:
        self._held.wait(5.0)
        return False


def test_a_command_that_was_on_its_way_is_waited_for_before_the_next_reading() -> None:
    robot = Door()
    link = ThreadLink(robot, MonotonicClock())
    robot.open.clear()
    assert link.send({"a": 1.0}, 0.01).given
    robot.open.set()
    assert link.read(1.0).value == {"a": 1.0}
    assert robot.sent == [{"a": 1.0}]
    link.close()


def test_without_a_thread_time_may_be_simulated() -> None:
    clock = SimulatedClock(3.0)
    assert InlineLink(Door(), clock).read(0.1).asked == 3.0
