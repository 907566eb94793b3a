"""The replays of one update of ``particles``: what they cost, and what they gave."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from sim2real.evidence import Evidence, Replayed, Segment
from sim2real.randomizers.base import BoolArray
from sim2real.randomizers.path_estimates import Paths, path_outcomes, tell_paths
from sim2real.randomizers.tempering import Exam
from sim2real.randomizers.trials import Trials
from sim2real_envs.parameters import Array, ParameterSpace

logger = logging.getLogger(__name__)


class SearchOptions(Protocol):
    """The options that a search needs: see ``particles``."""

    @property
    def designs(self) -> int:
        """Domains replayed in each sweep."""

    @property
    def sweeps(self) -> int:
        """Sweeps at most."""

    @property
    def repeats(self) -> int:
        """Replays of each episode in each design."""


@dataclass
class Search:
    """Trials of earlier rounds, and those of this one as they grow.

    Args:
        options: How much to replay.
        space: Columns of the designs.
        active: Which of them have a range of some width (n,).
        evidence: What the round learned.
        segments: Real episodes to replay, in the order of the trials.
        earlier: Trials of earlier rounds.
        trials: Those of this one. Behind the declared outcomes come those that paths give, one an active parameter,
            where they are to count.
        paths: Replayed paths; None where none are told.
        env_steps: What the replays have cost.
    """

    options: SearchOptions
    space: ParameterSpace
    active: BoolArray
    evidence: Evidence
    segments: list[Segment]
    earlier: tuple[Trials, ...]
    trials: Trials
    paths: Paths | None = None
    env_steps: int = 0
    fitted: int = 0  # the sweep whose replays teach what to read off a path

    @property
    def pool(self) -> tuple[Trials, ...]:
        """All trials, this round's last."""
        return (*self.earlier, self.trials)

    @property
    def in_sweep(self) -> int:
        """How many replays of each episode one sweep makes."""
        return self.options.designs * self.options.repeats

    def compare_paths(self, rng: np.random.Generator) -> None:
        """Let what paths say be outcomes too; where the real episodes have none, outcomes that were not measured."""
        names = [name for name, is_active in zip(self.space, self.active, strict=True) if is_active]
        outcomes = (*self.trials.outcomes, *path_outcomes(names))
        observed = np.pad(self.trials.observed, ((0, 0), (0, len(names))), constant_values=np.nan)
        self.trials = Trials(outcomes, observed, self.trials.designs, np.empty((0, *observed.shape)))
        seed = int(rng.integers(2**63 - 1))
        if tell_paths(self.evidence, [segment.episode for segment in self.segments]):
            real = [self.evidence.real[segment.episode] for segment in self.segments]
            self.paths = Paths(real, self.segments[0].drive == "policy", np.empty((0, len(names))), seed)

    def announce(self) -> int:
        """Say what the replays will take at most, and return it."""
        options = self.options
        cost = self.evidence.replay.cost(options.designs * options.sweeps, self.segments, options.repeats)
        logger.info(
            "Inference replays %d real episodes in up to %d simulated domains: at most %s env steps.",
            len(self.segments),
            options.designs * options.sweeps,
            f"{cost:,}",
        )
        return cost

    def replay(self, designs: Array, rng: np.random.Generator) -> Array:
        """Replay the real episodes in ``designs`` (k, n), keep them, and return the outcomes (k r, e, m)."""
        repeats, parts = self.options.repeats, []
        if self.paths is None:
            parts.append(self._replayed(designs, rng, paths=False))
        else:  # a call has one stream of sensor noise for all domains: a regression would take it for exact
            for design in designs:
                parts.append(self._replayed(design[None], rng, paths=True))
                self.paths.add(design[None, self.active], parts[-1])
        names = self._declared()
        stacked = np.concatenate([np.stack([part.outcome[name] for name in names], axis=-1) for part in parts])
        shape = (len(designs) * repeats, len(self.segments), len(names))
        simulated = np.moveaxis(stacked, 2, 1).reshape(shape)  # (k, e, r, m) -> (k r, e, m)
        told = np.zeros((*shape[:2], len(self.trials.outcomes) - len(names)))
        self.trials = self.trials.extended(
            np.repeat(designs, repeats, axis=0), np.concatenate([simulated, told], axis=2)
        )
        self._read_paths()
        return self.trials.simulated[-len(simulated) :]

    def learn_to_read_paths(self) -> None:
        """Read paths, from now on and those before too, as the last sweep's replays teach it."""
        self.fitted = len(self.trials.designs) // self.in_sweep - 1
        self._read_paths()

    def exam(self, contrast: Array) -> Exam:
        """Return the means to examine the likelihood: the last sweep's replays, and where their designs came from."""
        rows = np.arange(len(self.trials.designs))
        return Exam(rows[-self.in_sweep :], contrast)

    def diagnostics(self) -> dict[str, float]:
        """Return what a user should know of these replays."""
        figures = {
            "replay_env_steps": float(self.env_steps),
            "designs": float(len(self.trials.designs)),
            "real_episodes": float(sum(len(each.observed) for each in self.pool)),
            "diverged_share": float(np.isnan(self.trials.simulated).any(axis=2).mean()),
        }
        if added := len(self.trials.outcomes) - len(self._declared()):
            figures["paths_told"] = float(np.isfinite(self.trials.observed[:, -added:]).mean())
        return figures

    def _declared(self) -> list[str]:
        declared = {outcome.name for outcome in self.evidence.replay.outcomes}
        return [outcome.name for outcome in self.trials.outcomes if outcome.name in declared]

    def _replayed(self, designs: Array, rng: np.random.Generator, *, paths: bool) -> Replayed:
        domains = self.space.from_unit(designs)
        replayed = self.evidence.replay(domains, self.segments, rng, repeats=self.options.repeats, paths=paths)
        self.env_steps += replayed.env_steps
        return replayed

    def _read_paths(self) -> None:
        if self.paths is None:
            return
        told, simulated = self.paths.designs.shape[1], self.trials.simulated.copy()
        diverged: BoolArray = np.asarray(np.isnan(simulated[:, :, :-told]).all(axis=2))  # (k, e)
        rows = np.arange(len(simulated)) // self.in_sweep == self.fitted
        real, estimates = self.paths.estimates(rows & ~diverged.any(axis=1))
        simulated[:, :, -told:] = np.where(diverged[:, :, None], np.nan, estimates)
        observed = np.concatenate([self.trials.observed[:, :-told], real], axis=1)
        self.trials = replace(self.trials, observed=observed, simulated=simulated)
