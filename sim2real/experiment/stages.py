"""What has been finished, on disk; a stage that is there is read instead of run again.

A value that a stage returns was always read from its file, in an undisturbed
run too. A run that was killed at any byte and resumed therefore sees the same
values, and goes on to the same numbers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from sim2real.episodes import Episode
from sim2real.evidence import Evidence, Offer, Replay, Replayed, Segment
from sim2real.experiment.codecs import Codec, EpisodesCodec, LessonCodec, RandomizerCodec, StartsCodec
from sim2real.experiment.files import read_json, remove, replacing, write_json, write_text
from sim2real.experiment.watch import Watch
from sim2real.policy import Policy
from sim2real.randomizers.base import Randomizer
from sim2real.training.base import CurvePoint, Lesson, Trainer
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

P = ParamSpec("P")
T = TypeVar("T")
WARM_UP = "warm-up"
CURVE = "training,env_steps,episodes,success,mean_return"


@dataclass
class Stages:
    """The stages of one piece, or of a warm-up that pieces share.

    Args:
        folder: Where they are.
        label: What the piece is called while it runs.
        method: What results call its method.
        watch: Is told of every stage that runs.
        work: Env steps that stages take, by name; for the time left only.
        spent: Cost of the stages visited so far: ``env_steps``, ``replay_steps``, ``real_episodes_used``, ``seconds``.
    """

    folder: Path
    label: str
    method: str
    watch: Watch
    work: Mapping[str, int] = field(default_factory=dict)
    spent: Counter[str] = field(default_factory=Counter)
    curve: list[tuple[str, CurvePoint]] = field(default_factory=list)

    def once(
        self,
        stage: str,
        codec: Codec[T],
        compute: Callable[[], T],
        cost: Callable[[T], Mapping[str, int]] | None = None,
    ) -> T:
        """Return the result of a stage: read if it is there, else computed, written and read.

        Args:
            stage: Path of the result below ``folder``.
            codec: How it is written.
            compute: Computes it.
            cost: What it took, called after ``compute``.
        """
        path = self.folder / stage
        if not path.exists():
            began = time.monotonic()
            with self.watch.stage(f"{self.label} · {_spoken(stage)}", self.work.get(stage, 0)):
                value = compute()
            spent: dict[str, float] = dict(cost(value)) if cost else {}
            self._note_cost(stage, spent | {"seconds": round(time.monotonic() - began, 3)})
            with replacing(path) as temporary:
                codec.write(temporary, value)
        self.spent.update(self._costs().get(stage, {}))
        return codec.read(path)

    def _costs(self) -> dict[str, dict[str, Any]]:
        path = self.folder / "costs.json"
        return dict(read_json(path)) if path.exists() else {}

    def _note_cost(self, stage: str, cost: Mapping[str, float]) -> None:
        write_json(self.folder / "costs.json", self._costs() | {stage: dict(cost)})

    def episodes(
        self, stage: str, collect: Callable[P, tuple[Episode, ...]], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[Episode, ...]:
        """Return ``collect(*args, **kwargs)``, the episodes of a stage such as ``"round-000/real"``."""
        return self.once(f"stages/{stage}.npz", EpisodesCodec(), lambda: collect(*args, **kwargs))

    def starts(
        self, stage: str, randomizer: Randomizer, offer: Offer, episodes: int, rng: np.random.Generator
    ) -> tuple[WorldState, ...] | None:
        """Return ``randomizer.choose_starts(offer, episodes, rng)``, and note what looking for them took."""
        if episodes == 0:
            return None
        counted = CountedOffer(offer)
        return self.once(
            f"stages/{stage}.json",
            StartsCodec(),
            lambda: randomizer.choose_starts(counted, episodes, rng),
            lambda _: {"replay_steps": sum(each.env_steps for each in counted.replays)},
        )

    def lesson(
        self,
        stage: str,
        trainer: Trainer,
        policy: Policy | None,
        randomizer: Randomizer,
        steps: int,
        rng: np.random.Generator,
    ) -> Lesson:
        """Return what ``trainer`` teaches; its checkpoints stay in ``checkpoints/<stage>`` and survive a kill."""

        def teach() -> Lesson:
            folder = self.folder / "checkpoints" / stage
            taught = trainer.train(policy, randomizer, steps, rng, folder=folder, progress=self.watch.advance)
            if (scalars := folder / "tensorboard").is_dir():
                remove(self.folder / "tensorboard" / stage)
                (self.folder / "tensorboard").mkdir(exist_ok=True)
                scalars.rename(self.folder / "tensorboard" / stage)
            return taught

        codec = LessonCodec(type(randomizer), randomizer.space)
        lesson = self.once(f"stages/{stage}/lesson", codec, teach, lambda lesson: {"env_steps": lesson.env_steps})
        self._add_curve(stage, lesson.curve)
        return lesson

    def include(self, other: Stages) -> None:
        """Take over cost and learning curve of what others hold, such as a shared warm-up."""
        self.spent.update(other.spent)
        for training, point in other.curve:
            self._add_curve(training, [point])

    def randomizer(self, randomizer: Randomizer) -> Randomizer:
        """Write down the randomizer before any evidence."""
        return self.once("randomizer/round-000.json", self._codec(randomizer, 0), lambda: randomizer)

    def update(self, randomizer: Randomizer, evidence: Evidence, rng: np.random.Generator) -> Randomizer:
        """Return ``randomizer.update_from_evidence(evidence, rng)``, and note what that consumed."""
        counted = CountedReplay(evidence.replay)
        return self.once(
            f"randomizer/round-{evidence.round + 1:03}.json",
            self._codec(randomizer, evidence.round + 1),
            lambda: randomizer.update_from_evidence(replace(evidence, replay=counted), rng),
            lambda _: {
                "real_episodes_used": len(evidence.real) if randomizer.needs else 0,
                "replay_steps": counted.env_steps,
            },
        )

    def _codec(self, randomizer: Randomizer, updates: int) -> RandomizerCodec:
        return RandomizerCodec(type(randomizer), randomizer.space, self.method, updates)

    def _add_curve(self, training: str, points: Sequence[CurvePoint]) -> None:
        self.curve += [(training, point) for point in points]
        rows = [f"{name},{p.env_steps},{p.episodes},{p.success},{p.mean_return}" for name, p in self.curve]
        write_text(self.folder / "curve.csv", "\n".join([CURVE, *rows]) + "\n")


@dataclass
class CountedReplay:
    """A replay that counts the env steps spent on it."""

    replay: Replay
    env_steps: int = 0

    @property
    def drives(self) -> frozenset[str]:
        """The drives of the replay."""
        return self.replay.drives

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes of the replay."""
        return self.replay.outcomes

    def cost(self, domains: int, segments: Sequence[Segment], repeats: int = 1) -> int:
        """Return what a call would take at most."""
        return self.replay.cost(domains, segments, repeats)

    def __call__(
        self,
        domains: Array,
        segments: Sequence[Segment],
        rng: np.random.Generator,
        *,
        repeats: int = 1,
        paths: bool = False,
    ) -> Replayed:
        """Replay, and count."""
        replayed = self.replay(domains, segments, rng, repeats=repeats, paths=paths)
        self.env_steps += replayed.env_steps
        return replayed


@dataclass
class CountedOffer:
    """An offer whose replays count the env steps spent on them."""

    offer: Offer
    replays: list[CountedReplay] = field(default_factory=list)

    def candidates(self, count: int, rng: np.random.Generator) -> tuple[WorldState, ...]:
        """Return starts."""
        return self.offer.candidates(count, rng)

    def replay(self, starts: Sequence[WorldState]) -> Replay:
        """Return a replay that counts."""
        self.replays.append(CountedReplay(self.offer.replay(starts)))
        return self.replays[-1]


def _spoken(stage: str) -> str:
    """Return a stage in words: ``"stages/round-000/lesson"`` is ``"round 0 · train"``."""
    *_, place, name = stage.split("/")
    if place == "randomizer":
        return f"round {int(name[6:9]) - 1} · update"
    what = "train" if name == "lesson" else name.removesuffix(".npz").removesuffix(".json")
    if place == WARM_UP:
        return what
    return f"{f'round {int(place[6:])}' if place.startswith('round-') else place} · {what}"
