"""A pseudo-real robot: a simulator with a domain that neither agent nor randomizer sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from sim2real.episodes import Episode
from sim2real.evidence import Need
from sim2real.policy import Policy
from sim2real.rollouts import SEEDS, Job, Log, Rollouts, refuse_divergences
from sim2real.targets.starts import asked_starts
from sim2real.workers import Advance
from sim2real_envs.parameters import Domain, ParameterSpace
from sim2real_envs.state import WorldState


class HiddenTarget:
    """A simulated stand-in for reality, with a hidden domain.

    It tells what a robot's sensors and a person with a stopwatch would: outcomes, the measured start with its spread
    and, with ``log="sensors"``, observations as the simulated sensors measured them, actions as the policy gave them,
    and what the sensors said of the world at every control step. An episode has no domain and no seed, and no true
    state ever leaves the worker.

    Args:
        rollouts: The environment and the workers that run it.
        domain: Where the hidden domain differs from nominal.
        log: ``"outcomes"`` leaves observations, actions and states out.
        progress: Called with (done, total) episodes.

    Raises:
        UnknownNameError: If ``domain`` names a parameter that the environment has not.
        ParameterError: If a value lies beyond its limits.
    """

    kind: Literal["pseudo-real"] = "pseudo-real"

    def __init__(
        self, rollouts: Rollouts, domain: Domain, *, log: Log = "sensors", progress: Advance | None = None
    ) -> None:
        self._rollouts, self._log, self._progress = rollouts, log, progress
        self._truth = rollouts.facts.space.complete(domain)

    @property
    def offers(self) -> Need:
        """Outcomes; where sensors are logged trajectories too, and states if the environment can tell them."""
        if self._log != "sensors":
            return Need.OUTCOMES
        states = Need.STATES if self._rollouts.facts.states else Need.NOTHING
        return Need.OUTCOMES | Need.TRAJECTORIES | states

    @property
    def space(self) -> ParameterSpace:
        """The parameters of its world, which may be others than those of the training simulator."""
        return self._rollouts.facts.space

    @property
    def truth(self) -> dict[str, float]:
        """The hidden domain, complete: for the ``oracle`` method and for the report, for nothing else."""
        return dict(self._truth)

    def collect(
        self,
        policy: Policy | None,
        episodes: int,
        rng: np.random.Generator,
        starts: Sequence[WorldState] | None = None,
    ) -> tuple[Episode, ...]:
        """Run episodes of ``policy`` in the hidden domain, placed at ``starts`` by its sensors; a policy is needed."""
        places = asked_starts(starts, episodes)
        jobs = [
            Job(int(seed), self._truth, start, measured=True)
            for seed, start in zip(rng.integers(SEEDS, size=episodes), places, strict=True)
        ]
        finished = self._rollouts.run(policy, jobs, log=self._log, progress=self._progress)
        refuse_divergences(finished, self.kind)
        return finished

    def close(self) -> None:
        """Stop the workers if they are the rollouts' own; may be called twice."""
        self._rollouts.close()
