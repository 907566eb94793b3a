"""Episodes of any target in a log: what its sensors said and what was sent, nothing that only a simulator knows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

import sim2real_envs
from sim2real.errors import PolicyError, RecordingError, TooManyDivergences
from sim2real.experiment.spec import ExperimentSpec
from sim2real.experiment.streams import generator
from sim2real.experiment.target_specs import PseudoReal, RecordingTarget
from sim2real.gap.statistics import Rate, wilson
from sim2real.policy import Policy, for_episode, load_policy
from sim2real.record_recordings import log_of_recordings
from sim2real.recordings.log import Log, LogEpisode, Origin, pair, write_log
from sim2real.recordings.sensed import FRAMES, Env, Facts, facts_of, log_episode, sensing
from sim2real.rollouts import SEEDS, allowed_divergences
from sim2real.workers import Advance, Box, WorkerPool
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace

Recipe: TypeAlias = tuple[str, dict[str, Any]]
Driver: TypeAlias = Literal["expert", "excitation"] | Policy
Act: TypeAlias = Callable[[Any], NDArray[Any]]

_MEMORY, _STRENGTH = 0.8, 0.5  # of the excitation: correlation from step to step, and standard deviation


class Job(NamedTuple):
    """One episode: its number, its seed, and the seed of what excites it."""

    number: int
    seed: int
    excitation: int


@dataclass(frozen=True)
class Recorded:
    """What was written: where, the log itself, and how often the task was done; None where nothing was attempted."""

    path: Path
    log: Log
    success: Rate | None


def record_target(
    spec: ExperimentSpec,
    target: str,
    path: str | os.PathLike[str],
    *,
    episodes: int,
    driver: Driver = "excitation",
    driver_name: str = "",
    seed: int = 0,
    workers: int = 2,
    force: bool = False,
    progress: Advance | None = None,
) -> Recorded:
    """Run episodes on a target of an experiment, or take its recordings, and write them as a log.

    Row k has what the sensors said at time k, and what was sent right after. The log names the environment and the
    target, never the target's domain. A robot needs a policy; once safety has stopped it, what is finished is written.

    Args:
        spec: The experiment.
        target: Name of one of its targets.
        path: The log, both files whole or not there.
        episodes: How many.
        driver: A policy, ``"expert"`` for the scripted expert of the task, or ``"excitation"``: smooth random actions,
            ``a' = 0.8 a + 0.6 N(0, 0.5)`` within [-1, 1], for a log to identify from.
        driver_name: How the log calls a policy.
        seed: Of starts, sensors and excitation.
        workers: Processes; the log does not depend on their number.
        force: Whether a log that is there is replaced.
        progress: Called with (done, total) episodes.

    Raises:
        UnknownNameError: If the experiment has no such target, or its task no expert.
        InsufficientEvidence: If there are fewer recordings than asked for.
        OptionError: If ``episodes < 1``, or the environment cannot be logged.
        TooManyDivergences: If more than a few episodes diverge.
        RecordingError: If the log is there already, or cannot be written.
    """
    if episodes < 1:
        raise OptionError(f"`episodes >= 1` must hold, but got episodes={episodes}.")
    if target not in spec.targets:
        raise UnknownNameError(target, f"a target of {spec.name}", spec.targets)
    entry = spec.targets[target]
    rows, header = pair(path)
    if not force and (rows.exists() or header.exists()):
        raise RecordingError(f"{rows} is there already: give another name, or --force (force=True) to replace it.")
    if isinstance(entry, RecordingTarget):
        if driver != "excitation":
            raise OptionError("Nobody drives recordings: leave out --policy and --expert.")
        log = log_of_recordings(entry, spec.env.id, spec.env.options, episodes)
        return Recorded(write_log(path, log), log, None)
    seeds = generator(seed, spec.env.id, target, "record").integers(SEEDS, size=(episodes, 2)).tolist()
    name = driver if isinstance(driver, str) else driver_name or "policy"
    extra: dict[str, Any] = {
        "env": {"id": spec.env.id, "options": dict(spec.env.options)},
        "experiment": spec.name,
        "target": target,
    }
    extra |= {"driver": name, "seed": seed}
    origin: Origin = "pseudo-real"
    if isinstance(entry, PseudoReal):
        recipe: Recipe = (spec.env.id, {**spec.env.options, **entry.world_options})
        facts, space = _look(recipe, driver)
        jobs = [Job(number, *pair_) for number, pair_ in enumerate(seeds)]
        common = (recipe, space.complete(entry.truth(space)), driver)
        with WorkerPool(min(workers, episodes)) as pool:
            finished = pool.map(_record, common, jobs, progress=progress)
        good = _without_divergences(finished, target)
    else:
        facts, good, origin = _of_robot(entry, driver, [first for first, _ in seeds], progress)
    log = Log(
        signals=facts.signals,
        episodes=good,
        rate=facts.rate,
        origin=origin,
        description=f"{spec.env.id} on the {origin} target {target!r}, driven by: {name}.",
        robot=facts.robot,
        joints=facts.joints,
        frames=FRAMES,
        source="sim2real record",
        extra=extra | {"outcomes": dict(facts.outcomes)},
    )
    successes = sum(bool(episode.success) for episode in good)
    return Recorded(write_log(path, log), log, wilson(successes, len(good)))


def find_policy(place: str | os.PathLike[str]) -> Policy:
    """Return a policy by its own folder, that of its piece, or ``RUN/<piece>``.

    Raises:
        PolicyError: If there is none.
    """
    folder = Path(place)
    for candidate in (folder, folder / "policy", folder.parent / "pieces" / folder.name / "policy"):
        if (candidate / "policy.json").is_file():
            return load_policy(candidate)
    raise PolicyError(f"{str(place)!r} has no policy. Name a piece of a run, such as results/quickstart/<run>/<piece>.")


def _of_robot(
    entry: Any, driver: Driver, seeds: list[int], progress: Advance | None
) -> tuple[Facts, tuple[LogEpisode, ...], Origin]:
    """Run episodes on a robot, one after the other; what was finished before it was stopped is kept."""
    from sim2real.record_robot import record_robot_episode, robot_facts
    from sim2real.targets.robot import RobotTarget

    if isinstance(driver, str):
        raise OptionError(f"A robot is recorded with a policy (--policy), but got {driver!r}.")
    target = RobotTarget(entry.robot, entry.mapping, **entry.model_dump(exclude={"type", "robot", "mapping"}))
    found: list[LogEpisode] = []
    try:
        for number, seed in enumerate(seeds):
            if target.env.stopped and found:
                break
            found.append(record_robot_episode(target.env, driver, number=number, seed=seed))
            if progress is not None:
                progress(number + 1, len(seeds))
        return robot_facts(target.env), tuple(found), target.kind
    finally:
        target.close()


def _look(recipe: Recipe, driver: Driver) -> tuple[Facts, ParameterSpace]:
    """Return what the world logs and its parameters, after checking that the driver can drive it."""
    env = _make(recipe)
    try:
        facts, world = facts_of(env), sensing(env)
        observation, _ = env.reset(seed=0)
        if driver == "expert":
            world.expert_action()
        elif not isinstance(driver, str):
            for_episode(driver)(observation)
        return facts, world.parameter_space
    finally:
        env.close()


def _make(recipe: Recipe) -> Env:
    env_id, options = recipe
    return sim2real_envs.make(env_id, **options)


def _record(box: Box, common: tuple[Recipe, Mapping[str, float], Driver], job: Job) -> LogEpisode:
    recipe, domain, driver = common
    key = json.dumps(recipe, sort_keys=True, default=repr)
    env = box.keep(key, lambda: _make(recipe))
    episode = log_episode(env, _act(env, driver, job), number=job.number, seed=job.seed, domain=domain)
    if episode.failure_mode == "diverged":
        box.discard(key)  # an engine that has seen NaN is not trusted with the next episode
    return episode


def _act(env: Env, driver: Driver, job: Job) -> Act:
    if driver == "expert":
        return lambda observation: sensing(env).expert_action()
    if not isinstance(driver, str):
        policy = for_episode(driver)
        return lambda observation: np.asarray(policy(observation), dtype=np.float32)
    rng, last = np.random.default_rng(job.excitation), np.zeros(env.action_space.shape or ())

    def excite(observation: Any) -> NDArray[Any]:
        fresh = np.sqrt(1.0 - _MEMORY * _MEMORY) * rng.normal(0.0, _STRENGTH, size=last.shape)
        last[:] = np.clip(_MEMORY * last + fresh, -1.0, 1.0)
        return last.astype(np.float32)

    return excite


def _without_divergences(episodes: tuple[LogEpisode, ...], target: str) -> tuple[LogEpisode, ...]:
    good = tuple(episode for episode in episodes if episode.failure_mode != "diverged")
    lost, allowed = len(episodes) - len(good), allowed_divergences(len(episodes))
    if lost > allowed or not good:
        raise TooManyDivergences(
            f"{lost} of {len(episodes)} episodes on {target!r} diverged, more than the {allowed} allowed."
        )
    return good
