"""Evidence from trials that somebody counted by hand: no simulator in the loop, no recordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need, Replayed, Segment
from sim2real_envs.errors import OptionError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

_OUTCOMES = (Outcome("success", "-", 1.0, "binary", "Whether the trial counts as a success."),)


class NoReplay:
    """Stands where there is no simulator to replay real episodes in."""

    drives: frozenset[str] = frozenset()
    outcomes = _OUTCOMES

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        """Nothing: it cannot be called."""
        return 0

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        """Refuse.

        Raises:
            InsufficientEvidence: Always.
        """
        raise InsufficientEvidence(
            "This method replays real episodes in simulation, and this evidence is of outcomes alone. Give evidence "
            "with a `replay`, or use a method that needs outcomes only, such as 'bayrn'."
        )


def outcomes_only(
    round: int, success: Sequence[bool], returns: Sequence[float] | None = None, *, period: float = 1.0
) -> Evidence:
    """Return the evidence of real trials of which only the end is known.

    Args:
        round: Index of the round, from 0.
        success: Whether each trial succeeded (n,).
        returns: The return of each (n,); None: 1 for a success and 0 otherwise.
        period: Control period of the trials [s].

    Raises:
        OptionError: If there are no trials, or not as many returns.
    """
    returns = [float(each) for each in success] if returns is None else returns
    if len(success) == 0 or len(success) != len(returns):
        raise OptionError(
            f"Real trials need one return each, and one trial at least, but got {len(success)} trials and "
            f"{len(returns)} returns."
        )
    real = tuple(
        Episode(
            start=WorldState({}),
            outcome={"success": float(succeeded)},
            success=bool(succeeded),
            failure_mode="none" if succeeded else "timeout",
            steps=0,
            total_reward=float(total),
            period=period,
            label=f"trial-{round}-{index}",
        )
        for index, (succeeded, total) in enumerate(zip(success, returns, strict=True))
    )
    return Evidence(round, real, (), Need.OUTCOMES, NoReplay())
