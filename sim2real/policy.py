"""Policies as the rest of the toolkit sees them: NumPy in, NumPy out, no learning library."""

from __future__ import annotations

from typing import Protocol

from sim2real_envs.parameters import Array


class Policy(Protocol):
    """Maps an observation to an action; deterministic, picklable, free of torch."""

    def __call__(self, observation: Array) -> Array:
        """Return the action (a,) in [-1, 1] for an observation (o,)."""
