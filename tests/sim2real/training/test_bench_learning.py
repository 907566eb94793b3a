"""Both contestants of the learning benchmark really train and are really tried."""

from __future__ import annotations

import pytest

from sim2real.training.bench_learning import learning_speed

pytest.importorskip("panda_gym", reason="the comparison needs panda-gym")


def test_both_contestants_train_for_their_steps_and_are_tried_on_the_same_number_of_episodes() -> None:
    seen: list[tuple[int, int]] = []
    ours, stock = learning_speed(
        steps=2_048, stock_steps=150, episodes=2, workers=0, progress=lambda done, total: seen.append((done, total))
    )
    assert (ours.env_steps, stock.env_steps) == (2_048, 150)
    assert (ours.success.n, stock.success.n) == (2, 2)
    assert min(ours.seconds, stock.seconds) > 0.0
    assert seen[-1] == (2_198, 2_198)
