"""From trials to a belief: fit the emulators, weigh the outcomes, sample the posterior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.randomizers import beliefs
from sim2real.randomizers.base import BoolArray
from sim2real.randomizers.likelihood import BAND, OutcomeModel, build, misfit_and_offset, outcome_weights
from sim2real.randomizers.smc import Cloud, sample_posterior
from sim2real.randomizers.tempering import Exam, likelihood_power
from sim2real.randomizers.trials import Trials, differences
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array

FIRST_WEIGHT = 0.5  # power of every outcome before residuals show how related they are
FIRST_MISFIT = 0.2  # misfit assumed before there is a posterior of it, in units of the outcome's scale
CLOUD_FACTOR = 4  # particles sampled for each one that is kept
SMALLEST_CLOUD = 512


@dataclass(frozen=True)
class Belief:
    """A posterior over the active parameters, and the model that it stands on."""

    model: OutcomeModel
    cloud: Cloud
    active: BoolArray
    outcomes: tuple[Outcome, ...]
    power: float

    def thinned(self, count: int) -> Array:
        """Return ``count`` of the particles (count, d)."""
        return beliefs.thin(self.cloud.unit, count)

    def spread(self) -> beliefs.KernelMixture:
        """Return a density somewhat wider than the posterior, for designs."""
        learned = np.ones(self.cloud.unit.shape[1], dtype=bool)
        return beliefs.smooth(self.thinned(256), learned, 1.3, 0.02)

    def misfit(self) -> Array:
        """Return the median s_j, in units of the outcomes' scales (m,)."""
        misfit, _ = misfit_and_offset(self.cloud.nuisance)
        median: Array = np.median(misfit, axis=0)
        return median

    def diagnostics(self) -> dict[str, float]:
        """Return what a user should know of this inference."""
        misfit = self.misfit()
        figures = {
            "particles": float(len(self.cloud.unit)),
            "effective_sample_size": self.cloud.effective_size,
            "smallest_effective_sample_size": self.cloud.smallest_size,
            "acceptance": self.cloud.acceptance,
            "temperatures": float(self.cloud.temperatures),
            "log_evidence": self.cloud.log_evidence,
            "explained_share": self.model.explained(self.cloud),
            "likelihood_power": self.power,
        }
        for column, outcome in enumerate(self.outcomes):
            figures[f"weight.{outcome.name}"] = float(self.model.weights[column])
            if outcome.kind != "binary":
                figures[f"misfit.{outcome.name}"] = float(misfit[column]) * outcome.scale
        return figures


@dataclass(frozen=True)
class Surprise:
    """How fresh replays differ from what the emulator predicted.

    Args:
        error: Root mean square difference in units of the outcomes' scales.
        coverage: Share of fresh outcomes inside the predicted 90 % bands, the fitted misfit included.
    """

    error: float
    coverage: float


def infer(
    pool: Sequence[Trials],
    active: BoolArray,
    earlier: Belief | None,
    exam: Exam | None,
    count: int,
    success_floor: float,
    rng: np.random.Generator,
) -> Belief:
    """Return the posterior given all trials of the pool; ``earlier`` tells how related the outcomes are.

    The power of the last trials is measured with ``exam``, 1 without one; that of the others is what it was.
    """
    outcomes = pool[0].outcomes
    if earlier is None:
        weights, misfit = np.full(len(outcomes), FIRST_WEIGHT), np.full(len(outcomes), FIRST_MISFIT)
    else:
        weights = outcome_weights(earlier.model.residuals(earlier.cloud), earlier.model.counts)
        misfit = earlier.misfit()
    model = build(pool, active, weights, success_floor)
    power = 1.0 if exam is None else likelihood_power(model, pool[-1], active, exam, misfit)
    episodes = len(pool[-1].observed)
    model = replace(model, powers=np.concatenate([model.powers[:-episodes], np.full(episodes, power)]))
    size = max(CLOUD_FACTOR * count, SMALLEST_CLOUD) // (2 if earlier is None else 1)
    cloud = sample_posterior(model, int(active.sum()), size, rng)
    return Belief(model, cloud, active, outcomes, power)


def surprise(belief: Belief, trials: Trials, designs: Array, simulated: Array) -> Surprise:
    """Return how outcomes ``simulated`` (k r, n, m) of ``designs`` (k, n) differ from the emulator's predictions."""
    repeats = len(simulated) // len(designs)
    mean, variance = belief.model.predict(np.repeat(designs[:, belief.active], repeats, axis=0))
    last = trials.observed.shape[0]
    spread = np.sqrt(variance[:, :, -last:] + (belief.misfit() ** 2)[:, None])
    miss = np.moveaxis(differences(trials, simulated), 2, 1) - mean[:, :, -last:]  # (k r, m, n)
    compared = (belief.model.counts[:, -last:] & ~belief.model.binary[:, None]) & np.isfinite(miss)
    if not compared.any():
        return Surprise(0.0, 1.0)
    return Surprise(
        error=float(np.sqrt((miss[compared] ** 2).mean())),
        coverage=float((np.abs(miss) < BAND * spread)[compared].mean()),
    )
