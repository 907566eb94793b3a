"""A screening: what is asked, what it costs, and the episodes that answer it.

Every block (a trajectory of Morris, a base sample of Sobol) has a start of its own, and all its domains meet that
start, as their own sensors see it, and the same random streams: what differs between two of its episodes is the
domain. The one factor that is no parameter is the seed: another one repeats the trial with other noise and other
disturbances, and with objects put down as exactly as a hand can. Without that, a world free of noise would repeat
itself to the bit, and every hair that contact physics splits would pass for an effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

import sim2real_envs
from sim2real.errors import PolicyError, TooManyDivergences
from sim2real.experiment import catalogue
from sim2real.experiment.progress import Progress, Silent
from sim2real.experiment.streams import generator
from sim2real.recordings import DATA_SETS, load, rig_of
from sim2real.rollouts import SEEDS, World
from sim2real.sensitivity.design import (
    FEWEST,
    Design,
    Method,
    morris_design,
    require_salib,
    runs_of_a_block,
    sobol_design,
)
from sim2real.sensitivity.drivers import Driver, driver_in
from sim2real.sensitivity.findings import Findings
from sim2real.sensitivity.indices import analyze
from sim2real.sensitivity.stages import Ended, EnvStage, RigStage, Stage, Trial, run_trial
from sim2real.sensitivity.verdicts import SMALLEST
from sim2real.workers import WorkerPool
from sim2real_envs import rigs
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace

EPISODES = 6000
"""About so many episodes unless told otherwise: a minute or two on two idle cores for a push."""
_SHARES = 2**20  # the random streams of a block are told apart to this fraction of the last factor
_KNOWN = 2**30


@dataclass(frozen=True)
class Study:
    """What is asked of an environment; ``prepare`` checks and completes it.

    Args:
        env_id: The environment, or the rig.
        stage: Where its episodes are played.
        space: The parameters to screen, with their ranges.
        fixed: Parameters that were asked for but have a range of no width.
        driver: Who acts.
        method: ``"morris"`` or ``"sobol"``.
        blocks: Trajectories, or base samples.
        seed: Of everything that is random.
        smallest: Smaller changes are no effect, however certain [scales of the outcomes].
    """

    env_id: str
    stage: Stage
    space: ParameterSpace
    fixed: tuple[str, ...]
    driver: Driver
    method: Method
    blocks: int
    seed: int
    smallest: float

    @property
    def episodes(self) -> int:
        """How many episodes it takes: the design, and every start once in the nominal domain."""
        return self.blocks * (runs_of_a_block(self.method, len(self.space)) + 1)

    @property
    def cost(self) -> str:
        """What it takes, in words."""
        what = f"{self.blocks} {'trajectories' if self.method == 'morris' else 'samples'}"
        return (
            f"{self.method.title()} screening of {len(self.space)} parameters of {self.env_id}, driven by "
            f"{self.driver.name}: {what} of {self.episodes // self.blocks} episodes, "
            f"{self.stage.cost(self.episodes)}."
        )

    def run(self, *, workers: int = 2, progress: Progress | None = None) -> Findings:
        """Run all episodes and return what they tell; the numbers do not depend on ``workers``.

        Raises:
            TooManyDivergences: If fewer than ``FEWEST`` blocks are left without a diverged world.
            WorkerError: If a worker dies.
        """
        watch = progress or Silent()
        design = self.design()
        seeds = generator(self.seed, self.env_id, "sensitivity").integers(_KNOWN, size=(self.blocks, 2)).tolist()
        nominal = self.space.nominal()
        with WorkerPool(min(workers, self.blocks)) as pool:

            def play(what: str, trials: list[Trial]) -> tuple[Ended, ...]:
                watch.start(what, len(trials))
                ended = pool.map(run_trial, self.stage, trials, progress=lambda done, _: watch.advance(done))
                watch.finish()
                return ended

            began = time.monotonic()
            first = [Trial(nominal, _seed_of(seed, 0.0), None, choice) for seed, choice in seeds]
            reference = play("the starts in the nominal domain", first)
            each = (time.monotonic() - began) / len(first)
            rest = self.episodes - len(first)
            watch.message(f"{rest} episodes left, about {rest * each:.0f} s at the speed of the first {len(first)}.")
            trials = [
                Trial(self.space.to_domain(values), _seed_of(seed, float(point[-1])), ended.start, choice)
                for (seed, choice), ended, points in zip(seeds, reference, design.points, strict=True)
                for point, values in zip(points, self.space.from_unit(points[:, :-1]), strict=True)
            ]
            ended = play(f"{self.method} design", trials)
        measured = np.array([each.outcome for each in ended]).reshape(
            *design.points.shape[:2], len(self.stage.outcomes)
        )
        before = np.array([each.outcome for each in reference])  # (blocks, o)
        scales = np.array([outcome.scale for outcome in self.stage.outcomes])
        changes = (measured - before[:, None]) / scales
        binary = [outcome.kind == "binary" for outcome in self.stage.outcomes]
        indices = analyze(design, changes, binary=binary, seed=self.seed)
        self._refuse_divergences(int(indices.n.min()))
        return Findings(
            self.env_id,
            self.driver,
            self.method,
            self.blocks,
            self.episodes,
            self.seed,
            self.smallest,
            self.space,
            self.stage.outcomes,
            sum(each.success for each in reference),
            indices,
            self._notes(int(indices.n.min())),
        )

    def design(self) -> Design:
        """Return the points of the unit cube that are tried."""
        make = morris_design if self.method == "morris" else sobol_design
        number = int(generator(self.seed, self.env_id, "sensitivity", "design").integers(_KNOWN))
        return make(self.space.names, self.blocks, number)

    def _refuse_divergences(self, left: int) -> None:
        if left < FEWEST[self.method]:
            raise TooManyDivergences(
                f"Worlds diverged in {self.blocks - left} of {self.blocks} blocks, and {left} are too few to conclude "
                f"from: narrow the ranges, for instance of physics.timestep."
            )

    def _notes(self, left: int) -> tuple[str, ...]:
        notes = []
        if left < self.blocks:
            notes.append(
                f"{self.blocks - left} of {self.blocks} blocks are left out, because a world diverged in them."
            )
        if self.driver.kind == "expert" and any(name.startswith(("sensor.", "camera.")) for name in self.space):
            notes.append(
                "The expert looks at the true state, so sensors cannot change what it does, only what is measured: "
                "give a policy to see whether success depends on them."
            )
        if self.driver.kind == "recordings":
            notes.append(
                "Repeating a trial is here: the same motion from another start within what was measured of it."
            )
        if self.driver.kind == "random":
            notes.append("Random actions hardly succeed: what changes success is seen with an expert or a policy.")
        if self.fixed:
            notes.append(f"Left out, because their ranges have no width: {', '.join(self.fixed)}.")
        return tuple(notes)


def prepare(
    env_id: str,
    *,
    options: Mapping[str, Any] | None = None,
    space: Callable[[ParameterSpace], ParameterSpace] | None = None,
    driver: Driver | None = None,
    method: Method = "morris",
    blocks: int | None = None,
    seed: int = 0,
    smallest: float = SMALLEST,
    data: str | None = None,
    window: float | None = None,
) -> Study:
    """Return a screening that can be run, after checking everything that can be checked without an episode.

    Args:
        env_id: Such as ``"PandaPush-v0"``, or a rig such as ``"cube_toss"``.
        options: Constructor options of it.
        space: Chooses parameters and ranges of all that the environment has; None for all with default ranges.
        driver: Who acts; None for the scripted expert, or random actions where there is none.
        method: ``"morris"`` or ``"sobol"``.
        blocks: Trajectories, or base samples (a power of two); None for as many as about ``EPISODES`` episodes allow.
        seed: Of everything that is random.
        smallest: Smaller changes are no effect, however certain [scales of the outcomes].
        data: Of a rig: the recordings to begin from; None for the data set that the rig is for.
        window: Length of the windows that a log is cut into [s].

    Raises:
        MissingExtraError: If SALib is not installed.
        MissingDataError: If recordings are not there; says which command brings them.
        UnknownNameError: If the environment, a parameter or the data set does not exist.
        OptionError: If an option is refused, the recordings are not for this rig, or there are too few blocks.
        PolicyError: If the policy was trained in another environment.
    """
    require_salib()
    kind = catalogue.kind_of(env_id)
    known = {} if driver is None or driver.options is None else driver.options
    chosen = {**known, **(options or {})}
    whole = catalogue.parameter_space(kind, env_id, chosen)
    asked = whole if space is None else space(whole)
    active = asked.subset(name for name, parameter in asked.items() if parameter.low < parameter.high)
    if driver is not None and driver.env_id not in ("", env_id):
        raise PolicyError(f"{driver.name} was trained in {driver.env_id}, and cannot act in {env_id}.")
    if kind == "identify":
        stage, acting = _rig_stage(env_id, chosen, driver, data, window)
    elif data is None:
        stage, acting = _env_stage(env_id, chosen, driver)
    else:
        raise OptionError(f"{env_id} draws its own starts: recordings (--data) are for rigs.")
    study = Study(
        env_id,
        stage,
        active,
        tuple(name for name in asked if name not in active),
        acting,
        method,
        _blocks(method, len(active)) if blocks is None else blocks,
        seed,
        smallest,
    )
    study.design()
    return study


def _env_stage(env_id: str, options: Mapping[str, Any], driver: Driver | None) -> tuple[Stage, Driver]:
    env = sim2real_envs.make(env_id, **options)
    try:
        world, acting = cast(World, env.unwrapped), driver or driver_in(env)
        size = int(np.prod(env.action_space.shape or (1,)))
        return EnvStage(env_id, options, acting, world.outcomes, world.horizon, size), acting
    finally:
        env.close()


def _rig_stage(
    rig: str, options: Mapping[str, Any], driver: Driver | None, data: str | None, window: float | None
) -> tuple[Stage, Driver]:
    if driver is not None:
        raise OptionError(f"Nobody drives {rig}: a rig moves as it was recorded. Leave out --policy.")
    of_rig = [name for name, known in DATA_SETS.items() if known.rig == rig]
    if data is None and not of_rig:
        raise OptionError(f"Name the recordings that {rig} is to begin from (--data): the path of a log.")
    name = of_rig[0] if data is None else data
    if rig_of(name) != rig:
        raise OptionError(f"{name} is replayed in {rig_of(name)}, not in {rig}.")
    recordings = load(name, window=window)
    made = rigs.make(rig, **options)
    try:
        stage = RigStage(rig, options, made.outcomes, recordings)
    finally:
        made.close()
    return stage, Driver("recordings", f"{len(recordings)} recordings of {Path(name).name}")


def _blocks(method: Method, parameters: int) -> int:
    affordable = max(EPISODES // (runs_of_a_block(method, parameters) + 1), FEWEST[method])
    return affordable if method == "morris" else int(2 ** (affordable.bit_length() - 1))


def _seed_of(block: int, share: float) -> int:
    """Return the seed of a block's random streams, at a value in [0, 1] of the last factor."""
    return int(np.random.SeedSequence([block, int(share * _SHARES)]).generate_state(1)[0]) % SEEDS


def parameters_named(
    names: Mapping[str, tuple[float, float] | None],
) -> Callable[[ParameterSpace], ParameterSpace]:
    """Return what chooses parameters by their names or presets (``dynamics``), each with another range or its own."""

    def choose(whole: ParameterSpace) -> ParameterSpace:
        listed: dict[str, tuple[float, float] | None] = {}
        for name, span in names.items():
            in_preset = "." not in name and name not in whole
            listed |= dict.fromkeys(whole.preset(name)) if in_preset else {name: span}
        ranges = {name: span for name, span in listed.items() if span is not None}
        return whole.subset(listed).with_ranges(ranges)

    return choose
