"""Training episodes as evidence about laws that did not draw them: importance sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from sim2real.distributions.beta import Beta
from sim2real.randomizers.base import BoolArray, Json, Practice
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen

EDGE = 1e-9  # how near to a wall of the unit cube a draw may stand


@dataclass(frozen=True)
class Trials:
    """Training episodes as importance sampling needs them, arrays read-only.

    Args:
        unit: Where in the open unit cube their domains are (k, n), active columns only.
        log_prob: Log density of the law that drew them (k,).
        success: Whether they succeeded, as 0 or 1 (k,).
    """

    unit: Array
    log_prob: Array
    success: Array

    def __post_init__(self) -> None:
        for name in ("unit", "log_prob", "success"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.success)

    @classmethod
    def none(cls, columns: int) -> Self:
        """Return no episodes."""
        return cls(np.empty((0, columns)), np.empty(0), np.empty(0))

    def and_of(self, practice: Practice, space: ParameterSpace, active: BoolArray) -> Self:
        """Return these episodes, and then those of ``practice``."""
        unit = np.clip(space.to_unit(practice.draws.values)[:, active], EDGE, 1.0 - EDGE)
        return type(self)(
            np.concatenate([self.unit, unit]),
            np.concatenate([self.log_prob, practice.draws.log_prob]),
            np.concatenate([self.success, practice.success.astype(np.float64)]),
        )

    def weights(self, law: Beta) -> Array:
        """Return p_law(xi_k) / p_drawn(xi_k), (k,)."""
        weights: Array = np.exp(law.log_prob(self.unit) - self.log_prob)
        return weights

    def success_rate(self, law: Beta) -> float:
        """Return the importance-sampled estimate of the share of successes under ``law``; it may exceed 1."""
        return float(np.mean(self.weights(law) * self.success))

    def effective_sample_size(self, law: Beta) -> float:
        """Return (sum w)^2 / sum w^2, at most k (Kong, 1992)."""
        weights = self.weights(law)
        return float(weights.sum() ** 2 / (weights**2).sum())

    def to_dict(self) -> dict[str, Json]:
        """Return the arrays as lists."""
        return {"unit": self.unit.tolist(), "log_prob": self.log_prob.tolist(), "success": self.success.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], columns: int) -> Self:
        """Restore what ``to_dict`` wrote."""
        unit, log_prob, success = (np.array(data[name], dtype=np.float64) for name in ("unit", "log_prob", "success"))
        return cls(unit.reshape(len(success), columns), log_prob, success)
