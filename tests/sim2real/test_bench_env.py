"""The benchmark of environments: it measures what it says, and leaves nothing wrapped behind."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sim2real import bench
from sim2real.bench.stopwatch import Stopwatch
from sim2real.bench.turns import take_turns
from sim2real.speed import compare, median_interval
from sim2real_envs.backends.base import ENGINE
from sim2real_envs.backends.engine import pybullet


def test_the_parts_of_a_step_add_up_to_the_whole_and_the_clock_is_taken_off_again() -> None:
    step = pybullet.stepSimulation
    parts = bench.step_parts("PandaPush-v0", steps=60)
    assert pybullet.stepSimulation is step
    assert parts.parts[0].name == f"{ENGINE}stepSimulation"
    assert parts.parts[0].share > 0.2
    assert sum(part.share for part in parts.parts) == pytest.approx(1.0)
    assert sum(part.microseconds for part in parts.parts) == pytest.approx(parts.microseconds)
    assert min(part.share for part in parts.parts) >= 0.0
    assert parts.engine_share == pytest.approx(sum(part.share for part in parts.parts if part.in_engine))


def test_panda_gym_and_ours_take_turns_and_what_does_not_exist_is_skipped() -> None:
    pytest.importorskip("panda_gym", reason="panda-gym is in the dev extra")
    told: list[tuple[int, int]] = []
    names = ("PandaReach-v0", "PandaDance-v0", "PandaPush-v0")
    reach, dance, push = bench.env_speed(names, turns=2, steps=40, progress=lambda *done: told.append(done))
    assert told == [(number, 8) for number in range(1, 9)]
    assert (dance.speeds, reach.skipped) == ((), "")
    assert "'PandaDance-v0' is not an environment" in dance.skipped
    for task, name in ((reach, "PandaReach-v3"), (push, "PandaPush-v3")):
        stock, ours = task.speeds
        assert name in stock.name
        assert (ours.ratio, ours.ratio_low, ours.ratio_high) == (1.0, 1.0, 1.0)
        assert stock.low <= stock.rate <= stock.high


def test_every_other_turn_runs_backwards_so_that_a_trend_favours_nobody() -> None:
    order: list[str] = []

    def contestant(name: str, rate: float) -> float:
        order.append(name)
        return rate

    rates = take_turns([lambda: contestant("a", 1.0), lambda: contestant("b", 2.0)], 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert rates.tolist() == [[1.0, 2.0]] * 3


def test_ratios_are_taken_within_a_turn() -> None:
    speeds = compare(["theirs", "ours"], np.array([[100.0, 200.0], [50.0, 150.0], [10.0, 40.0]]))
    assert [speed.rate for speed in speeds] == [50.0, 150.0]
    assert (speeds[0].ratio, speeds[0].ratio_low, speeds[0].ratio_high) == (3.0, 2.0, 4.0)


@pytest.mark.parametrize(("count", "interval"), [(1, (1, 1)), (5, (1, 5)), (6, (1, 6)), (9, (2, 8)), (20, (6, 15))])
def test_the_interval_of_a_median_is_that_of_the_tables(count: int, interval: tuple[int, int]) -> None:
    assert median_interval([float(value) for value in range(count, 0, -1)]) == interval


class Worker:
    """Something to time: an outer function that calls an inner one a hundred times."""

    def inner(self) -> None:
        """Do nothing."""

    def outer(self) -> None:
        for _ in range(100):
            self.inner()


def test_the_time_of_a_clock_is_taken_off_inside_and_around_its_calls() -> None:
    worker, watch = Worker(), Stopwatch()
    watch.add("inner", worker, "inner")
    watch.add("outer", worker, "outer")
    bare = _seconds(worker)
    with watch:
        clocked = _seconds(worker)
    assert vars(worker) == {}
    seen = watch.take()
    assert seen.calls.tolist() == [5_000, 50]
    assert watch.take().calls.tolist() == [0, 0]
    raw, spent = watch.own_seconds(seen, 0.0), watch.own_seconds(seen, clocked - bare)
    assert sum(raw.values()) <= clocked
    assert 0.0 <= spent["inner"] < raw["inner"]
    assert 0.0 <= spent["outer"] < raw["outer"]
    assert sum(raw.values()) - sum(spent.values()) <= clocked - bare + 1e-9


def _seconds(worker: Worker) -> float:
    began = time.perf_counter()
    for _ in range(50):
        worker.outer()
    return time.perf_counter() - began
