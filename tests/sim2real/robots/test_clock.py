"""Absolute deadlines: what is late does not move what comes after it."""

from __future__ import annotations

import pytest

from sim2real.robots.clock import MonotonicClock, Schedule, SimulatedClock


def test_work_in_time_ends_at_its_deadline() -> None:
    clock = SimulatedClock(5.0)
    schedule = Schedule(clock, 0.04)
    for index in range(1, 1001):
        clock.pass_time(0.01)
        tick = schedule.wait()
        assert (tick.overrun_s, tick.skipped) == (0.0, 0)
        assert clock.now() == pytest.approx(5.0 + 0.04 * index, abs=1e-9)


def test_an_overrun_is_told_and_does_not_move_the_next_deadline() -> None:
    clock = SimulatedClock()
    schedule = Schedule(clock, 0.1)
    clock.pass_time(0.13)
    tick = schedule.wait()
    assert tick.overrun_s == pytest.approx(0.03)
    assert clock.now() == pytest.approx(0.13), "the next period has begun already"
    schedule.wait()
    assert clock.now() == pytest.approx(0.2)


def test_whole_periods_that_were_lost_are_counted_and_not_made_up_for() -> None:
    clock = SimulatedClock()
    schedule = Schedule(clock, 0.1)
    clock.pass_time(0.35)
    tick = schedule.wait()
    assert tick.overrun_s == pytest.approx(0.25)
    assert tick.skipped == 2
    schedule.wait()
    assert clock.now() == pytest.approx(0.4)


def test_the_machine_s_clock_never_wakes_early() -> None:
    clock = MonotonicClock()
    for _ in range(5):
        moment = clock.now() + 0.003
        clock.sleep_until(moment)
        assert clock.now() >= moment
    clock.sleep_until(clock.now() - 1.0)
