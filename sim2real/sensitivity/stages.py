"""Where a screening is played: an environment with somebody who acts, or a rig with recorded motions to begin from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

import sim2real_envs
from sim2real.recordings import Recording
from sim2real.rollouts import Env, Job, run_episode
from sim2real.sensitivity.drivers import Driver
from sim2real.sensitivity.repeats import repeated
from sim2real.targets.starts import drawn_start
from sim2real.workers import Box
from sim2real_envs import rigs
from sim2real_envs.outcomes import Outcome
from sim2real_envs.state import WorldState


class Trial(NamedTuple):
    """One episode.

    ``domain``: where it differs from nominal; ``seed``: of noise, disturbances and how the start is repeated;
    ``start``: None where it is to be drawn; ``choice``: what is chosen once a block: random actions, or a recording.
    """

    domain: Mapping[str, float]
    seed: int
    start: WorldState | None
    choice: int


class Ended(NamedTuple):
    """How an episode began and ended: outcomes in their declared order, NaN where the world diverged."""

    start: WorldState
    outcome: list[float]
    success: bool


class Stage(Protocol):
    """Plays trials in a worker; picklable."""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What an episode measures."""

    def cost(self, episodes: int) -> str:
        """Return what so many episodes take, in words."""

    def play(self, box: Box, trial: Trial) -> Ended:
        """Run one episode."""


def run_trial(box: Box, stage: Stage, trial: Trial) -> Ended:
    """Run one episode on a stage: an errand of a ``WorkerPool``."""
    return stage.play(box, trial)


@dataclass(frozen=True)
class EnvStage:
    """Episodes of an environment.

    Args:
        env_id: The environment.
        options: Its options.
        driver: Who acts.
        outcomes: What its episodes measure.
        horizon: Control steps of an episode at most.
        action_size: Numbers in an action.
    """

    env_id: str
    options: Mapping[str, Any]
    driver: Driver
    outcomes: tuple[Outcome, ...]
    horizon: int
    action_size: int

    def cost(self, episodes: int) -> str:
        """Return the episodes and the env steps that they take at most."""
        return f"{episodes} episodes, at most {episodes * self.horizon} env steps"

    def play(self, box: Box, trial: Trial) -> Ended:
        """Run an episode from the trial's start, repeated as its seed says, or from a start that the seed draws."""
        key = json.dumps([self.env_id, dict(self.options)], sort_keys=True, default=repr)
        env = cast(Env, box.keep(key, lambda: sim2real_envs.make(self.env_id, **self.options)))
        start = None if trial.start is None else repeated(trial.start, trial.seed)
        actions = self.driver.actions(trial.choice, self.horizon, self.action_size)
        episode = run_episode(
            env, self.driver.policy_in(env), Job(trial.seed, trial.domain, start, actions), "outcomes"
        )
        if episode.failure_mode == "diverged":
            box.discard(key)  # an engine that has seen NaN is not trusted with the next episode
        return Ended(episode.start, [episode.outcome[each.name] for each in self.outcomes], episode.success)


@dataclass(frozen=True)
class RigStage:
    """Recorded motions, begun again in a rig and driven as they were.

    Args:
        rig: Its name.
        options: What it is made with.
        outcomes: What it measures of a motion.
        recordings: The motions.
    """

    rig: str
    options: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    recordings: tuple[Recording, ...]

    def cost(self, episodes: int) -> str:
        """Return the motions."""
        return f"{episodes} simulated motions"

    def play(self, box: Box, trial: Trial) -> Ended:
        """Simulate the trial's recording, from a start that may have been measured as the recorded one."""
        key = json.dumps([self.rig, dict(self.options)], sort_keys=True, default=repr)
        rig = cast(rigs.Rig, box.keep(key, lambda: rigs.make(self.rig, **self.options)))
        recording = self.recordings[trial.choice % len(self.recordings)]
        measured = recording.start
        start = measured if trial.start is None else drawn_start(measured, np.random.default_rng(trial.seed))
        domain = rig.parameters.complete(trial.domain)
        path = rig.simulate(domain, start, recording.actions, recording.times)
        if path.diverged:
            box.discard(key)
            return Ended(measured, [float("nan")] * len(self.outcomes), False)
        found = rig.measure(path.times, path.values)
        return Ended(measured, [float(found[each.name]) for each in self.outcomes], False)
