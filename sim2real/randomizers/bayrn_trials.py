"""The trials of Bayesian domain randomization: what a policy scored, and where to train the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.stats import chi2, qmc

from sim2real.episodes import Episode
from sim2real.randomizers.base import Json
from sim2real_envs.parameters import Array

RESAMPLES = 2000  # of the bootstrap
LOWER = 0.05  # probability of the lower bound


@dataclass(frozen=True)
class Trial:
    """A point that a policy was trained at, and what it scored on the real side.

    Args:
        x: Point in the unit cube (q,).
        y: Score, to be made large.
        error: Standard error of the score; 0 where it is not known.
        episodes: Real episodes behind it.
    """

    x: tuple[float, ...]
    y: float
    error: float
    episodes: int

    def to_dict(self) -> dict[str, Json]:
        """Return what ``from_dict`` restores."""
        return {**asdict(self), "x": list(self.x)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore what ``to_dict`` wrote."""
        return cls(tuple(float(value) for value in data["x"]), data["y"], data["error"], data["episodes"])


def points(trials: Sequence[Trial]) -> Array:
    """Return where the trials were (k, q)."""
    return np.array([trial.x for trial in trials], dtype=np.float64)


def score(x: Array, episodes: Sequence[Episode], rng: np.random.Generator, *, of: str, bound: str) -> Trial:
    """Return the trial at ``x`` (q,) whose policy did ``episodes`` on the real side.

    Args:
        x: Where the policy was trained.
        episodes: At least one; their order does not matter.
        rng: Draws the bootstrap's resamples.
        of: ``"success"`` or ``"return"``.
        bound: ``"mean"``, or ``"lower"`` for the 5 % quantile of the mean's bootstrap distribution (Efron 1979).
    """
    values = np.sort([float(each.success) if of == "success" else each.total_reward for each in episodes])
    count = len(values)
    if of == "success":  # two of each kind added: 6 of 6 is not known without error (Agresti and Coull 1998)
        share = (values.sum() + 2.0) / (count + 4.0)
        error = float(np.sqrt(share * (1.0 - share) / (count + 4.0)))
    else:
        error = float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else 0.0
    y = float(values.mean())
    if bound == "lower":
        means = values[rng.integers(count, size=(RESAMPLES, count))].mean(axis=1)
        y = float(np.quantile(means, LOWER))
    return Trial(tuple(x.tolist()), y, error, count)


def first_points(count: int, size: int, rng: np.random.Generator) -> Array:
    """Return points that spread over the cube before anything is known (count, size): a Latin hypercube."""
    return np.asarray(qmc.LatinHypercube(size, rng=rng).random(count), dtype=np.float64)


def propose(trials: Sequence[Trial], rng: np.random.Generator) -> Array:
    """Return the point to train at next (q,): where Optuna's Gaussian process expects most improvement.

    The study is made anew of the trials (at least one), so nothing is kept between calls but the trials.
    """
    import optuna  # takes a moment, and its sampler loads a learning library

    size = len(trials[0].x)
    names = [f"x{column:03}" for column in range(size)]
    axes: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names
    }
    sampler = optuna.samplers.GPSampler(seed=int(rng.integers(2**31)), n_startup_trials=1)
    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it recommends a package for speed that is not needed here
    try:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial in trials:
            values = dict(zip(names, trial.x, strict=True))
            study.add_trial(optuna.trial.create_trial(params=values, distributions=axes, value=trial.y))
        asked = study.ask(axes)
    finally:
        optuna.logging.set_verbosity(said)
    return np.array([asked.params[name] for name in names], dtype=np.float64)


def chance(trials: Sequence[Trial]) -> float:
    """Return how probable it is that scores differ at least so much if all policies are alike (Cochran's Q test).

    1 where nothing can be said: fewer than two trials with a known error.
    """
    known = [trial for trial in trials if trial.error > 0.0]
    if len(known) < 2:
        return 1.0
    y, weight = np.array([trial.y for trial in known]), np.array([trial.error**-2 for trial in known])
    centre = (weight @ y) / weight.sum()
    return float(chi2.sf(weight @ (y - centre) ** 2, len(known) - 1))
