"""The contract of a target: the real side, whatever a policy can be tried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from sim2real.episodes import Episode
from sim2real.evidence import Need
from sim2real.policy import Policy
from sim2real_envs.state import WorldState

Kind = Literal["pseudo-real", "recording", "robot"]


class Target(Protocol):
    """Whatever a policy can be tried on that is not the training simulator.

    A target gives only what reality would: outcomes, and observations and
    actions as sensors measured them; never a parameter, never a true state.
    """

    @property
    def kind(self) -> Kind:
        """What stands behind it; used in results."""

    @property
    def offers(self) -> Need:
        """What its episodes contain."""

    def collect(
        self,
        policy: Policy | None,
        episodes: int,
        rng: np.random.Generator,
        starts: Sequence[WorldState] | None = None,
    ) -> tuple[Episode, ...]:
        """Run ``episodes`` episodes and return them in a fixed order.

        Args:
            policy: The policy to try; None for recordings.
            episodes: How many.
            rng: Of starts and seeds, where the target draws them.
            starts: Where each episode is to begin, as sensors would measure it; None: as the task draws them.

        Raises:
            TooManyDivergences: If more than a few of them diverge.
        """

    def close(self) -> None:
        """Release processes and connections; may be called twice."""
