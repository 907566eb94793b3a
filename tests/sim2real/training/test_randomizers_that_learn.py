"""Randomizers that learn from training episodes, in a real training."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.randomizers import Json, resolve
from sim2real.training import Sb3Trainer
from tests.sim2real.training.test_push import SPACE, TINY

ALWAYS_WIDER: dict[str, dict[str, Json]] = {
    "autodr": {"buffer": 1, "performance": "return", "t_high": -1e6, "t_low": -1e7},
    "doraemon": {"threshold": 0.0, "episodes": 4},
}


@pytest.mark.parametrize("method", ALWAYS_WIDER)
def test_training_on_push_widens_what_it_draws_from_chunk_by_chunk(method: str) -> None:
    trainer = Sb3Trainer("PandaPush-v0", {"horizon": 4, "past_actions": 2}, preset=TINY, workers=0)
    start = resolve(method).create(SPACE, **ALWAYS_WIDER[method])
    widths = []
    for steps in (64, 192):
        randomizer = trainer.train(None, start, steps, np.random.default_rng(0)).randomizer
        marginals = randomizer.describe().parameters.values()
        widths.append([marginal.quantiles[-2] - marginal.quantiles[1] for marginal in marginals])
    first = [marginal.quantiles[-2] - marginal.quantiles[1] for marginal in start.describe().parameters.values()]
    assert (np.diff([first, *widths], axis=0) > 0.0).all()
