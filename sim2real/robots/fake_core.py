"""The inside of a pseudo-real robot: its world, its own clock, its latency and its faults, without any process.

Time is an argument everywhere, so that the same robot lives in a process of its
own in real time, and in a test in simulated time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim2real.robots.fake_worlds import FakeWorld
from sim2real.robots.faults import Fault
from sim2real_envs.parameters import Array

_HISTORY = 200
_MOST_BEHIND = 50  # ticks that are made up for; a robot further behind loses time


@dataclass(frozen=True)
class Report:
    """What a pseudo-real robot was asked for, for tests: times on its clock [s] and commands (k, n) [rad]."""

    times: Array
    commands: Array
    ticks: int


class RobotCore:
    """A robot in a world.

    Args:
        world: What it moves in.
        tick: [s].
        latency: Of answers, and of commands until they act [s].
        faults: When what goes wrong.
        seed: Of what faults draw.
        clock_drift: By how much its clock runs fast, as a share.
    """

    def __init__(
        self, world: FakeWorld, tick: float, latency: float, faults: tuple[Fault, ...], seed: int, clock_drift: float
    ) -> None:
        self._world, self._tick, self.latency = world, tick, latency
        self._faults, self._rng, self._rate = faults, np.random.default_rng(seed), 1.0 + clock_drift
        self._offset = 1000.0  # the robot has been on for a while
        self._ticks = 0
        self._connected_at = 0.0
        self._gone = False
        self._queue: deque[tuple[float, Array]] = deque()
        self._log: list[tuple[float, Array]] = []
        self._measured = world.measure()
        self._target = self._measured["joint.position"].copy()
        self._history: deque[dict[str, Array]] = deque(maxlen=_HISTORY)
        self._remember()

    def connect(self, now: float) -> None:
        """Be connected; faults count from here."""
        self._connected_at, self._gone = now, False

    def place(self, values: Mapping[str, Array]) -> None:
        """Put robot and objects somewhere else; what was commanded before is forgotten."""
        self._world.place(values)
        self._queue.clear()
        self._measured = self._world.measure()
        self._target = self._measured["joint.position"].copy()
        self._remember()

    def run_until(self, now: float) -> None:
        """Let the world go on until ``now``."""
        due = int(now / self._tick)
        self._ticks = max(self._ticks, due - _MOST_BEHIND)
        while self._ticks < due:
            time = self._ticks * self._tick
            while self._queue and self._queue[0][0] <= time:
                self._target = self._queue.popleft()[1]
            self._world.step(self._target)
            self._ticks += 1
            self._measured = self._world.measure()
            self._remember()

    def gone(self, now: float) -> bool:
        """Return whether the connection is gone."""
        time = now - self._connected_at
        self._gone = self._gone or any(f.kind == "disconnect" and f.start_s <= time for f in self._faults)
        return self._gone

    def delay(self, now: float) -> float | None:
        """Return how long an answer takes [s], or None if there will be none."""
        acting = self._acting(now)
        if any(fault.kind == "silence" for fault in acting):
            return None
        return self.latency + sum(fault.size for fault in acting if fault.kind == "late")

    def observe(self, now: float) -> dict[str, Array]:
        """Return what is measured, quantity to numbers in SI, ``time`` [s] on the robot's clock among them."""
        values = {name: numbers.copy() for name, numbers in self._history[-1].items()}
        for fault in self._acting(now):
            if fault.kind == "reorder":
                back = int(self._rng.integers(1, 20))
                old = self._history[max(len(self._history) - 1 - back, 0)]
                values = {name: numbers.copy() for name, numbers in old.items()}
            elif fault.kind == "jump":
                values["joint.position"] = values["joint.position"] + fault.size
            elif fault.kind == "nan":
                for name, numbers in values.items():
                    if name != "time":
                        numbers[self._rng.random(len(numbers)) < 0.3] = math.nan
        return values

    def act(self, now: float, target: Array) -> None:
        """Take a command, which acts after the latency."""
        self._log.append((now, target))
        if self.delay(now) is not None:
            self._queue.append((now + self.latency, target))

    def report(self) -> Report:
        """Return what was asked for so far."""
        times = np.array([time for time, _ in self._log])
        commands = np.array([target for _, target in self._log])
        return Report(times, commands, self._ticks)

    def _acting(self, now: float) -> list[Fault]:
        return [fault for fault in self._faults if fault.acts(now - self._connected_at)]

    def _remember(self) -> None:
        stamp = self._offset + self._rate * self._ticks * self._tick
        self._history.append({**self._measured, "time": np.array([stamp])})
