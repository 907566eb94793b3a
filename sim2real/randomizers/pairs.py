"""Real episodes and their simulated partners: those that began most alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence
from sim2real_envs.parameters import Array, ParameterSpace


@dataclass(frozen=True)
class Pairs:
    """One row for each simulated episode with the real ones that began nearest to it.

    Args:
        domains: Where it was simulated, in the unit cube (p, n).
        gap: Mean |success simulated - success real| over its real partners (p,).
        both_failed: Share of its real partners with which it failed together (p,).
    """

    domains: Array
    gap: Array
    both_failed: Array


def pair(space: ParameterSpace, evidence: Evidence) -> Pairs:
    """Return every simulated episode with its real partners.

    Partners are the real episodes at the smallest distance between starts; several at the same distance count as
    their average, so that the order of the episodes does not matter.

    Raises:
        InsufficientEvidence: If either side has no episodes.
    """
    if not evidence.real or not evidence.simulated:
        raise InsufficientEvidence(
            "A gap needs at least one real and one simulated episode, but got "
            f"{len(evidence.real)} real and {len(evidence.simulated)} simulated. "
            "Raise `episodes.real_per_round` and `episodes.simulated_per_round`."
        )
    distance = _start_distances(evidence.simulated, evidence.real)  # (p, r)
    partner = distance <= distance.min(axis=1, keepdims=True) + 1e-12
    share = partner / partner.sum(axis=1, keepdims=True)
    simulated = np.array([episode.success for episode in evidence.simulated], dtype=np.float64)[:, None]
    real = np.array([episode.success for episode in evidence.real], dtype=np.float64)
    domains = [[(episode.domain or {})[name] for name in space] for episode in evidence.simulated]
    return Pairs(
        domains=np.clip(space.to_unit(np.array(domains).reshape(-1, len(space))), 0.0, 1.0),
        gap=(share * np.abs(simulated - real)).sum(axis=1),
        both_failed=(share * (1.0 - simulated) * (1.0 - real)).sum(axis=1),
    )


def _start_distances(simulated: Sequence[Episode], real: Sequence[Episode]) -> Array:
    """Return distances between starts (p, r), each coordinate in units of its spread over the real episodes."""
    names = sorted(set(simulated[0].start.values) & set(real[0].start.values))
    if not names:
        return np.zeros((len(simulated), len(real)))
    one, other = (
        np.array([np.concatenate([episode.start.values[name] for name in names]) for episode in episodes])
        for episodes in (simulated, real)
    )
    spread = other.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    difference = (one[:, None, :] - other) / scale  # (p, r, c)
    distance: Array = np.sqrt((difference**2).sum(axis=2))
    return distance
