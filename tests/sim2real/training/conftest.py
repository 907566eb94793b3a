"""What the tests of training share: a randomizer over the point mass, a trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sim2real.randomizers.uniform import Uniform
from sim2real.training import Sb3Trainer
from tests.support.point_mass import ENV_ID, SPACE
from tests.support.small_presets import PRESETS


@pytest.fixture
def uniform() -> Uniform:
    space = SPACE.subset(["object.friction", "actuator.delay"])
    return Uniform(space.with_ranges({"object.friction": (0.02, 0.1), "actuator.delay": (0.0, 0.04)}))


@pytest.fixture
def make_trainer() -> Callable[..., Sb3Trainer]:
    def make(
        algorithm: str = "PPO", *, env: dict[str, Any] | None = None, workers: int = 0, **changes: Any
    ) -> Sb3Trainer:
        return Sb3Trainer(ENV_ID, env or {}, algorithm, replace(PRESETS[algorithm], **changes), workers)

    return make
