"""The benchmark of the control loop, and of what faults do to it."""

from __future__ import annotations

import json

import pytest

from sim2real.bench.loop import fault_drills, loop_timing, raised_priority
from sim2real.cli import main
from sim2real_envs.errors import OptionError


def call(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of one call."""
    with pytest.raises(SystemExit) as ended:
        main(["bench", *map(str, arguments)])
    captured = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, captured.out, captured.err


def test_a_loop_is_timed_period_by_period() -> None:
    told: list[tuple[int, int]] = []
    timing = loop_timing(minutes=0.02, rate=50.0, stops=2, progress=lambda *done: told.append(done))
    assert timing.periods == timing.missed.n == 60
    assert told[-1] == (60, 60)
    assert list(timing.late_ms) == sorted(timing.late_ms)
    assert timing.priority in ("real time", "nice", "none")
    assert timing.stops == 2


@pytest.mark.slow
def test_for_a_minute_the_loop_keeps_time_and_is_silent_after_a_stop() -> None:
    timing = loop_timing(minutes=1.0, rate=50.0, stops=20)
    if timing.priority != "real time":
        pytest.skip(f"deadlines are a promise of the system where it gives real-time priority, here: {timing.priority}")
    assert timing.missed.rate < 0.001
    assert abs(timing.end_offset_ms) < 2.0
    assert timing.last_command_periods <= 1.0
    assert timing.after_stop == 0


def test_a_loop_of_no_periods_is_refused() -> None:
    with pytest.raises(OptionError, match="60 minutes rate"):
        loop_timing(minutes=0.001)


def test_priority_is_given_back() -> None:
    import os

    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    with raised_priority():
        pass
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


def test_bench_loop_prints_deadlines_and_stops(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "loop", "--minutes", 0.01, "--stops", 1, "--no-priority")
    assert code == 0
    for words in ("missed deadlines", "drift against the schedule", "last command after a stop"):
        assert words in out


def test_bench_faults_counts_what_should_not_be(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capfd, "faults", "--sequences", 5, "--processes", 0, "--json")
    assert code == 0
    figures = json.loads(out)["simulated"]
    assert figures["sequences"] == 5
    assert figures["outside"] == figures["after_stop"] == 0


def test_a_process_of_its_own_counts_apart() -> None:
    figures = fault_drills(sequences=1, processes=1)
    assert (figures.simulated.sequences, figures.process.sequences) == (1, 1)
    assert figures.process.outside == figures.process.after_stop == 0
