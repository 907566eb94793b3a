"""Training with Stable-Baselines3, cut into chunks that a killed call resumes from to the same bits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import PolicyError
from sim2real.policy import Policy
from sim2real.randomizers.base import Randomizer
from sim2real.training import checkpoint, models
from sim2real.training.base import Lesson
from sim2real.training.checkpoint import Checkpoint
from sim2real.training.fingerprint import fingerprint
from sim2real.training.memory import PLAIN, Learned, Memory
from sim2real.training.normalizer import Normalizer
from sim2real.training.ppo import LeanPPO
from sim2real.training.presets import Preset, find_preset
from sim2real.training.recurrent import require
from sim2real.training.streams import borrowed_globals, chunk_streams, seed_library
from sim2real.training.watch import Progress, Scalars, Watch, library_logger
from sim2real.training.worlds import DomainSupply, TrainingWorlds
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.vector import VectorWorlds


@dataclass(frozen=True)
class Sb3Trainer:
    """Trains with PPO or SAC in worlds that the randomizer sends to their domains.

    The result depends on the arguments of ``train`` and on these fields, except ``workers`` and ``start_method``.

    Args:
        env_id: Such as ``"PandaPush-v0"``, or any Gymnasium id.
        env_options: Options of its constructor.
        algorithm: ``"PPO"`` or ``"SAC"``.
        preset: Name of the hyper-parameters, or the hyper-parameters.
        workers: Processes that step the worlds; 0 steps them in this one.
        start_method: How workers are started; None is the platform's default.
        memory: What the policy remembers.
        known: The parameters that an asymmetric critic knows, in the ranges that make its unit cube; None for those
            of the randomizer. A training continues another only where both critics know the same.

    Raises:
        UnknownNameError: If preset or algorithm do not exist.
        OptionError: If the algorithm cannot train such a policy.
        MissingExtraError: If recurrent PPO is not installed.
    """

    env_id: str
    env_options: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = "PPO"
    preset: str | Preset = "push"
    workers: int = 2
    start_method: str | None = None
    memory: Memory = PLAIN
    known: ParameterSpace | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.preset, Preset):
            object.__setattr__(self, "preset", find_preset(self.preset, self.algorithm))
        if self.memory.kind == "recurrent":
            if self.algorithm != "PPO":
                raise OptionError(f"Only PPO trains a recurrent policy, but got algorithm={self.algorithm!r}.")
            require()

    @property
    def hyper_parameters(self) -> Preset:
        """The preset, looked up."""
        return self.preset if isinstance(self.preset, Preset) else find_preset(self.preset, self.algorithm)

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
        """Train for ``steps`` env steps, rounded up to whole rollouts.

        Args:
            policy: What an earlier training of this kind returned, to continue from; None starts from nothing.
            randomizer: Where domains come from; learns from training episodes between chunks.
            steps: Control steps, all worlds together.
            rng: One number is drawn from it.
            folder: Where checkpoints and TensorBoard files go. A call that was killed and is repeated with the same
                arguments and folder ends with the same bits as an undisturbed one.
            progress: Called with (steps done, steps in total).

        Raises:
            PolicyError: If ``policy`` does not fit.
            TooManyDivergences: If more than a few training episodes diverge.
            RunFolderError: If ``folder`` cannot be written, or holds another training.
            WorkerError: If a worker dies.
        """
        if policy is not None and not isinstance(policy, self.memory.kept):
            article = "an" if self.memory.kind == "mlp" else "a"
            raise PolicyError(
                f"A training can only continue from {article} {self.memory.kept.__name__}, "
                f"but got {type(policy).__name__}."
            )
        if folder is not None:
            checkpoint.prepare(folder)
        entropy = int(rng.integers(2**63))
        with borrowed_globals(), _worlds(self, randomizer) as worlds:
            training = _Training(self, worlds, policy, randomizer, steps, entropy, folder, progress)
            return training.run()


@contextmanager
def _worlds(trainer: Sb3Trainer, randomizer: Randomizer) -> Iterator[TrainingWorlds]:
    make_env = trainer.memory.maker(trainer.env_id, trainer.env_options, _known(trainer, randomizer))
    count = trainer.hyper_parameters.worlds
    columns = randomizer.space.names
    vector = VectorWorlds(make_env, count, trainer.workers, columns=columns, start_method=trainer.start_method)
    with closing(vector):
        yield TrainingWorlds(vector)


def _known(trainer: Sb3Trainer, randomizer: Randomizer) -> ParameterSpace:
    return randomizer.space if trainer.known is None else trainer.known


class _Training:
    """One call of ``train``."""

    def __init__(
        self,
        trainer: Sb3Trainer,
        worlds: TrainingWorlds,
        policy: Learned | None,
        randomizer: Randomizer,
        steps: int,
        entropy: int,
        folder: Path | None,
        progress: Progress | None,
    ) -> None:
        self._trainer, self._preset, self._worlds = trainer, trainer.hyper_parameters, worlds
        self._policy, self._start, self._entropy = policy, randomizer, entropy
        self._folder, self._progress = folder, progress
        rollout = models.rollout_steps(trainer.algorithm, self._preset)
        self._total = -(-max(steps, 0) // rollout) * rollout
        self._chunk = -(-self._preset.chunk_steps // rollout) * rollout
        known = _known(trainer, randomizer)
        self._known = trainer.memory.known(known)
        self._fingerprint = fingerprint(
            trainer.env_id,
            trainer.env_options,
            trainer.algorithm,
            trainer.hyper_parameters,
            policy,
            randomizer,
            steps,
            entropy,
            trainer.memory.to_dict(known),
        )

    def run(self) -> Lesson:
        reached = None if self._folder is None else checkpoint.load(self._folder, self._fingerprint)
        first_step = 0 if reached is None else reached.env_steps
        if reached is None or first_step < self._total:
            with self._open_scalars(first_step) as scalars:
                while reached is None or reached.env_steps < self._total:
                    reached = self._run_chunk(reached, scalars)
                    if self._folder is not None:
                        reached.save(self._folder)
        elif self._progress is not None:
            self._progress(self._total, self._total)
        return self._lesson(reached)

    @contextmanager
    def _open_scalars(self, first_step: int) -> Iterator[Scalars | None]:
        if self._folder is None:
            yield None
            return
        with closing(Scalars(self._folder / "tensorboard", first_step)) as scalars:
            yield scalars

    def _run_chunk(self, before: Checkpoint | None, scalars: Scalars | None) -> Checkpoint:
        number = 0 if before is None else before.chunks
        streams = chunk_streams(self._entropy, number)
        space_seed = seed_library(streams.library)
        model, normalizer = self._model(before)
        model.action_space.seed(space_seed)
        if isinstance(model, LeanPPO):
            model.exploration = streams.exploration
        randomizer = self._randomizer(before)
        self._worlds.begin(DomainSupply(randomizer, streams.domains, streams.seeds))
        model.set_logger(library_logger(scalars))
        watch = Watch(self._worlds, self._total, () if before is None else before.curve, self._progress, scalars)
        budget = min(self._chunk, self._total - model.num_timesteps)
        if budget > 0:
            _learn(model, budget, watch)
            randomizer = randomizer.update_from_training(self._worlds.practice(), streams.update)
        return Checkpoint(
            fingerprint=self._fingerprint,
            chunks=number + 1,
            env_steps=model.num_timesteps,
            model=models.state_of(model),
            normalizer=normalizer.arrays(),
            randomizer=json.loads(json.dumps(randomizer.to_dict())),
            curve=tuple(watch.curve),
        )

    def _model(self, before: Checkpoint | None) -> tuple[models.Model, Normalizer]:
        normalizer = Normalizer(self._worlds, gamma=self._preset.gamma, known=self._known)
        done = 0 if before is None else before.env_steps
        preset = self._preset.at(min(done / max(self._total - self._chunk, 1), 1.0))
        model = models.build(self._trainer.algorithm, preset, normalizer, self._trainer.memory, self._known)
        if before is not None:
            models.restore(model, before.model)
            normalizer.restore(before.normalizer)
        elif self._policy is not None:
            models.continue_from(model, normalizer, self._policy)
        return model, normalizer

    def _randomizer(self, before: Checkpoint | None) -> Randomizer:
        if before is None:
            return self._start
        return type(self._start).from_dict(self._start.space, before.randomizer)

    def _lesson(self, reached: Checkpoint) -> Lesson:
        model, normalizer = self._model(reached)
        policy = models.to_policy(model, normalizer, self._trainer.env_id, self._trainer.memory)
        return Lesson(policy, self._randomizer(reached), reached.env_steps, reached.curve)


def _learn(model: models.Model, budget: int, watch: Watch) -> None:
    try:
        model.learn(budget, callback=watch, log_interval=1, reset_num_timesteps=False)
    except (ValueError, FloatingPointError):  # how torch and our PPO meet weights that are not finite
        models.check_finite(model)
        raise
    models.check_finite(model)
