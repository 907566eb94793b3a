"""The benchmark of resets: times of every kind, and how memory grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sim2real_envs
from sim2real import bench
from sim2real.bench import reset
from sim2real.errors import Sim2RealError
from sim2real_envs.env import ManipulationEnv


def test_resets_are_timed_at_nominal_and_with_everything_randomized() -> None:
    env = sim2real_envs.make("PandaReach-v0")
    assert isinstance(env.unwrapped, ManipulationEnv)
    parameters = len(env.unwrapped.parameter_space)
    env.close()
    told: list[tuple[int, int]] = []
    nominal, randomized, *_ = bench.reset_time("PandaReach-v0", count=5, progress=lambda *done: told.append(done))
    assert nominal.count == randomized.count == 5
    assert 0.0 < nominal.median_ms <= nominal.slow_ms
    assert randomized.name == f"all {parameters} parameters randomized"
    assert told[-1][0] == told[-1][1]


def test_growth_is_counted_from_the_end_of_the_warm_up() -> None:
    measured: Iterator[float] = iter(range(1_000, 2_000))
    memory = bench.memory_growth("PandaReach-v0", resets=20, resident=lambda: float(next(measured)))
    assert (memory.warm_up, memory.resets) == (2, 20)
    assert memory.first_mb == 1_000.0
    assert memory.most_mb == memory.last_mb > memory.first_mb
    assert memory.growth == pytest.approx(memory.last_mb / 1_000.0 - 1.0)


def test_a_system_without_proc_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reset, "_STATM", tmp_path / "statm")
    with pytest.raises(Sim2RealError, match="only be measured on Linux"):
        reset.resident_mb()


@pytest.mark.slow
def test_memory_stays_flat_over_many_resets() -> None:
    assert bench.memory_growth(resets=10_000).growth < 0.01
