"""What every method with one law a parameter needs: which columns can vary, and what their quantiles say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim2real.randomizers.base import BoolArray, Marginal
from sim2real.randomizers.uniform import PROBABILITIES
from sim2real_envs.parameters import Array, ParameterSpace

_MIDDLES: Array = np.linspace(0.5, 1999.5, 2000) / 2000.0


def active_columns(space: ParameterSpace) -> BoolArray:
    """Return which parameters have a range of some width (n,)."""
    return np.array([parameter.high > parameter.low for parameter in space.values()], dtype=bool)


def marginals(space: ParameterSpace, quantile: Callable[[Array], Array], variance: Array) -> dict[str, Marginal]:
    """Return what independent laws in the unit cube say of each parameter, in SI.

    Args:
        space: The parameters.
        quantile: Their inverse distribution functions: (k, 1) to (k, n).
        variance: Their variances in the unit cube (n,); not read where a range has no width.
    """
    quantiles = space.from_unit(quantile(PROBABILITIES[:, None]))  # (21, n)
    means = space.from_unit(quantile(_MIDDLES[:, None])).mean(axis=0)
    contraction = np.where(active_columns(space), 1.0 - 12.0 * variance, 0.0)
    return {
        name: Marginal(
            mean=float(np.clip(means[column], quantiles[0, column], quantiles[-1, column])),
            low=float(quantiles[1, column]),
            high=float(quantiles[-2, column]),
            quantiles=tuple(quantiles[:, column].tolist()),
            contraction=float(contraction[column]),
        )
        for column, name in enumerate(space)
    }
