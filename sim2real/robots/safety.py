"""What stands between a policy and a robot: pure functions, state in, state and decision out.

Every command passes ``decide``. It lets through what is within all limits,
shortens what is not, refuses what rests on old measurements, and stops for good
where something is wrong. A stop is latched: it ends with one last command, to
hold where the robot is measured, if that is known and within the limits, and
from then on nothing is sent until a person calls ``reset``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sim2real.errors import RobotError
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

Verdict = Literal["sent", "clipped", "refused", "stopped"]
ToolOf = Callable[[Array], Array]
"""Tool position (3,) m for joint positions (n,) rad."""

_HALVINGS = 12
_ROUNDING = 1e-9  # [rad], [m]


@dataclass(frozen=True)
class SafetyLimits:
    """What a command and a measurement may be; SI, for c commands: n joints, then a finger if it is commanded.

    Args:
        low: Lowest command (c,).
        high: Highest command (c,).
        speed: Most change of a command per second (c,).
        step: Most change from one command to the next (c,).
        joints: n.
        tool_low: Corner of the workspace of the tool (3,) m, or None.
        tool_high: Its opposite corner.
        tool_speed: Most change of the commanded tool position per second [m/s], or None.
        force: Force on the tool at which the robot stops [N], or None.
        lead: Distance of a measured joint from the last command at which the robot stops [rad]: it is held, or does
            not follow; None for no such check.
        margin: By how much a measured joint may be beyond its limits [rad] and the tool out of the workspace [m].
        jump: How far a joint may be measured from where its speed can have brought it [rad].
        stale_s: Age of a measurement from which no command may rest on it.
        watchdog_s: Without a believed measurement, or without an action of the policy, for so long, the robot stops.
    """

    low: Array
    high: Array
    speed: Array
    step: Array
    joints: int
    tool_low: Array | None = None
    tool_high: Array | None = None
    tool_speed: float | None = None
    force: float | None = None
    lead: float | None = None
    margin: float = 0.05
    jump: float = 0.1
    stale_s: float = 0.12
    watchdog_s: float = 0.25

    def __post_init__(self) -> None:
        for name in ("low", "high", "speed", "step", "tool_low", "tool_high"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(getattr(self, name)))


@dataclass(frozen=True)
class Reading:
    """The last believed measurement.

    Args:
        time: When it was asked for [s], on the clock of the loop; the measurement is not older than that.
        commands: Measured values of what is commanded (c,): joints, then the finger.
        force: On the tool [N]; 0 where it is not measured.
        stamp: The robot's own time of it, or None.
        problem: Why the newest measurement was not believed and this older one stands; empty if it is the newest.
        lost: Whether the robot is not connected any more.
    """

    time: float
    commands: Array
    force: float = 0.0
    stamp: float | None = None
    problem: str = ""
    lost: bool = False


@dataclass(frozen=True)
class SafetyState:
    """What safety remembers.

    Args:
        stopped: Why it is stopped; empty while it is not.
        last: The last command (c,), or None before the first.
        last_time: When it was given [s].
        asked: When the policy last gave an action [s], or None before the first.
    """

    stopped: str = ""
    last: Array | None = None
    last_time: float = -math.inf
    asked: float | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of an action.

    Args:
        verdict: ``"sent"`` as it was, ``"clipped"`` to the limits, ``"refused"`` this time, ``"stopped"``: for good.
        command: What to send (c,), or None for nothing.
        reasons: Why it is not sent as it was.
    """

    verdict: Verdict
    command: Array | None
    reasons: tuple[str, ...] = ()


def decide(
    limits: SafetyLimits, tool: ToolOf | None, state: SafetyState, proposal: Array, reading: Reading, now: float
) -> tuple[SafetyState, Decision]:
    """Return what safety remembers from now on, and what becomes of ``proposal``.

    Args:
        limits: What may be.
        tool: Kinematics of the arm; without it there is no workspace.
        state: What safety remembers.
        proposal: The wanted command (c,), SI.
        reading: The last believed measurement.
        now: [s].
    """
    if state.stopped:
        return state, Decision("refused", None, (f"stopped: {state.stopped}",))
    if reason := stop_reason(limits, tool, state, proposal, reading, now):
        return stop(limits, tool, state, reason, reading, now)
    asked = replace(state, asked=now)
    if (age := now - reading.time) > limits.stale_s:
        because = f" ({reading.problem})" if reading.problem else ""
        return asked, Decision("refused", None, (f"the measurement is {age:.3f} s old{because}",))
    command, reasons = limited(limits, tool, state, proposal, reading, now)
    if command is None:
        return stop(limits, tool, state, reasons[-1], reading, now)
    return replace(asked, last=frozen(command), last_time=now), Decision(
        "clipped" if reasons else "sent", command, reasons
    )


def stop(
    limits: SafetyLimits, tool: ToolOf | None, state: SafetyState, reason: str, reading: Reading | None, now: float
) -> tuple[SafetyState, Decision]:
    """Stop for good, with a last command to hold still where that is known; a second stop changes nothing."""
    if state.stopped:
        return state, Decision("refused", None, (f"stopped: {state.stopped}",))
    command = None
    if reading is not None and not reading.lost and now - reading.time <= limits.stale_s:
        command, _ = limited(limits, tool, state, reading.commands, reading, now)
    stopped = replace(state, stopped=reason)
    if command is not None:
        stopped = replace(stopped, last=frozen(command), last_time=now)
    return stopped, Decision("stopped", command, (reason,))


def reset(state: SafetyState, *, by: str) -> SafetyState:
    """Return the state in which commands are let through again.

    Args:
        state: A stopped state.
        by: The person who looked at the robot.

    Raises:
        RobotError: Without a name, or where nothing was stopped.
    """
    if not by.strip():
        raise RobotError("A stop is reset by a person: give a name, reset(by='…'), after looking at the robot.")
    if not state.stopped:
        raise RobotError("There is no stop to reset.")
    return SafetyState()


def paused(state: SafetyState) -> SafetyState:
    """Return the state between two episodes, in which nobody is waited for and the robot may be moved by hand."""
    return SafetyState(stopped=state.stopped)


def stop_reason(
    limits: SafetyLimits, tool: ToolOf | None, state: SafetyState, proposal: Array, reading: Reading, now: float
) -> str:
    """Return why the robot has to stop now, or an empty text."""
    if reading.lost:
        return f"the robot is not connected: {reading.problem}"
    if not np.isfinite(proposal).all():
        return f"the action is not finite: {np.asarray(proposal).tolist()}"
    if (age := now - reading.time) > limits.watchdog_s:
        because = f" ({reading.problem})" if reading.problem else ""
        return f"no measurement for {age:.3f} s, more than the watchdog's {limits.watchdog_s:g} s{because}"
    if state.asked is not None and (silent := now - state.asked) > limits.watchdog_s:
        return f"no action of the policy for {silent:.3f} s, more than the watchdog's {limits.watchdog_s:g} s"
    if limits.force is not None and reading.force > limits.force:
        return f"a force of {reading.force:.1f} N, more than {limits.force:g} N"
    return _out_of_place(limits, tool, state, reading.commands)


def limited(
    limits: SafetyLimits, tool: ToolOf | None, state: SafetyState, proposal: Array, reading: Reading, now: float
) -> tuple[Array | None, tuple[str, ...]]:
    """Return ``proposal`` shortened to what is within all limits, and why; None if nothing is.

    The way there from the last command, or from where the robot is measured, is shortened and never bent.
    """
    n, reasons = limits.joints, []
    origin = np.clip(reading.commands if state.last is None else state.last, limits.low, limits.high)
    wanted = np.minimum(np.maximum(proposal, limits.low), limits.high)
    for index in np.flatnonzero(wanted != proposal).tolist():
        low, high = limits.low[index], limits.high[index]
        reasons.append(f"{_name(index, n)} to {proposal[index]:.4f}, beyond {low:.4f} … {high:.4f}")
    elapsed = max(0.0, now - state.last_time)
    most = np.minimum(limits.step, limits.speed * elapsed) if math.isfinite(elapsed) else limits.step
    way = wanted - origin
    share, index = _share(way[:n], most[:n])
    if share < 1.0:
        reasons.append(f"{_name(index, n)} by {way[index]:+.4f}, more than {most[index]:.4f} at once")
        way[:n] *= share
    if len(way) > n and abs(way[n]) > most[n]:
        reasons.append(f"{_name(n, n)} by {way[n]:+.4f}, more than {most[n]:.4f} at once")
        way[n] = math.copysign(most[n], way[n])
    if tool is not None:
        shortened = _within_tool_limits(limits, tool, origin[:n], way[:n], elapsed)
        if shortened is None:
            place = tool(origin[:n]).round(3).tolist()
            return None, (*reasons, f"the tool is at {place} m, out of its workspace; bring it inside by hand")
        if shortened < 1.0:
            reasons.append("the tool would leave its workspace or exceed its speed")
            way[:n] *= shortened
    whole = bool((way == wanted - origin).all())  # else origin + way would differ from wanted by rounding
    command: Array = wanted if whole else np.minimum(np.maximum(origin + way, limits.low), limits.high)
    return command, tuple(reasons)


def _out_of_place(limits: SafetyLimits, tool: ToolOf | None, state: SafetyState, measured: Array) -> str:
    n = limits.joints
    beyond = np.maximum(limits.low - measured, measured - limits.high)[:n]
    worst = int(np.argmax(beyond))
    if beyond[worst] > limits.margin:
        return f"joint {worst + 1} is measured at {measured[worst]:.3f} rad, {beyond[worst]:.3f} beyond its limits"
    if limits.lead is not None and state.last is not None:
        behind = np.abs(state.last - measured)[:n]
        worst = int(np.argmax(behind))
        if behind[worst] > limits.lead:
            return f"joint {worst + 1} is {behind[worst]:.3f} rad from where it was sent, more than {limits.lead:g}"
    if tool is not None and limits.tool_low is not None:
        place = tool(measured[:n])
        if not _inside(limits, place, limits.margin):
            return f"the tool is measured at {place.round(3).tolist()} m, out of its workspace"
    return ""


def _share(way: Array, most: Array) -> tuple[float, int]:
    """Return how much of ``way`` is within ``most``, and the index that decides."""
    ratios = np.divide(most, np.abs(way), out=np.full(len(way), math.inf), where=way != 0.0)
    index = int(np.argmin(ratios))
    return min(1.0, float(ratios[index])), index


def _inside(limits: SafetyLimits, place: Array, margin: float) -> bool:
    low, high = limits.tool_low, limits.tool_high
    return low is None or high is None or bool(((place >= low - margin) & (place <= high + margin)).all())


def _within_tool_limits(limits: SafetyLimits, tool: ToolOf, origin: Array, way: Array, elapsed: float) -> float | None:
    """Return the share of ``way`` at whose end the tool is inside and not too fast; None if it begins outside."""
    if limits.tool_low is None and limits.tool_speed is None:
        return 1.0
    start = tool(origin)
    most = math.inf if limits.tool_speed is None else limits.tool_speed * elapsed

    def fits(share: float) -> bool:
        place = tool(origin + share * way)
        return _inside(limits, place, _ROUNDING) and float(np.linalg.norm(place - start)) <= most + _ROUNDING

    if fits(1.0):
        return 1.0
    if not _inside(limits, start, _ROUNDING):
        return None
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _name(index: int, joints: int) -> str:
    return f"joint {index + 1}" if index < joints else "the finger"
