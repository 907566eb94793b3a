"""Time for a control loop: a clock that can be exchanged, and a schedule whose deadlines do not drift."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Protocol

_SPIN_S = 3e-4  # the end of every wait is spun: a sleep ends late by some 0.1 ms


class Clock(Protocol):
    """Where a loop gets its time."""

    def now(self) -> float:
        """Return a time that never goes back [s]; only differences mean something."""

    def sleep_until(self, moment: float, wake: Event | None = None) -> None:
        """Return at ``moment`` [s], or at once if it is over, or when ``wake`` is set."""


class MonotonicClock:
    """The machine's monotonic clock; on Linux it is the same in all processes."""

    def now(self) -> float:
        """Return the monotonic time [s]."""
        return time.monotonic()

    def sleep_until(self, moment: float, wake: Event | None = None) -> None:
        """Sleep until shortly before ``moment``, then spin."""
        left = moment - _SPIN_S - time.monotonic()
        if wake is None and left > 0.0:
            time.sleep(left)
        elif wake is not None and wake.wait(max(0.0, left)):
            return
        while time.monotonic() < moment:
            pass


class SimulatedClock:
    """Time that passes only when somebody sleeps or works: hours of a loop in a moment, for tests."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the simulated time [s]."""
        return self._now

    def sleep_until(self, moment: float, wake: Event | None = None) -> None:
        """Be at ``moment`` at once."""
        self._now = max(self._now, moment)

    def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += seconds


@dataclass(frozen=True)
class Tick:
    """The end of a control period.

    Args:
        overrun_s: How long after its deadline the work of the period was finished; 0 where it was in time.
        late_s: How long after its deadline the next period began; a sleep never ends exactly in time.
        skipped: Whole periods that were lost besides, because of the overrun.
    """

    overrun_s: float
    late_s: float
    skipped: int


class Schedule:
    """Absolute deadlines, start + k period: a late period does not move those after it.

    Args:
        clock: The time.
        period: Control period [s].
    """

    def __init__(self, clock: Clock, period: float) -> None:
        self._clock, self.period = clock, period
        self._began, self._index = clock.now(), 0

    def start(self) -> None:
        """Begin now with period 0."""
        self._began, self._index = self._clock.now(), 0

    @property
    def deadline(self) -> float:
        """When the running period ends [s]."""
        return self._began + (self._index + 1) * self.period

    def wait(self, wake: Event | None = None, on_wake: Callable[[], object] | None = None) -> Tick:
        """Wait for the end of the running period, if it is not over, and begin the next.

        Args:
            wake: Ends the waiting early, for ``on_wake``.
            on_wake: Called at once when ``wake`` is set; then the waiting goes on.
        """
        now, deadline = self._clock.now(), self.deadline
        overrun = max(0.0, now - deadline)
        skipped = int(overrun / self.period)
        self._index += 1 + skipped
        if overrun == 0.0:
            self._clock.sleep_until(deadline, wake)
        if wake is not None and wake.is_set():
            if on_wake is not None:
                on_wake()
            self._clock.sleep_until(deadline)
        return Tick(overrun, max(0.0, self._clock.now() - deadline), skipped)
