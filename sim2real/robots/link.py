"""How a loop talks to a robot that may be slow, silent or gone, without ever waiting longer than it can.

A driver may block for as long as it likes, so the robot is called on a thread of
its own, one call at a time and always the same thread. While a call is out,
nothing else is sent: a command never waits in a queue for a robot to wake up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from sim2real.robots.clock import Clock
from sim2real.robots.protocol import RobotLike
from sim2real.workers import FAULTS

_CLOSING_S = 2.0
_ALL_FAULTS = (*FAULTS, EOFError)


@dataclass(frozen=True)
class Answer:
    """What became of a call.

    Args:
        value: What the robot returned; None where there is a problem.
        asked: When it was asked [s].
        called: When the robot itself was called [s], or, where that is not known yet, when the waiting ended.
        problem: Why there is no value.
        lost: Whether the connection is gone.
        given: Whether the robot was called at all.
    """

    value: dict[str, Any] | None
    asked: float
    called: float
    problem: str = ""
    lost: bool = False
    given: bool = True


class Link(Protocol):
    """Reads and commands a robot, each within a time."""

    def read(self, timeout_s: float) -> Answer:
        """Return the newest observation, or why there is none."""

    def send(self, action: dict[str, Any], timeout_s: float) -> Answer:
        """Send an action and return what the robot says was sent."""

    def close(self) -> None:
        """Let go of the robot; may be called twice."""


class InlineLink:
    """Calls the robot directly: for robots that live in simulated time."""

    def __init__(self, robot: RobotLike, clock: Clock) -> None:
        self._robot, self._clock = robot, clock

    def read(self, timeout_s: float) -> Answer:
        return _call(self._robot.get_observation, self._clock.now(), self._clock.now())

    def send(self, action: dict[str, Any], timeout_s: float) -> Answer:
        return _call(lambda: self._robot.send_action(action), self._clock.now(), self._clock.now())

    def close(self) -> None:
        """Do nothing."""


class ThreadLink:
    """Calls the robot on a thread of its own."""

    def __init__(self, robot: RobotLike, clock: Clock) -> None:
        self._robot, self._clock = robot, clock
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._out: _Call | None = None
        self._thread = threading.Thread(target=_serve, args=(self._calls, clock), name="robot", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> Answer:
        now = self._clock.now()
        until = now + timeout_s
        if (call := self._out) is not None:
            if (earlier := self._finished(call, timeout_s)) is None:
                return Answer(None, now, now, "the robot does not answer", given=False)
            if call.reads:
                return earlier
        return self._ask(self._robot.get_observation, until - self._clock.now(), reads=True)

    def send(self, action: dict[str, Any], timeout_s: float) -> Answer:
        now = self._clock.now()
        if self._out is not None and self._finished(self._out, 0.0) is None:
            return Answer(None, now, now, "the robot has not answered yet", given=False)
        return self._ask(lambda: self._robot.send_action(action), timeout_s, reads=False)

    def close(self) -> None:
        self._calls.put(None)
        self._thread.join(timeout=_CLOSING_S)

    def _ask(self, function: Callable[[], dict[str, Any]], timeout_s: float, *, reads: bool) -> Answer:
        call = self._out = _Call(function, self._clock.now(), reads)
        self._calls.put(call)
        if (answer := self._finished(call, timeout_s)) is not None:
            return answer
        now = self._clock.now()
        if call.cancel():  # the thread has not come to it, and now it never will
            self._out = None
            return Answer(None, call.asked, now, "this machine was too slow", given=False)
        return Answer(None, call.asked, call.called or now, "the robot does not answer")

    def _finished(self, call: _Call, timeout_s: float) -> Answer | None:
        """Wait for ``call``; once it is finished, the next may go out."""
        if not call.done.wait(max(0.0, timeout_s)):
            return None
        self._out = None
        return call.answer


class _Call:
    """One call of the robot, on its way or finished."""

    def __init__(self, function: Callable[[], dict[str, Any]], asked: float, reads: bool) -> None:
        self.function, self.asked, self.reads = function, asked, reads
        self.done = threading.Event()
        self.called: float | None = None
        self.answer: Answer | None = None
        self._lock, self._cancelled = threading.Lock(), False

    def begin(self, now: float) -> bool:
        """Return whether the robot may still be called."""
        with self._lock:
            if not self._cancelled:
                self.called = now
            return not self._cancelled

    def cancel(self) -> bool:
        """Return whether this came before the robot was called, which then never happens."""
        with self._lock:
            self._cancelled = self.called is None
            return self._cancelled


def _serve(calls: SimpleQueue[_Call | None], clock: Clock) -> None:
    while (call := calls.get()) is not None:
        if call.begin(called := clock.now()):
            call.answer = _call(call.function, call.asked, called)
            call.done.set()


def _call(function: Callable[[], dict[str, Any]], asked: float, called: float) -> Answer:
    try:
        value = function()
    except _ALL_FAULTS as error:
        lost = isinstance(error, ConnectionError | EOFError)
        return Answer(None, asked, called, f"{type(error).__name__}: {error}", lost)
    return Answer(value, asked, called)
