"""How likely real transitions are under a distribution of domains, from one bank of replays for all distributions.

Of transition i with end y_i and a law p of domains, DROPO asks for the log density of y_i under the normal that has
mean and covariance of the ends simulated in K domains drawn from p, the covariance plus eps I. Here the K domains are
the same quantiles of each law, and their ends are taken from an emulator (``emulator``) that was fitted to replays of
the transition in a bank of domains. The variance that the emulator could not explain is added to eps.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.distributions import TruncatedNormal
from sim2real.randomizers import emulator
from sim2real.randomizers.base import BoolArray, Json
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

DEAD = 0.1  # a coordinate that varies less over the bank than this share of its own noise is taken as constant
LEAST_EPSILON, MOST_EPSILON = 1e-5, 0.1  # variances in units of the mean square of motion
LOG_TWO_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Bank:
    """Transitions replayed in many domains.

    Args:
        designs: Domains in the unit cube of the active parameters (k, d).
        differences: (simulated - real) / scale at the ends (k, n, c), of the precision of float32.
        noise: Variance of the real ends by their sensors, in the same units (n, c).
    """

    designs: Array
    differences: Array
    noise: Array

    def __post_init__(self) -> None:
        for name in ("designs", "differences", "noise"):
            rounded = np.asarray(getattr(self, name), dtype=np.float32 if name != "designs" else np.float64)
            object.__setattr__(self, name, frozen(rounded))

    def joined(self, designs: Array, differences: Array) -> Bank:
        """Return the bank with more domains."""
        return Bank(np.vstack([self.designs, designs]), np.vstack([self.differences, differences]), self.noise)

    def subset(self, kept: BoolArray) -> Bank:
        """Return the bank of those transitions for which ``kept`` (n,) is true."""
        return Bank(self.designs, self.differences[:, kept], self.noise[kept])

    def to_dict(self) -> dict[str, Json]:
        """Return plain data, the differences as text of their bytes: a third of the size of digits."""
        single = np.ascontiguousarray(self.differences, dtype="<f4")
        return {
            "designs": self.designs.tolist(),
            "noise": self.noise.tolist(),
            "shape": list(self.differences.shape),
            "differences": base64.b64encode(single.tobytes()).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Bank:
        """Restore what ``to_dict`` wrote, bit for bit."""
        single = np.frombuffer(base64.b64decode(data["differences"]), dtype="<f4").reshape(data["shape"])
        return cls(np.array(data["designs"]), single, np.array(data["noise"]))


class Likelihood:
    """The log-likelihood of all transitions of some banks as a function of the law of domains.

    Args:
        banks: At least one.
        levels: Probabilities whose quantiles stand for a law (K, d).
    """

    def __init__(self, banks: Sequence[Bank], levels: Array) -> None:
        self._levels = levels
        self._emulated = [_Emulated.of(bank) for bank in banks]
        self.count = sum(len(bank.noise) for bank in banks)

    def __call__(self, location: Array, scale: Array, epsilon: float) -> float:
        """Return the sum of log densities under independent normals (d,) cut off at the ranges.

        Args:
            location: Means before they are cut off.
            scale: Standard deviations before that.
            epsilon: Variance that is added to each coordinate.
        """
        domains = TruncatedNormal(location, scale).quantile(self._levels)
        return sum(float(density(each.predict(domains), each.extra + epsilon).sum()) for each in self._emulated)

    def newest(self, domains: Array, epsilon: float) -> tuple[Array, Array]:
        """Return ends (K, n, c) of the last bank's transitions in domains (K, d), and their standard deviations (n, c).

        The deviations are those that are added to each coordinate, eps among them.
        """
        last = self._emulated[-1]
        return last.predict(domains), np.sqrt(last.extra + epsilon)


@dataclass(frozen=True)
class _Emulated:
    """Ends of a bank's transitions as a function of the domain; ``extra`` (n, c) is added to their variances."""

    surface: emulator.Emulator
    lively: Array
    constant: Array
    extra: Array

    @classmethod
    def of(cls, bank: Bank) -> _Emulated:
        varies = bank.differences.std(axis=0) > DEAD * np.sqrt(LEAST_EPSILON + bank.noise)  # (n, c)
        surface = emulator.fit(bank.designs, bank.differences[:, varies])
        extra = bank.noise.copy()
        extra[varies] += surface.noise
        return cls(surface, varies, bank.differences.mean(axis=0), extra)

    def predict(self, domains: Array) -> Array:
        """Return ends (K, n, c) in domains (K, d)."""
        surface = self.surface
        ends = np.repeat(self.constant[None], len(domains), axis=0)
        if self.lively.any():
            apart = emulator.distances(domains / surface.length, surface.designs / surface.length)
            ends[:, self.lively] = surface.level + emulator.matern52(apart) @ surface.weights
        return ends


def density(ends: Array, extra: Array) -> Array:
    """Return the log density (n,) of difference 0 under normals with the moments of ``ends`` (K, n, c).

    Args:
        ends: Differences in K domains.
        extra: Added to the variances (n, c).
    """
    mean = ends.mean(axis=0)
    offset = (ends - mean).transpose(1, 2, 0)  # (n, c, K)
    covariance = offset @ offset.transpose(0, 2, 1) / max(len(ends) - 1, 1)
    size = mean.shape[1]
    covariance[:, np.arange(size), np.arange(size)] += extra
    root = np.linalg.cholesky(covariance)
    white = np.linalg.solve(root, mean[..., None])[..., 0]  # (n, c)
    log_det = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    log_density: Array = -0.5 * ((white**2).sum(axis=1) + log_det + size * LOG_TWO_PI)
    return log_density
