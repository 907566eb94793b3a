"""The loop around a robot: reads it, sends it what safety lets through, and keeps time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim2real.errors import RobotError, RobotStopped
from sim2real.robots import safety
from sim2real.robots.clock import Clock, Schedule, Tick
from sim2real.robots.link import InlineLink, Link, ThreadLink
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import RobotLike, connected
from sim2real.robots.readings import believed
from sim2real.robots.safety import Decision, Reading, SafetyLimits, SafetyState, ToolOf
from sim2real.workers import FAULTS
from sim2real_envs.parameters import Array

log = logging.getLogger("sim2real.robots")

_FIRST_READING_S = 2.0
_HOMING_S = 20.0
_HOMING_SHARE = 0.25  # of the speed limit
_AT_START = 0.03  # [rad]
_INCIDENTS = 1000


@dataclass(frozen=True)
class Incident:
    """An action that was not sent as it was: when [s] on the loop's clock, what became of it, and why."""

    time: float
    verdict: safety.Verdict
    reasons: tuple[str, ...]


class RobotLoop:
    """A robot, what was last measured of it, and the state of its safety.

    Args:
        robot: Connected by ``connect``, disconnected by ``close``.
        mapping: Its keys and units.
        limits: What may be.
        tool: Kinematics of the arm, or None.
        clock: The time.
        period: Control period [s].
        threaded: Whether the robot is called on a thread of its own, so that it cannot block the loop.
    """

    def __init__(
        self,
        robot: RobotLike,
        mapping: RobotMapping,
        limits: SafetyLimits,
        tool: ToolOf | None,
        clock: Clock,
        period: float,
        *,
        threaded: bool,
    ) -> None:
        self.robot, self.mapping, self.limits, self.clock = robot, mapping, limits, clock
        self.schedule = Schedule(clock, period)
        self.incidents: deque[Incident] = deque(maxlen=_INCIDENTS)
        self._verdict: safety.Verdict = "sent"  # the newest, but for what was wanted and never left
        self.values: dict[str, Array] = {}
        self._tool, self._period = tool, period
        self._make_link: Callable[[], Link] = lambda: (ThreadLink if threaded else InlineLink)(robot, clock)
        self._link: Link | None = None
        self._lock = threading.Lock()
        self._state, self._asked_to_stop, self._asked_at = SafetyState(), "", 0.0
        self._woken = threading.Event()
        self._reading: Reading | None = None

    @property
    def reading(self) -> Reading:
        """The last believed measurement.

        Raises:
            RobotError: If there is none yet.
        """
        if self._reading is None:
            raise RobotError("The robot has not been read: call reset() first.")
        return self._reading

    # -- Connection and time -----------------------------------------------------------------------------------

    def connect(self) -> None:
        """Connect the robot if it is not."""
        if not connected(self.robot):
            self._drop_link()
            self.robot.connect()
        if self._link is None:
            self._link = self._make_link()

    def close(self) -> None:
        """Disconnect the robot, also one that is lost already; may be called twice."""
        if self._link is None:
            return
        self._drop_link()
        try:
            self.robot.disconnect()
        except FAULTS as error:
            log.warning("the robot could not be disconnected: %s", error)

    def wait(self) -> Tick:
        """Wait for the end of the control period; a stop that is asked for meanwhile is obeyed at once."""
        if self._state.stopped:
            return self.schedule.wait()
        return self.schedule.wait(self._woken, self.obey)

    def pause(self) -> None:
        """Wait for no one from now on: the robot may be moved by hand until the next command."""
        with self._lock:
            self._state = safety.paused(self._state)

    # -- Reading -----------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the robot; what is not believed leaves the last reading in force."""
        problem = self._read()
        if self._reading is None and problem:
            raise RobotError(f"The robot cannot be read: {problem}.")

    def read_first(self) -> None:
        """Read until a measurement is believed, with no memory of earlier ones.

        Raises:
            RobotError: If none is for 2 s.
        """
        self._reading, until = None, self.clock.now() + _FIRST_READING_S
        while True:
            problem = self._read()
            if self._reading is not None:
                return
            if self.clock.now() >= until:
                raise RobotError(f"The robot gave no measurement to begin with for {_FIRST_READING_S:g} s: {problem}.")
            self.clock.sleep_until(self.clock.now() + self._period)

    def _read(self) -> str:
        """Read the robot and return why the measurement is not believed, or an empty text."""
        if self._link is None:
            return "it is not connected"
        answer, before = self._link.read(self._period), self._reading
        if answer.value is None:
            if before is not None:
                self._reading = replace(before, problem=answer.problem, lost=answer.lost)
            return answer.problem
        values, problems = self.mapping.read(answer.value)
        commands = np.concatenate([values[name] for name in ("joint.position", "finger.position") if name in values])
        force = float(np.linalg.norm(values["tool.force"])) if "tool.force" in values else 0.0
        stamp = float(values["time"][0]) if "time" in values else None
        now = Reading(answer.asked, commands[: len(self.limits.low)], force, stamp)
        self._reading, problem = believed(self.limits, before, now, problems)
        if not problem:
            self.values = values
        return problem

    # -- Commanding --------------------------------------------------------------------------------------------

    def give(self, proposal: Array) -> tuple[Decision, dict[str, Any] | None]:
        """Let safety decide on a wanted command (c,), and send what is left of it.

        Returns:
            The decision, and what the robot says it was sent; None where nothing was, or it did not say.
        """
        reading = self.reading
        with self._lock:
            now, before = self.clock.now(), self._state
            if self._asked_to_stop:
                soon = now - self._asked_at <= self._period  # later on, holding still would be one more motion
                seen = reading if soon else None
                self._state, decision = safety.stop(self.limits, self._tool, before, self._asked_to_stop, seen, now)
            else:
                self._state, decision = safety.decide(self.limits, self._tool, before, proposal, reading, now)
        self._note(now, decision)
        if decision.command is None or self._link is None:
            return decision, None
        answer = self._link.send(self.mapping.command(decision.command), self._period)
        if answer.given:
            self._verdict = decision.verdict
            with self._lock:  # the next command's speed counts from when this one left
                self._state = replace(self._state, last_time=max(now, answer.called))
            return decision, None if answer.value is None else dict(answer.value)
        with self._lock:  # the command never left: the next is measured from the one before
            self._state = replace(self._state, last=before.last, last_time=before.last_time)
        verdict: safety.Verdict = "stopped" if self._state.stopped else "refused"
        refused = Decision(verdict, None, (*decision.reasons, answer.problem))
        self._note(now, refused)
        return refused, None

    def home(self, joints: Array) -> None:
        """Drive to joint positions (n,) [rad] in a straight line, at a quarter of the speed limit.

        Raises:
            RobotStopped: If safety stops it on the way.
            RobotError: If it does not arrive within 20 s.
        """
        n, until = self.limits.joints, self.clock.now() + _HOMING_S
        step = _HOMING_SHARE * self.limits.step[:n]
        target = self.reading.commands.copy()
        self.schedule.start()
        while np.abs(self.reading.commands[:n] - joints).max() > _AT_START:
            if self.clock.now() >= until:
                far = np.abs(self.reading.commands[:n] - joints)
                raise RobotError(
                    f"The robot did not arrive at the start within {_HOMING_S:g} s: joint {int(far.argmax()) + 1} is "
                    f"{far.max():.3f} rad away{'; ' + self.incidents[-1].reasons[-1] if self.incidents else ''}."
                )
            target[:n] += np.clip(joints - target[:n], -step, step)
            self.give(target)
            self.require_running()
            self.wait()
            self.read()

    # -- Stopping ----------------------------------------------------------------------------------------------

    @property
    def stopped(self) -> str:
        """Why the robot is stopped, or an empty text."""
        return self._state.stopped or self._asked_to_stop

    def stop(self, reason: str) -> None:
        """Stop for good; from any thread. One more command follows at most, to hold still, within a control period."""
        with self._lock:
            if not self.stopped:
                self._asked_to_stop, self._asked_at = reason or "no reason was given", self.clock.now()
        self._woken.set()

    def obey(self) -> None:
        """Hold still now, if somebody has asked for a stop since the last command."""
        if self._asked_to_stop and not self._state.stopped:
            self.give(self.reading.commands)

    def release(self, by: str) -> None:
        """Let commands through again, on the word of a person.

        Raises:
            RobotError: Without a name, or where nothing was stopped.
        """
        with self._lock:
            reason = self.stopped
            self._state = safety.reset(replace(self._state, stopped=reason), by=by)
            self._asked_to_stop = ""
            self._woken.clear()
        log.warning("stop reset by %s; it was: %s", by, reason)

    def require_running(self) -> None:
        """Refuse to go on after a stop.

        Raises:
            RobotStopped: Why.
        """
        if self.stopped:
            raise RobotStopped(f"The robot is stopped: {self.stopped}. Look at it, then call release(by='your name').")

    # -- inside ------------------------------------------------------------------------------------------------

    def _drop_link(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _note(self, now: float, decision: Decision) -> None:
        """Keep what was not sent as it was; of the same verdicts in a row the log tells the first."""
        if decision.verdict == "sent":
            return
        before, self._verdict = self._verdict, decision.verdict
        self.incidents.append(Incident(now, decision.verdict, decision.reasons))
        if before == decision.verdict != "stopped":
            return
        level = logging.INFO if decision.verdict == "clipped" else logging.WARNING
        log.log(level, "action %s: %s", decision.verdict, "; ".join(decision.reasons))
