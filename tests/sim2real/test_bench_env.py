"""The benchmark of environments: it measures what it says, and leaves nothing wrapped behind."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real import bench
from sim2real.speed import compare
from sim2real_envs.backends.engine import pybullet


def test_the_parts_of_a_step_add_up_to_the_whole_and_the_clock_is_taken_off_again() -> None:
    step = pybullet.stepSimulation
    parts = bench.env_parts(steps=60)
    assert pybullet.stepSimulation is step
    assert parts[0].name.startswith("physics engine")
    assert parts[0].share > 0.2
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    assert min(part.share for part in parts) >= 0.0


def test_resets_are_timed_at_nominal_and_with_everything_randomized() -> None:
    nominal, randomized = bench.reset_time(count=5)
    assert nominal.count == randomized.count == 5
    assert 0.0 < nominal.median_ms <= nominal.slow_ms
    assert randomized.name == "all 32 parameters randomized"


def test_panda_gym_and_ours_take_turns() -> None:
    told: list[tuple[int, int]] = []
    stock, ours = bench.env_speed(turns=2, steps=40, progress=lambda *done: told.append(done))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (ours.ratio, ours.ratio_low, ours.ratio_high) == (1.0, 1.0, 1.0)
    assert stock.low <= stock.rate <= stock.high


def test_ratios_are_taken_within_a_turn() -> None:
    speeds = compare(["theirs", "ours"], np.array([[100.0, 200.0], [50.0, 150.0], [10.0, 40.0]]))
    assert [speed.rate for speed in speeds] == [50.0, 150.0]
    assert (speeds[0].ratio, speeds[0].ratio_low, speeds[0].ratio_high) == (3.0, 2.0, 4.0)
