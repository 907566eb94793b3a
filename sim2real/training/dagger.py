"""DAgger: a learner drives, a scripted expert says what it would have done, and regression does the rest.

Ross, Gordon, Bagnell, "A Reduction of Imitation Learning and Structured
Prediction to No-Regret Online Learning", AISTATS 2011, algorithm 3.1, with the
driver drawn per episode instead of per step. Cut into chunks, one an iteration,
that a killed call resumes from to the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2real.conv_policy import ConvPolicy
from sim2real.errors import PolicyError
from sim2real.policy import KeptPolicy, MlpPolicy, Policy
from sim2real.randomizers.base import Randomizer
from sim2real.training import checkpoint, lessons
from sim2real.training.base import CurvePoint, Lesson
from sim2real.training.checkpoint import Checkpoint
from sim2real.training.conv_student import ConvStudent
from sim2real.training.drive import Drive
from sim2real.training.fingerprint import fingerprint
from sim2real.training.labels import Packing, make_labelled, packing_of
from sim2real.training.lessons import Labels
from sim2real.training.presets import ImitationPreset, find_imitation_preset
from sim2real.training.streams import ChunkStreams, borrowed_globals, chunk_streams, seed_library
from sim2real.training.students import MlpStudent, Student
from sim2real.training.watch import Progress, Scalars
from sim2real.training.worlds import DomainSupply, TrainingWorlds
from sim2real_envs.vector import FinishedEpisode, VectorWorlds


@dataclass(frozen=True)
class DaggerTrainer:
    """Trains by imitation of the environment's scripted expert, in worlds that the randomizer sends to their domains.

    The result depends on the arguments of ``train`` and on these fields, except ``workers`` and ``start_method``.

    Args:
        env_id: Such as ``"PandaPush-v0"``, or any Gymnasium id whose ``unwrapped`` has an ``expert_action()``.
        env_options: Options of its constructor.
        preset: Name of the hyper-parameters, or the hyper-parameters.
        workers: Processes that step the worlds; 0 steps them in this one.
        start_method: How workers are started; None is the platform's default.

    Raises:
        UnknownNameError: If the preset does not exist.
    """

    env_id: str
    env_options: Mapping[str, Any] = field(default_factory=dict)
    preset: str | ImitationPreset = "push"
    workers: int = 2
    start_method: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "preset", self.hyper_parameters)

    @property
    def hyper_parameters(self) -> ImitationPreset:
        """The preset, looked up."""
        return self.preset if isinstance(self.preset, ImitationPreset) else find_imitation_preset(self.preset)

    def train(
        self,
        policy: Policy | None,
        randomizer: Randomizer,
        steps: int,
        rng: np.random.Generator,
        *,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> Lesson:
        """Train for ``steps`` env steps, rounded up to one more of every world.

        Args:
            policy: A policy to continue the regression from; None starts from nothing.
            randomizer: Where domains come from; learns from the learner's and the expert's episodes between chunks.
            steps: Control steps, all worlds together.
            rng: One number is drawn from it.
            folder: Where checkpoints, labelled observations (until the training is over) and TensorBoard files go. A
                call that was killed and is repeated with the same arguments and folder ends with the same bits as an
                undisturbed one.
            progress: Called with (steps done, steps in total).

        Returns:
            The lesson; its curve counts the learner's episodes only.

        Raises:
            OptionError: If the environment has no expert, or what would be kept takes more than 4 GiB.
            PolicyError: If ``policy`` does not fit.
            TooManyDivergences: If more than a few training episodes diverge.
            RunFolderError: If ``folder`` cannot be written, or holds another training.
            WorkerError: If a worker dies.
        """
        if policy is not None and not isinstance(policy, MlpPolicy | ConvPolicy):
            raise PolicyError(
                f"A training can only continue from an MlpPolicy or a ConvPolicy, but got {type(policy).__name__}."
            )
        if folder is not None:
            checkpoint.prepare(folder)
        entropy = int(rng.integers(2**63))
        with borrowed_globals(), _worlds(self, randomizer) as (worlds, packing):
            return _Training(self, worlds, packing, policy, randomizer, steps, entropy, folder, progress).run()


@contextmanager
def _worlds(trainer: DaggerTrainer, randomizer: Randomizer) -> Iterator[tuple[TrainingWorlds, Packing]]:
    make_env = partial(make_labelled, trainer.env_id, dict(trainer.env_options))
    with closing(make_env()) as env:
        packing = packing_of(env.env)  # type: ignore[attr-defined]
    count, columns = trainer.hyper_parameters.worlds, randomizer.space.names
    vector = VectorWorlds(make_env, count, trainer.workers, columns=columns, start_method=trainer.start_method)
    with closing(vector):
        yield TrainingWorlds(vector), packing


class _Training:
    """One call of ``train``."""

    def __init__(
        self,
        trainer: DaggerTrainer,
        worlds: TrainingWorlds,
        packing: Packing,
        policy: KeptPolicy | None,
        randomizer: Randomizer,
        steps: int,
        entropy: int,
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self._trainer, self._preset, self._worlds, self._packing = trainer, trainer.hyper_parameters, worlds, packing
        self._policy, self._start, self._entropy = policy, randomizer, entropy
        self._folder, self._progress = folder, progress
        self._total = -(-max(steps, 0) // worlds.num_envs) * worlds.num_envs
        self._chunk = -(-self._preset.chunk_steps // worlds.num_envs) * worlds.num_envs
        self._data = Labels(packing, self._total)
        self._fingerprint = fingerprint(
            trainer.env_id, trainer.env_options, "DAgger", trainer.hyper_parameters, policy, randomizer, steps, entropy
        )

    def run(self) -> Lesson:
        reached = None if self._folder is None else checkpoint.load(self._folder, self._fingerprint)
        if reached is None or reached.env_steps < self._total:
            if reached is not None and self._folder is not None:
                self._data.load(self._folder, reached.chunks)
            with self._open_scalars(0 if reached is None else reached.env_steps) as scalars:
                while reached is None or reached.env_steps < self._total:
                    reached = self._run_chunk(reached, scalars)
        elif self._progress is not None:
            self._progress(self._total, self._total)
        if self._folder is not None:
            lessons.discard(self._folder)
        policy = self._student(reached).to_policy(self._trainer.env_id)
        return Lesson(policy, self._randomizer(reached), reached.env_steps, reached.curve)

    def _open_scalars(self, first_step: int) -> Any:
        if self._folder is None:
            return nullcontext()
        return closing(Scalars(self._folder / "tensorboard", first_step))

    def _run_chunk(self, before: Checkpoint | None, scalars: Scalars | None) -> Checkpoint:
        number, done = (0, 0) if before is None else (before.chunks, before.env_steps)
        streams = chunk_streams(self._entropy, number)
        seed_library(streams.library)
        student, randomizer = self._student(before), self._randomizer(before)
        curve = () if before is None else before.curve
        budget = min(self._chunk, self._total - done)
        if budget > 0:
            curve += self._collect(student, randomizer, streams, number, done, budget, scalars)
            loss = self._fit(student, streams, last=done + budget == self._total)
            if scalars is not None:
                scalars.add({"train/loss": loss}, done + budget)
            randomizer = randomizer.update_from_training(self._worlds.practice(), streams.update)
        reached = Checkpoint(
            fingerprint=self._fingerprint,
            chunks=number + 1,
            env_steps=done + budget,
            model=student.state(),
            normalizer=student.statistics(),
            randomizer=json.loads(json.dumps(randomizer.to_dict())),
            curve=curve,
        )
        if self._folder is not None:
            self._data.save(self._folder, number, done)
            reached.save(self._folder)
        return reached

    def _collect(
        self,
        student: Student,
        randomizer: Randomizer,
        streams: ChunkStreams,
        number: int,
        done: int,
        budget: int,
        scalars: Scalars | None,
    ) -> tuple[CurvePoint, ...]:
        share = 0.0 if self._policy is not None else self._preset.expert_decay**number
        self._worlds.begin(DomainSupply(randomizer, streams.domains, streams.seeds))
        drive = Drive(self._worlds, self._packing, student.act, share, self._preset.noise, streams.exploration)
        for step in range(budget // self._worlds.num_envs):
            self._data.add(*drive.step())
            if self._progress is not None and step % 50 == 49:
                self._progress(done + (step + 1) * self._worlds.num_envs, self._total)
        if self._progress is not None:
            self._progress(done + budget, self._total)
        return _point(drive.learners, done + budget, scalars)

    def _fit(self, student: Student, streams: ChunkStreams, *, last: bool) -> float:
        generator = torch.Generator().manual_seed(int(streams.library.integers(2**31)))
        return student.fit(self._data, self._preset.last_updates if last else self._preset.updates, generator)

    def _student(self, before: Checkpoint | None) -> Student:
        kind = MlpStudent if len(self._packing.shape) == 1 else ConvStudent
        student: Student = kind(self._preset, self._packing)
        if before is not None:
            student.restore(before.model, before.normalizer)
        elif self._policy is not None:
            student.continue_from(self._policy)
        return student

    def _randomizer(self, before: Checkpoint | None) -> Randomizer:
        if before is None:
            return self._start
        return type(self._start).from_dict(self._start.space, before.randomizer)


def _point(episodes: list[FinishedEpisode], env_steps: int, scalars: Scalars | None) -> tuple[CurvePoint, ...]:
    count = len(episodes)
    if count == 0:
        return ()
    success = sum(episode.success for episode in episodes) / count
    mean_return = sum(episode.total_reward for episode in episodes) / count
    if scalars is not None:
        scalars.add({"episodes/success": success, "episodes/return": mean_return}, env_steps)
    return (CurvePoint(env_steps, count, success, mean_return),)
