"""The comparison of training speeds: its arithmetic always, its contestants where there is time."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from sim2real.errors import MissingExtraError
from sim2real.speed import Speed
from sim2real.training import bench
from sim2real_envs.errors import UnknownNameError


class Clock:
    """A contestant whose turns have known rates."""

    def __init__(self, name: str, rates: list[float]) -> None:
        self.name, self.closed, self._rates = name, False, iter(rates)

    def learn(self, steps: int) -> float:
        return next(self._rates)

    def close(self) -> None:
        self.closed = True


def test_ratios_are_taken_within_a_turn_and_everything_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    stock, tuned = Clock("stock", [100.0, 200.0, 50.0]), Clock("tuned", [150.0, 250.0, 100.0])
    ours = Clock("ours", [300.0, 500.0, 200.0])
    monkeypatch.setattr(bench, "_StockDefaults", lambda threads: stock)
    monkeypatch.setattr(bench, "_StockPreset", lambda preset: tuned)
    monkeypatch.setattr(bench, "_Ours", lambda preset, workers: ours)
    told: list[tuple[int, int]] = []
    speeds = bench.train_speed(turns=3, progress=lambda *step: told.append(step))
    assert speeds[0] == Speed("stock", 100.0, 50.0, 200.0, ratio=3.0, ratio_low=2.5, ratio_high=4.0)
    assert speeds[1] == Speed("tuned", 150.0, 100.0, 250.0, ratio=2.0, ratio_low=2.0, ratio_high=2.0)
    assert speeds[2] == Speed("ours", 300.0, 200.0, 500.0, ratio=1.0, ratio_low=1.0, ratio_high=1.0)
    assert told == [(number, 9) for number in range(1, 10)]
    assert stock.closed
    assert tuned.closed
    assert ours.closed


def test_without_panda_gym_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def hide(name: str, package: str | None = None) -> Any:
        return None if name == "panda_gym" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hide)
    with pytest.raises(MissingExtraError, match=r"pip install 'sim2real\[dev\]'"):
        bench.train_speed()


def test_an_observation_that_is_not_measured_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="observation of this benchmark"):
        bench.train_speed(observation="sounds")


@pytest.mark.slow
def test_both_learn_from_pictures() -> None:
    pytest.importorskip("panda_gym", reason="panda-gym is in the dev extra")
    stock, ours = bench.train_speed(observation="pixels", turns=1, steps=512)
    assert (stock.rate > 0.0, ours.rate > 0.0) == (True, True)
    assert "pictures" in stock.name


@pytest.mark.slow
def test_all_contestants_run() -> None:
    pytest.importorskip("panda_gym", reason="panda-gym is in the dev extra")
    speeds = bench.train_speed(turns=1, steps=2_048)
    assert len(speeds) == 3
    assert all(speed.rate > 0.0 for speed in speeds)
