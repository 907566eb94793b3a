"""What the pieces of one run share: the workers, the simulator, the targets, the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from sim2real.experiment import spec as specs
from sim2real.experiment.files import locked
from sim2real.experiment.pieces import Piece, folder_name
from sim2real.experiment.simulator import Simulator
from sim2real.experiment.stages import WARM_UP, Stages
from sim2real.experiment.streams import generator
from sim2real.experiment.target_specs import PseudoReal
from sim2real.experiment.target_specs import RecordingTarget as RecordingSpec
from sim2real.experiment.target_specs import RobotTarget as RobotSpec
from sim2real.experiment.watch import Watch
from sim2real.policy import Policy
from sim2real.randomizers import Randomizer, resolve
from sim2real.randomizers.fixed import Fixed
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from sim2real.targets.recording import RecordingTarget
from sim2real.targets.robot import RobotTarget
from sim2real.training.base import Lesson, Trainer
from sim2real.workers import WorkerPool
from sim2real_envs.parameters import ParameterSpace


@dataclass
class Lab:
    """What the pieces of one run share; everything in it is made when it is first asked for.

    Args:
        spec: The experiment.
        folder: The run folder.
        watch: Is told of every stage.
        own_trainer: Used instead of the one that the spec names.
        workers: Processes that simulate, instead of those that the spec asks for; 0 for none but this.
    """

    spec: specs.ExperimentSpec
    folder: Path
    watch: Watch
    own_trainer: Trainer | None = None
    workers: int | None = None
    pool: WorkerPool = field(init=False)
    _tried: dict[str, HiddenTarget | RobotTarget] = field(init=False, default_factory=dict)
    _recordings: dict[str, RecordingTarget] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.pool = WorkerPool(self._workers)

    @property
    def _workers(self) -> int:
        return self.spec.workers if self.workers is None else self.workers

    @cached_property
    def space(self) -> ParameterSpace:
        """The uncertain parameters, with the ranges of the experiment."""
        return self.spec.space()

    @cached_property
    def nominal(self) -> Randomizer:
        """Every parameter at its nominal value."""
        return Fixed.create(self.space)

    @cached_property
    def rollouts(self) -> Rollouts:
        """Episodes of the experiment's environment."""
        return Rollouts(self.spec.env.id, self.spec.env.options, workers=self.pool)

    @cached_property
    def simulator(self) -> Simulator:
        """The simulated side."""
        return Simulator(self.rollouts, self.space, self.watch.advance)

    @cached_property
    def trainer(self) -> Trainer:
        """What trains policies."""
        return self._make_trainer(self.spec.env.options) if self.own_trainer is None else self.own_trainer

    def target(self, name: str) -> HiddenTarget | RobotTarget:
        """Return a target that a policy can be tried on."""
        if name not in self._tried:
            entry = self.spec.targets[name]
            if isinstance(entry, RobotSpec):
                self._tried[name] = self._robot(entry)
            else:
                self._tried[name] = self._pseudo_real(name, cast(PseudoReal, entry))
        return self._tried[name]

    def _pseudo_real(self, name: str, entry: PseudoReal) -> HiddenTarget:
        rollouts = Rollouts(self.spec.env.id, self.world_options(name), workers=self.pool)
        return HiddenTarget(rollouts, entry.truth(rollouts.facts.space), log=entry.log, progress=self.watch.advance)

    def _robot(self, entry: RobotSpec) -> RobotTarget:
        options = entry.model_dump(exclude={"type", "robot", "mapping"})
        return RobotTarget(entry.robot, entry.mapping, progress=self.watch.advance, **options)

    def truth(self, name: str) -> dict[str, float]:
        """Return the hidden domain of a target; empty where nobody knows it."""
        target = self.target(name)
        return target.truth if isinstance(target, HiddenTarget) else {}

    def world_options(self, target: str) -> dict[str, Any]:
        """Return the options that a pseudo-real target's environment is made with."""
        return {**self.spec.env.options, **cast(PseudoReal | RobotSpec, self.spec.targets[target]).world_options}

    def trainer_for(self, piece: Piece) -> Trainer:
        """Return what trains a piece's policies: in the training simulator or, for a ceiling, in the target's world."""
        oracle = resolve(self._method(piece).method).needs_truth
        options = self.world_options(piece.target)
        if not oracle or options == self.spec.env.options or self.own_trainer is not None:
            return self.trainer
        return self._make_trainer(options)

    def _make_trainer(self, options: Mapping[str, Any]) -> Trainer:
        from sim2real.training import Memory, make_trainer

        agent, env_id = self.spec.agent, self.spec.env.id
        memory = Memory(agent.policy, agent.history)
        return make_trainer(
            agent.algorithm,
            env_id,
            options,
            preset=agent.preset,
            workers=self._workers,
            memory=memory,
            known=self.space,
        )

    def _method(self, piece: Piece) -> specs.MethodSpec:
        return next(entry for entry in self.spec.methods if entry.label == piece.method)

    def recordings(self, name: str) -> RecordingTarget:
        """Return a target of recordings."""
        if name not in self._recordings:
            entry, env = cast(RecordingSpec, self.spec.targets[name]), self.spec.env
            self._recordings[name] = RecordingTarget(
                entry.data,
                rig=env.id,
                options=env.options,
                fit=entry.groups or entry.fit,
                split_seed=entry.split_seed,
                held_out=entry.held_out,
                window=entry.window,
                workers=self._workers,
                progress=self.watch.advance,
            )
        return self._recordings[name]

    def check(self) -> None:
        """Make every target once, so that what is missing is said before anything is trained or written."""
        for name in self.spec.targets:
            self.recordings(name) if self.spec.kind == "identify" else self.target(name)

    def randomizer(self, piece: Piece) -> Randomizer:
        """Return a method's randomizer before any evidence; the oracle's knows the target's own domain."""
        entry = self._method(piece)
        method = resolve(entry.method)
        if not method.needs_truth:
            return method.create(self.space, **entry.options)
        truth, whole = self.truth(piece.target), cast(HiddenTarget, self.target(piece.target)).space
        differs = [name for name in truth if name not in self.space and truth[name] != whole[name].nominal]
        space = self.space.subset([name for name in self.space if name in whole]) | whole.subset(differs)
        return method.create(space, **entry.options, domain={name: truth[name] for name in space})

    def shared(self, seed: int) -> Stages:
        """Return the stages that all methods of a seed share: the warm-up."""
        agent, env = self.spec.agent, self.spec.env.id
        folder = self.folder / "warmups" / folder_name(env, agent.algorithm, agent.preset, f"s{seed}")
        work = {f"stages/{WARM_UP}/lesson": agent.warmup_steps}
        return Stages(folder, f"{WARM_UP} · s{seed}", "fixed", self.watch, work)

    def trainings(self, piece: Piece, stage: str) -> Stages | None:
        """Return where a round's training is kept that is the same at all targets; None where it is the piece's own."""
        if not piece.origin:
            return None
        folder = self.folder / "trainings" / folder_name(piece.env, piece.method, f"s{piece.seed}", stage)
        work = {f"stages/{stage}/lesson": self.spec.agent.round_steps}
        return Stages(folder, f"{piece.method} · all targets · s{piece.seed}", piece.method, self.watch, work)

    def lesson(
        self,
        piece: Piece,
        record: Stages,
        round_index: int,
        policy: Policy | None,
        randomizer: Randomizer,
        rng: np.random.Generator,
    ) -> Lesson:
        """Return the training of a round; one that does not depend on the target is done once and charged to each."""
        stage, steps = f"round-{round_index:03}", self.spec.agent.round_steps
        shared = self.trainings(piece, stage)
        if shared is None:
            return record.lesson(stage, self.trainer_for(piece), policy, randomizer, steps, rng)
        with locked(shared.folder / ".lock"):
            lesson = shared.lesson(stage, self.trainer, policy, randomizer, steps, rng)
        record.include(shared)
        return lesson

    def warm_up(self, piece: Piece, record: Stages) -> Lesson:
        """Return the training under nominal parameters that all methods of a seed begin with, and charge it to each."""
        lesson, shared = self.warmed_up(piece.seed)
        record.include(shared)
        return lesson

    def warmed_up(self, seed: int) -> tuple[Lesson, Stages]:
        """Return the warm-up of a seed, trained now if it is not there, and where it is kept."""
        shared, stream = self.shared(seed), generator(seed, self.spec.env.id, WARM_UP)
        with locked(shared.folder / ".lock"):
            lesson = shared.lesson(WARM_UP, self.trainer, None, self.nominal, self.spec.agent.warmup_steps, stream)
        return lesson, shared

    def close(self) -> None:
        """Stop the workers."""
        for target in (*self._recordings.values(), *self._tried.values()):
            target.close()
        self.pool.close()
