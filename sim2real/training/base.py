"""The contract of a trainer and what it returns; no learning library here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from sim2real.policy import Policy
from sim2real.randomizers.base import Randomizer


@dataclass(frozen=True)
class CurvePoint:
    """One point of a learning curve: training episodes since the last point.

    ``env_steps`` counts control steps of this training so far; ``success`` is a rate over ``episodes`` episodes.
    """

    env_steps: int
    episodes: int
    success: float
    mean_return: float


@dataclass(frozen=True)
class Lesson:
    """What one training gave: the policy, the randomizer after training, what it cost, the learning curve."""

    policy: Policy
    randomizer: Randomizer
    env_steps: int
    curve: tuple[CurvePoint, ...]


class Trainer(Protocol):
    """Trains a policy in worlds drawn from a randomizer."""

    def train(
        self,
        policy: Policy | None,
        randomizer: Randomizer,
        steps: int,
        rng: np.random.Generator,
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Lesson:
        """Train for ``steps`` env steps, from ``policy`` where one is given, else from nothing.

        A call that was killed and is repeated with the same arguments and ``folder``, which keeps its checkpoints,
        returns the same lesson as an undisturbed one. ``progress`` is called with (steps done, steps in total).
        """
