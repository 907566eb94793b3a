"""The benchmark of cores: turns in changing order, and an interval that shrinks with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim2real.bench import cores


def test_one_worker_and_several_take_turns_in_every_environment() -> None:
    told: list[tuple[int, int]] = []
    reach, push = cores.core_scaling(
        worlds=2, turns=2, steps=10, progress=lambda *done: told.append(done), env_ids=("PandaReach-v0", "PandaPush-v0")
    )
    assert told == [(done, 8) for done in range(1, 9)]
    assert (reach.env_id, push.env_id) == ("PandaReach-v0", "PandaPush-v0")
    assert 0.0 < push.low < push.ratio < push.high
    assert [speed.name for speed in push.speeds] == [
        "PandaPush-v0, 2 worlds in 1 worker",
        "PandaPush-v0, 2 worlds in 2 workers",
    ]


def test_the_interval_is_students_on_the_logarithms() -> None:
    ratio, low, high = cores._interval(np.array([1.5, 2.0, 1.8]))
    assert ratio == pytest.approx((1.5 * 2.0 * 1.8) ** (1 / 3))
    assert low * high == pytest.approx(ratio**2)
    assert high / ratio == pytest.approx(math.exp(4.302653 * np.std(np.log([1.5, 2.0, 1.8]), ddof=1) / math.sqrt(3)))
    assert cores._interval(np.array([2.0]))[0] == pytest.approx(2.0)
    assert math.isnan(cores._interval(np.array([2.0]))[1])
