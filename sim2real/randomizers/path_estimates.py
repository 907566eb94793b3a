"""What trajectories say of the domain, as a few outcomes: what a regression reads off a path.

A path is hundreds of numbers, most of which say the same or nothing. Of all summaries the one that tells most of a
parameter is its posterior mean given the path (Fearnhead and Prangle, "Constructing summary statistics for approximate
Bayesian computation: semi-automatic approximate Bayesian computation", Journal of the Royal Statistical Society B 74,
2012). It is not known, but replays in known domains u_k teach one: for each real episode a ridge regression

    u_j ~ a_j + b_j' S asinh((x - y) / (S c))

of each parameter on how the replayed path x differs from the real one y, over time and signals, in units of the
replays' own spread c and compressed beyond S of them. What it reads off the real path, a_j, and off the replays, is
an outcome like any other, ``path.<parameter>`` in units of the parameter's range; the likelihood neither knows nor
believes that it is a parameter, it emulates it. The penalty is chosen by cross-validation, and no replay is read by a
regression that has seen its domain, so a parameter that does nothing is not learned from noise. A path that does not
tell a parameter (``TOLD``) gives no outcome for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim2real.episodes import Episode
from sim2real.evidence import Evidence, Need, Replayed
from sim2real.randomizers.base import BoolArray
from sim2real.randomizers.residuals import Comparison, compare
from sim2real.randomizers.trials import SQUASH
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array

SCALE = 12.0**-0.5  # of an estimate: what is not known at all has this standard deviation, in units of the range
PENALTIES: Array = np.geomspace(1e-5, 1e2, 15)  # in units of the mean squared length of what is regressed on
FOLDS = 8
FEWEST = 16  # replays that a regression needs
TOLD = 0.3  # share of the variance that a regression has to explain in replays it has not seen
NORMAL_MEDIAN = 0.6745  # of the size of a standard normal
SMALL_SPREAD = 0.02  # replays that spread less than this share of a column's own motion count as spread so much


def path_outcomes(parameters: Iterable[str]) -> tuple[Outcome, ...]:
    """Return what is declared for these parameters, one outcome each."""
    return tuple(
        Outcome(f"path.{name}", "-", SCALE, doc=f"What the trajectory says of {name}, in units of its range.")
        for name in parameters
    )


def tell_paths(evidence: Evidence, episodes: Iterable[int]) -> bool:
    """Return whether the target offers trajectories and all these episodes have theirs."""
    real = [evidence.real[index] for index in episodes]
    return Need.TRAJECTORIES in evidence.offers and all(each.path or each.observations is not None for each in real)


@dataclass
class Paths:
    """Replayed paths of one update, as differences from the real ones.

    Args:
        real: The n real episodes, in the order of the replays' segments.
        closed: Whether a policy acted, so that an episode's end is something that happened, and lasts.
        designs: Domains of the replays, active columns of the unit cube (k, d).
        seed: Of the noise that replays lack.
        differences: Replayed minus real paths in spreads of each column's own motion (k, n, t, c).
        noise: Of the replays, in the same units, see ``_noise``, (k, c).
        comparison: The real paths (n, t, c); None before any replay.
    """

    real: list[Episode]
    closed: bool
    designs: Array
    seed: int
    differences: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0, 0, 0), dtype=np.float32))
    noise: Array = field(default_factory=lambda: np.empty((0, 0)))
    comparison: Comparison | None = None

    def add(self, designs: Array, replayed: Replayed) -> None:
        """Keep replays of ``designs`` (k, d)."""
        comparison = self.comparison or compare(self.real, [name for name in replayed.path if name != "actions"])
        paths = {name: _by_row(replayed.path[name]) for name, _ in comparison.signals}
        length = max(path.shape[3] for path in paths.values())
        wanted = comparison.held(length) if self.closed else comparison
        rows = wanted.residuals(paths).reshape(-1, *wanted.real.shape).astype(np.float32)  # they are many
        noise = np.concatenate([_noise(path[:, :, 0]) for path in paths.values()], axis=1) / comparison.spread
        self.comparison = comparison
        self.differences = np.concatenate([self.differences, rows]) if len(self.designs) else rows
        self.noise = np.concatenate([self.noise, noise]) if len(self.designs) else noise
        self.designs = np.concatenate([self.designs, np.repeat(designs, len(rows) // len(designs), axis=0)])

    def estimates(self, fitted: BoolArray) -> tuple[Array, Array]:
        """Return what regressions on the ``fitted`` replays (k,) read off real paths (n, d) and replays (k, n, d).

        It is NaN where a real path tells nothing of a parameter.
        """
        real = np.full((len(self.real), self.designs.shape[1]), np.nan)
        simulated = np.zeros((len(self.designs), *real.shape))
        if fitted.sum() >= FEWEST:
            differences = self.differences + self._lacking(fitted)
            for episode in range(len(real)):
                rows = differences[:, episode].reshape(len(differences), -1).astype(np.float64)
                real[episode], simulated[:, episode] = _read_off(rows, self.designs, fitted)
        return real, simulated

    def _lacking(self, fitted: BoolArray) -> NDArray[np.float32]:
        """Return the noise that the real paths have and the replays lack (k, n, t, c).

        A regression takes what is exact in its replays for exact in reality too.
        """
        comparison = self.comparison
        if comparison is None:
            return self.differences
        recorded = comparison.real
        more = (_noise(recorded[None])[0] / comparison.spread) ** 2 - np.median(self.noise[fitted], axis=0) ** 2
        size = np.sqrt(np.maximum(more, 0.0)).astype(np.float32)
        drawn = np.random.default_rng(self.seed).standard_normal(self.differences.shape, dtype=np.float32)
        for episode, path in enumerate(recorded):
            last = int(np.flatnonzero(np.isfinite(path).any(axis=1)).max(initial=0))
            drawn[:, episode, last + 1 :] = drawn[:, episode, last : last + 1] if self.closed else 0.0
        drawn[:, :, 0] = 0.0  # the start is given
        lacking: NDArray[np.float32] = size * drawn
        return lacking


def _noise(paths: Array) -> Array:
    """Return the standard deviation (k, c) of white noise that bends as much as paths (k, s, t, c) do.

    Its second differences have the same median size, which leaves out contacts, where a smooth path has kinks.
    """
    bends = np.abs(np.diff(paths, n=2, axis=2)) / (NORMAL_MEDIAN * 6.0**0.5)
    flat = np.moveaxis(bends, 3, 1).reshape(len(paths), paths.shape[3], -1)
    known = np.isfinite(flat).any(axis=2, keepdims=True)
    noise: Array = np.nanmedian(np.where(known, flat, 0.0), axis=2)
    return noise


def _by_row(path: Array) -> Array:
    """Return a path (k, s, r, t, c) as one of k r domains without repeats (k r, s, 1, t, c)."""
    swapped = np.moveaxis(path, 2, 1)
    return swapped.reshape(-1, path.shape[1], 1, *path.shape[3:])


def _read_off(differences: Array, designs: Array, fitted: BoolArray) -> tuple[Array, Array]:
    """Return the estimates of one episode: of the real path (d,) and of the replays (k, d)."""
    spread = np.sqrt(differences[fitted].var(axis=0) + SMALL_SPREAD**2)
    compressed = SQUASH * np.arcsinh(differences / (SQUASH * spread))
    compressed /= np.sqrt(max((compressed[fitted] ** 2).sum(axis=1).mean(), 1e-12))
    kernel = np.concatenate([compressed, np.zeros((1, compressed.shape[1]))]) @ compressed[fitted].T  # real one last
    target, inner = designs[fitted], kernel[:-1][fitted]
    group = np.unique(target, axis=0, return_inverse=True)[1].reshape(-1)
    unseen, blind = np.empty((len(PENALTIES), *target.shape)), np.empty_like(target)
    for fold in range(FOLDS):
        out = group % FOLDS == fold
        unseen[:, out] = _ridge(inner[np.ix_(~out, ~out)], inner[np.ix_(out, ~out)], target[~out])
        blind[out] = target[~out].mean(axis=0)
    error = ((unseen - target) ** 2).mean(axis=1)  # (g, d)
    best, column = error.argmin(axis=0), np.arange(target.shape[1])
    told = error[best, column] < (1.0 - TOLD) * ((blind - target) ** 2).mean(axis=0)
    read = _ridge(inner, kernel, target)[best, :, column].T  # (k + 1, d)
    estimates = read[:-1]
    estimates[fitted] = unseen[best, :, column].T
    return np.where(told, read[-1], np.nan), np.where(told, estimates, 0.0)


def _ridge(inner: Array, outer: Array, target: Array) -> Array:
    """Return ridge predictions (g, m, d) for every penalty, with a free intercept.

    Args:
        inner: Inner products of the n points that are fitted (n, n).
        outer: Of m points with them (m, n).
        target: What is fitted (n, d).
    """
    middle, level = inner.mean(axis=0), target.mean(axis=0)
    values, vectors = np.linalg.eigh(inner - middle - middle[:, None] + middle.mean())
    across = outer - outer.mean(axis=1, keepdims=True) - middle + middle.mean()
    shrunk = (vectors.T @ (target - level)) / (np.maximum(values, 0.0)[:, None] + len(inner) * PENALTIES[:, None, None])
    predicted: Array = level + (across @ vectors) @ shrunk
    return predicted
