"""A contract test for robots: what was looked at, what is wrong with it, and what to do."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sim2real.errors import RobotError
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import METHODS, PROPERTIES, RobotLike, connected, features, missing_members
from sim2real.workers import FAULTS

_BETWEEN_S = 0.02  # from one timed reading to the next

State = Literal["ok", "problem", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: What was looked at.
        state: ``"ok"``, ``"problem"``, or ``"skipped"`` where something else has to be mended first.
        found: What was found.
        remedy: What to do; empty where all is well.
    """

    what: str
    state: State
    found: str
    remedy: str = ""


def check_robot(
    robot: object, mapping: RobotMapping | None = None, *, reads: int = 50, send: bool = True
) -> tuple[Finding, ...]:
    """Look at everything that the loop relies on; a problem never raises.

    The robot is connected and disconnected. With a mapping it is sent one command: to stay where it is measured.

    Args:
        robot: Yours; not connected yet, or connected.
        mapping: Of its keys and units.
        reads: How many measurements are timed.
        send: Whether it may be sent that command.
    """
    if lacking := missing_members(robot):
        known = f"It needs the methods {', '.join(METHODS)} and the properties {', '.join(PROPERTIES)}."
        return (Finding("members", "problem", f"there is no {', '.join(lacking)}", known),)
    found = [Finding("members", "ok", "all of a robot's")]
    found.extend(_Check(robot, mapping, reads, send).findings())  # type: ignore[arg-type]
    return tuple(found)


def passed(findings: tuple[Finding, ...]) -> bool:
    """Return whether nothing is a problem."""
    return all(finding.state != "problem" for finding in findings)


class _Check:
    def __init__(self, robot: RobotLike, mapping: RobotMapping | None, reads: int, send: bool) -> None:
        self._robot, self._mapping, self._reads, self._send = robot, mapping, reads, send
        self._features: dict[str, dict[str, Any]] = {}

    def findings(self) -> Iterator[Finding]:
        for side in ("observation_features", "action_features"):
            yield self._of_features(side)
        if self._mapping is not None:
            yield from self._of_mapping(self._mapping)
        try:
            if not connected(self._robot):
                self._robot.connect()
        except FAULTS as error:
            yield Finding("connect", "problem", _said(error), "connect() must return once the robot can be read.")
            return
        yield from self._while_connected()
        yield from self._disconnection()

    def _of_features(self, side: Literal["observation_features", "action_features"] | str) -> Finding:
        try:
            self._features[side] = found = features(self._robot, side)  # type: ignore[arg-type]
        except (RobotError, *FAULTS) as error:
            return Finding(side, "problem", _said(error), "It must map each key to float or a shape, connected or not.")
        if not found:
            return Finding(side, "problem", "there are no keys", "Name every key of get_observation and send_action.")
        odd = [key for key, kind in found.items() if not isinstance(kind, type | tuple)]
        if odd:
            return Finding(side, "problem", f"{odd[0]} is {found[odd[0]]!r}", "Say float, or a shape such as (3,).")
        return Finding(side, "ok", f"{len(found)} keys")

    def _of_mapping(self, mapping: RobotMapping) -> Iterator[Finding]:
        for side, channels in (("observation_features", mapping.observation), ("action_features", mapping.action)):
            known = self._features.get(side)
            name = f"mapping of {side.partition('_')[0]}s"
            if known is None:
                yield Finding(name, "skipped", f"{side} are not known")
                continue
            absent = [channel.key for channel in channels if channel.key and channel.key not in known]
            if absent:
                yield Finding(
                    name, "problem", f"the robot has no {', '.join(absent)}", f"It has: {', '.join(known) or 'none'}."
                )
                continue
            unmapped = [key for key in known if key not in {channel.key for channel in channels}]
            if unmapped and side == "action_features":
                yield Finding(
                    name, "problem", f"{', '.join(unmapped)} would never be sent", "Map every key of an action."
                )
                continue
            yield Finding(name, "ok", f"{len(channels)} keys" + (f"; not used: {', '.join(unmapped)}" * bool(unmapped)))

    def _while_connected(self) -> Iterator[Finding]:
        if not connected(self._robot):
            yield Finding("is_connected", "problem", "false after connect()", "It must be true once it can be read.")
        else:
            yield Finding("is_connected", "ok", "true after connect()")
        times, seen = [], []
        try:
            for _ in range(self._reads):
                began = time.perf_counter()
                seen.append(self._robot.get_observation())
                taken = time.perf_counter() - began
                times.append(1e3 * taken)
                time.sleep(max(0.0, _BETWEEN_S - taken))
        except FAULTS as error:
            yield Finding("get_observation", "problem", _said(error), "It must return the newest measurements.")
            return
        yield self._of_observation(seen[-1])
        slow = float(np.quantile(times, 0.99))
        yield Finding(
            "time of a reading",
            "ok" if slow < 40.0 else "problem",
            f"median {statistics.median(times):.2f} ms, 99 % {slow:.2f} ms (n = {len(times)})",
            "" if slow < 40.0 else "It is longer than a control period at 25 Hz: read in the background, or go slower.",
        )
        if self._mapping is not None:
            yield from self._through_mapping(self._mapping, seen)

    def _of_observation(self, observation: object) -> Finding:
        what = "get_observation"
        if not isinstance(observation, Mapping):
            return Finding(what, "problem", f"returned {type(observation).__name__}", "It must return a dict.")
        known = self._features.get("observation_features", {})
        absent = [key for key in known if key not in observation]
        if absent:
            return Finding(
                what, "problem", f"{', '.join(absent)} are missing", "It must return every key of observation_features."
            )
        for key, kind in known.items():
            value = observation[key]
            if isinstance(kind, tuple):
                if np.shape(value) != kind:
                    return Finding(
                        what, "problem", f"{key} has shape {np.shape(value)}, not {kind}", "Say the shape it has."
                    )
            elif not _is_number(value):
                return Finding(what, "problem", f"{key} is {value!r:.40}", "It must be a finite number.")
        return Finding(what, "ok", f"{len(known)} keys, as its features say")

    def _through_mapping(self, mapping: RobotMapping, seen: list[Any]) -> Iterator[Finding]:
        values, problems = mapping.read(seen[-1])
        if problems:
            yield Finding(
                "values", "problem", "; ".join(problems), "Compare unit, scale, offset, low and high with the robot's."
            )
            return
        joints = np.degrees(values["joint.position"]).round(1).tolist()
        yield Finding("values", "ok", f"within their limits; joints at {joints} deg: compare with what you see")
        stamps = [observation[channel.key] for channel in mapping.observation for observation in seen
                  if channel.quantity == "time" and channel.key]  # fmt: skip
        if stamps and len(set(stamps)) == 1:
            yield Finding("time", "problem", f"stood still at {stamps[0]}", "It must be the time of the measurement.")
        if not self._send:
            yield Finding("send_action", "skipped", "nothing was to be sent")
            return
        names = [name for name in ("joint.position", "finger.position") if name in values]
        low, high = mapping.action_limits()
        here = np.concatenate([values[name] for name in names])[: len(low)]
        if ((here < low) | (here > high)).any():
            yield Finding(
                "send_action", "skipped", "the robot stands beyond the limits of its commands", "Move it by hand."
            )
            return
        yield self._stay(mapping.command(here))

    def _stay(self, action: dict[str, float]) -> Finding:
        what = "send_action"
        try:
            sent = self._robot.send_action(dict(action))
        except FAULTS as error:
            return Finding(what, "problem", _said(error), "It must take every key of action_features.")
        if not isinstance(sent, Mapping) or any(key not in sent for key in action):
            return Finding(what, "problem", f"returned {sent!r:.60}", "It must return what was sent, key by key.")
        return Finding(what, "ok", "told to stay where it is, it returned what was sent")

    def _disconnection(self) -> Iterator[Finding]:
        try:
            self._robot.disconnect()
        except FAULTS as error:
            yield Finding("disconnect", "problem", _said(error), "disconnect() must let go of the robot.")
            return
        if connected(self._robot):
            yield Finding("disconnect", "problem", "is_connected is still true", "It must be false from then on.")
            return
        yield Finding("disconnect", "ok", "is_connected is false")
        try:
            self._robot.get_observation()
        except FAULTS as error:
            good = isinstance(error, ConnectionError)
            yield Finding(
                "reading without connection",
                "ok" if good else "problem",
                _said(error),
                "" if good else "Raise a ConnectionError, so that the loop knows that the robot is gone.",
            )
        else:
            yield Finding(
                "reading without connection", "problem", "returned something", "Raise a ConnectionError instead."
            )


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
