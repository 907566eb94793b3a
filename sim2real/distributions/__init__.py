"""Probability laws as frozen values: sample, log density, entropy and relative entropy, one file each.

``Uniform`` and ``LogUniform`` live where they are put, the others in the unit cube that ``ParameterSpace.to_unit``
maps ranges to; the entropy of a law stretched over ranges is larger by the sum of the logarithms of their widths.
"""

from __future__ import annotations

from sim2real.distributions.base import Distribution, Independent
from sim2real.distributions.beta import Beta
from sim2real.distributions.categorical import Categorical
from sim2real.distributions.gaussian import Gaussian
from sim2real.distributions.log_uniform import LogUniform
from sim2real.distributions.truncated_normal import TruncatedNormal
from sim2real.distributions.uniform import Uniform

__all__ = [
    "Beta",
    "Categorical",
    "Distribution",
    "Gaussian",
    "Independent",
    "LogUniform",
    "TruncatedNormal",
    "Uniform",
]
