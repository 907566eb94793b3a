"""Sequential Monte Carlo: from the prior to the posterior through tempered likelihoods.

Del Moral, Doucet and Jasra, "Sequential Monte Carlo samplers", Journal of the
Royal Statistical Society B 68, 2006. The likelihood is raised to a power that
grows from 0 to 1, each time as far as the effective sample size allows; then
the particles are resampled and moved by Metropolis steps that leave the
tempered posterior as it is.

Every unknown has a standard normal prior here. A parameter of the unit cube
is u = Phi(z), uniform when z is standard normal: no walls for a proposal to
run into.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import logsumexp, ndtr

from sim2real.randomizers.base import IntArray
from sim2real_envs.parameters import Array

MOVES = 4  # Metropolis moves at each temperature
LAST_MOVES = 12  # and at the last one, to be rid of the copies that resampling made
STEP = 0.7  # share of fresh noise in an autoregressive proposal
MAX_TEMPERATURES = 60


class Model(Protocol):
    """What the sampler needs to know: predictions are costly, nuisances are cheap.

    Given the parameters, the likelihood is a product of t terms, and the
    nuisances (q numbers) of one term do not enter the others.
    """

    @property
    def terms(self) -> int:
        """Number of terms t."""

    @property
    def nuisances(self) -> int:
        """Number of nuisances q of each term."""

    def predict(self, unit: Array) -> tuple[Array, ...]:
        """Return what the likelihood needs of parameters (p, d) in the unit cube: arrays (p, ...)."""

    def log_likelihood(self, prediction: tuple[Array, ...], nuisance: Array) -> Array:
        """Return log-likelihood terms (p, t) for nuisances (p, t, q)."""


@dataclass(frozen=True)
class Cloud:
    """Equally weighted particles of a posterior.

    Args:
        unit: Parameters in the unit cube (p, d).
        nuisance: Nuisances (p, t, q), standard normal under the prior.
        prediction: What the model predicts for them, arrays (p, ...).
        effective_size: Effective sample size at the end, copies of one particle counted as its weight.
        smallest_size: The smallest effective sample size that any reweighting left.
        acceptance: Mean acceptance rate of the moves at the last temperature.
        temperatures: Number of reweightings from prior to posterior.
        log_evidence: Log of the marginal likelihood.
    """

    unit: Array
    nuisance: Array
    prediction: tuple[Array, ...]
    effective_size: float
    smallest_size: float
    acceptance: float
    temperatures: int
    log_evidence: float


@dataclass
class _State:
    latent: Array  # (p, d)
    nuisance: Array  # (p, t, q)
    prediction: tuple[Array, ...]
    terms: Array  # (p, t)

    def take(self, index: IntArray) -> None:
        self.latent, self.nuisance, self.terms = self.latent[index], self.nuisance[index], self.terms[index]
        self.prediction = tuple(array[index] for array in self.prediction)


def sample_posterior(model: Model, dimension: int, size: int, rng: np.random.Generator) -> Cloud:
    """Return ``size`` particles of the posterior over ``dimension`` parameters."""
    latent = rng.normal(size=(size, dimension))
    nuisance = rng.normal(size=(size, model.terms, model.nuisances))
    prediction = model.predict(ndtr(latent))
    state = _State(latent, nuisance, prediction, model.log_likelihood(prediction, nuisance))
    power, smallest, stages, evidence, rates = 0.0, float(size), 0, 0.0, [1.0]
    while power < 1.0:
        total = state.terms.sum(axis=1)
        step = next_power(total, power) - power if stages < MAX_TEMPERATURES else 1.0 - power
        log_weights = step * total
        evidence += float(logsumexp(log_weights)) - float(np.log(size))
        smallest = min(smallest, effective_sample_size(log_weights))
        power, stages = (1.0 if power + step >= 1.0 - 1e-9 else power + step), stages + 1
        state.take(systematic_resample(log_weights, rng))
        rates = [_move(model, state, power, move, rng) for move in range(MOVES if power < 1.0 else LAST_MOVES)]
    return Cloud(
        unit=ndtr(state.latent),
        nuisance=state.nuisance,
        prediction=state.prediction,
        effective_size=distinct_size(state.latent),
        smallest_size=smallest,
        acceptance=float(np.mean(rates)),
        temperatures=stages,
        log_evidence=evidence,
    )


def effective_sample_size(log_weights: Array) -> float:
    """Return (sum w)^2 / sum w^2 (Kong, 1992): n for equal weights, 1 for a single one that counts."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def distinct_size(particles: Array) -> float:
    """Return the effective sample size of equally weighted particles (p, d), some of them copies."""
    _, copies = np.unique(particles, axis=0, return_counts=True)
    return effective_sample_size(np.log(copies))


def systematic_resample(log_weights: Array, rng: np.random.Generator) -> IntArray:
    """Return n indices in which each i occurs floor(n w_i) or ceil(n w_i) times, n w_i on average."""
    size = len(log_weights)
    cumulative = np.cumsum(np.exp(log_weights - logsumexp(log_weights)))
    positions = (rng.random() + np.arange(size)) / size
    index: IntArray = np.minimum(np.searchsorted(cumulative, positions, side="right"), size - 1).astype(np.int64)
    return index


def next_power(total: Array, power: float, share: float = 0.5) -> float:
    """Return the largest power up to 1 whose reweighting keeps ``share`` of the effective sample size."""
    wanted = share * len(total)
    if effective_sample_size((1.0 - power) * total) >= wanted:
        return 1.0
    low, high = power, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective_sample_size((middle - power) * total) >= wanted else (low, middle)
    return max(low, power + 1e-9)


def _move(model: Model, state: _State, power: float, move: int, rng: np.random.Generator) -> float:
    rate = _move_parameters(model, state, power, move, rng)
    _move_nuisances(model, state, power, rng)
    return rate


def _move_parameters(model: Model, state: _State, power: float, move: int, rng: np.random.Generator) -> float:
    """Move all parameters of each particle at once, by turns an autoregressive step and a random walk.

    The autoregressive proposal z' = m + sqrt(1 - s^2)(z - m) + s L e leaves the
    normal with the cloud's mean and covariance as it is, and is corrected for
    the difference between that normal and the posterior; the random walk
    reaches where the cloud is no normal.
    """
    size, dimension = state.latent.shape
    centre = state.latent.mean(axis=0)
    covariance = np.atleast_2d(np.cov(state.latent, rowvar=False)) + 1e-12 * np.eye(dimension)
    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    noise = rng.normal(size=(size, dimension))
    if move % 2 == 0:
        shift = state.latent - centre
        proposal = centre + np.sqrt(1.0 - STEP**2) * shift + STEP * noise @ root.T
        correction = _normal(shift, root) - _normal(proposal - centre, root)
    else:
        reach = 2.38 / np.sqrt(dimension) * np.where(rng.random(size) < 0.5, 1.0, 0.4)
        proposal = state.latent + reach[:, None] * noise @ root.T
        correction = np.zeros(size)
    prediction = model.predict(ndtr(proposal))
    terms = model.log_likelihood(prediction, state.nuisance)
    prior = 0.5 * ((state.latent**2).sum(axis=1) - (proposal**2).sum(axis=1))
    gain = power * (terms.sum(axis=1) - state.terms.sum(axis=1)) + prior + correction
    accepted = np.log(rng.random(size)) < gain
    state.latent = np.where(accepted[:, None], proposal, state.latent)
    state.terms = np.where(accepted[:, None], terms, state.terms)
    for old, new in zip(state.prediction, prediction, strict=True):
        old[accepted] = new[accepted]
    return float(accepted.mean())


def _move_nuisances(model: Model, state: _State, power: float, rng: np.random.Generator) -> None:
    """Move the nuisances of every term on their own: given the parameters the terms are independent."""
    if state.nuisance.size == 0:
        return
    reach = 2.38 / np.sqrt(model.nuisances) * state.nuisance.std(axis=0)  # (t, q)
    proposal = state.nuisance + reach * rng.normal(size=state.nuisance.shape)
    terms = model.log_likelihood(state.prediction, proposal)
    prior = 0.5 * ((state.nuisance**2).sum(axis=2) - (proposal**2).sum(axis=2))
    accepted = np.log(rng.random(terms.shape)) < power * (terms - state.terms) + prior
    state.nuisance = np.where(accepted[:, :, None], proposal, state.nuisance)
    state.terms = np.where(accepted, terms, state.terms)


def _normal(shift: Array, root: Array) -> Array:
    """Return log N(shift; 0, root root') up to a constant, (p,)."""
    white = np.linalg.solve(root, shift.T)
    log_density: Array = -0.5 * (white**2).sum(axis=0)
    return log_density
