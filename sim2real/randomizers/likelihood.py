"""How likely the real outcomes are in a domain, with the simulator's stand-in and an unknown misfit.

For outcome j of episode i the difference between simulation and reality, in
units of the outcome's scale, is modelled as

    0 ~ m_ij(u) + b_j + t_nu(0, v_ij(u) + n_ij + s_j^2)

with the emulator's mean m, its variance v and noise n (the simulator's own);
the misfit s_j and a constant offset b_j of the instrument are unknown
(Kennedy and O'Hagan, "Bayesian calibration of computer models", 2001) and are
sampled along: log s_j ~ N(log 0.2, 1), b_j ~ N(0, 0.05^2). Where the simulator
cannot match reality s_j grows, and the outcome says less.

Outcomes of one episode are not independent: two that say the same must not
count twice. Outcome j therefore enters with the power 1 / sum_k |r_jk|, with r
the correlation of the residuals over the episodes: 1/m for m copies of one
outcome, 1 for independent ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, ndtr

from sim2real.randomizers import emulator
from sim2real.randomizers.base import BoolArray
from sim2real.randomizers.smc import Cloud
from sim2real.randomizers.trials import Trials, comparable
from sim2real_envs.parameters import Array

MISFIT = (math.log(0.2), 1.0)  # mean and spread of log s_j, s_j in units of the outcome's scale
OFFSET = 0.05  # spread of b_j, in the same units
TOLERATED_MISFIT = 0.5  # beyond this many scales the simulator does not explain an outcome
BAND = 1.6448536269514722  # standard deviations on either side of a central 90 % interval


@dataclass(frozen=True)
class OutcomeModel:
    """Likelihood of the outcomes of all trials; a ``smc.Model`` with one term an outcome.

    Args:
        emulators: For each of the trials, one emulator an outcome.
        binary: Which outcomes are binary (m,).
        observed: Real outcomes of all trials (m, N); only the binary ones are compared with predictions.
        counts: Whether an outcome of an episode was measured and could be replayed (m, N).
        weights: Power of each outcome (m,).
        powers: Power of each episode (N,), see ``tempering``.
        success_floor: A binary outcome is never predicted to be more certain than this.
        freedom: Degrees of freedom nu of the Student-t.
    """

    emulators: tuple[tuple[emulator.Emulator, ...], ...]
    binary: BoolArray
    observed: Array
    counts: BoolArray
    weights: Array
    powers: Array
    success_floor: float
    freedom: float = 4.0

    @property
    def terms(self) -> int:
        """One an outcome."""
        return len(self.binary)

    @property
    def nuisances(self) -> int:
        """The misfit's logarithm and the offset, as standard normals."""
        return 2

    def predict(self, unit: Array) -> tuple[Array, ...]:
        """Return mean and variance with noise, (p, m, N) each."""
        mean = np.empty((len(unit), *self.observed.shape))
        variance = np.empty_like(mean)
        first = 0
        for of_trials in self.emulators:
            last = first + len(of_trials[0].level)
            for row, each in enumerate(of_trials):
                mean[:, row, first:last], spread = each.predict(unit)
                variance[:, row, first:last] = spread + each.noise
            first = last
        return mean, variance

    def log_likelihood(self, prediction: tuple[Array, ...], nuisance: Array) -> Array:
        """Return the weighted terms (p, m)."""
        mean, variance = prediction
        misfit, offset = misfit_and_offset(nuisance)
        difference, spread = mean + offset[:, :, None], variance + misfit[:, :, None] ** 2
        terms = np.empty(mean.shape[:2])
        for row, is_binary in enumerate(self.binary):
            if is_binary:
                each = self.bernoulli(mean[:, row], self.observed[row])
            else:
                each = self.student(difference[:, row], spread[:, row])
            terms[:, row] = self.weights[row] * each @ (self.counts[row] * self.powers)
        return terms

    def bernoulli(self, chance: Array, happened: Array) -> Array:
        """Return the log probability of what happened, 0 or 1, (p, N)."""
        bounded = np.clip(chance, self.success_floor, 1.0 - self.success_floor)
        return np.log(np.where(happened > 0.5, bounded, 1.0 - bounded))

    def student(self, difference: Array, variance: Array) -> Array:
        """Return the log density of a Student-t of scale sqrt(variance) at 0, (p, N)."""
        constant = _student_constant(self.freedom)
        tail: Array = np.log1p(difference**2 / (self.freedom * variance))
        return constant - 0.5 * np.log(variance) - 0.5 * (self.freedom + 1.0) * tail

    def residuals(self, cloud: Cloud) -> Array:
        """Return the standardized residual of each outcome and episode, averaged over the posterior: (m, N)."""
        mean, variance = cloud.prediction
        misfit, offset = misfit_and_offset(cloud.nuisance)  # (p, m)
        continuous = (mean + offset[:, :, None]) / np.sqrt(variance + misfit[:, :, None] ** 2)
        chance = np.clip(mean, self.success_floor, 1.0 - self.success_floor)
        binary = (chance - self.observed) / np.sqrt(chance * (1.0 - chance))
        standardized = np.where(self.binary[:, None], binary, continuous).mean(axis=0)
        return np.where(self.counts, standardized, 0.0)

    def explained(self, cloud: Cloud) -> float:
        """Return the share of real continuous outcomes within the predicted 90 % band.

        The band is the posterior predictive one with no more than the tolerated
        misfit: a misfit that grows with the error would explain anything. It is
        1 where no continuous outcome was measured.
        """
        mean, variance = cloud.prediction
        misfit, _ = misfit_and_offset(cloud.nuisance)
        spread = np.sqrt(variance + np.minimum(misfit, TOLERATED_MISFIT)[:, :, None] ** 2)
        place = ndtr(-mean / spread).mean(axis=0)  # probability integral transform, (m, N)
        compared = self.counts & ~self.binary[:, None]
        inside = (place > 0.05) & (place < 0.95)
        return float(inside[compared].mean()) if compared.any() else 1.0


def build(trials: Sequence[Trials], active: BoolArray, weights: Array, success_floor: float) -> OutcomeModel:
    """Fit the emulators of all trials in the ``active`` columns of their designs, and return the likelihood."""
    emulators, observed, counts, powers = [], [], [], []
    for each in trials:
        compared, possible = comparable(each)
        designs = each.designs[:, active]
        emulators.append(tuple(emulator.fit(designs, compared[:, :, column]) for column in range(compared.shape[2])))
        observed.append(np.nan_to_num(each.observed).T)
        counts.append((possible & np.isfinite(each.observed)).T)
        powers.append(np.full(len(each.observed), each.power))
    return OutcomeModel(
        tuple(emulators),
        np.array([outcome.kind == "binary" for outcome in trials[0].outcomes]),
        np.concatenate(observed, axis=1),
        np.concatenate(counts, axis=1),
        weights,
        np.concatenate(powers),
        success_floor,
    )


def misfit_and_offset(nuisance: Array) -> tuple[Array, Array]:
    """Return s_j and b_j in units of the outcome's scale, of standard normals (..., 2)."""
    return np.exp(MISFIT[0] + MISFIT[1] * nuisance[..., 0]), OFFSET * nuisance[..., 1]


def outcome_weights(residuals: Array, counts: BoolArray) -> Array:
    """Return the power of each outcome, 1 / sum_k |r_jk|, from residuals (m, N).

    The squared correlation of n pairs of independent numbers is 1/n on
    average; that much is taken off, so that few episodes do not make
    independent outcomes look related.
    """
    size = np.sqrt((residuals**2).sum(axis=1))
    size = np.where(size > 0.0, size, 1.0)
    squared = ((residuals @ residuals.T) / np.outer(size, size)) ** 2
    pairs = np.maximum(counts.astype(np.float64) @ counts.T, 2.0)
    corrected = np.sqrt(np.clip((pairs * squared - 1.0) / (pairs - 1.0), 0.0, 1.0))
    np.fill_diagonal(corrected, 1.0)
    weights: Array = 1.0 / corrected.sum(axis=1)
    return weights


def _student_constant(freedom: float) -> float:
    return float(gammaln(0.5 * (freedom + 1.0)) - gammaln(0.5 * freedom) - 0.5 * math.log(freedom * math.pi))
