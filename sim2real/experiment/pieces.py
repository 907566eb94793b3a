"""A piece: one (env, target, method, seed) of an experiment, the unit of work, of resuming, and of scaling out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sim2real.experiment.spec import ExperimentSpec
from sim2real.experiment.streams import Streams
from sim2real.randomizers import resolve


@dataclass(frozen=True)
class Piece:
    """One (env, target, method, seed); ``method`` is the label that results call it by.

    ``origin`` is the first target of an experiment where the method's trainings are the same at all of them, else "".
    """

    env: str
    target: str
    method: str
    seed: int
    origin: str = ""

    @property
    def folder(self) -> str:
        """Name of its folder below ``pieces/``."""
        return folder_name(self.env, self.target, self.method, f"s{self.seed}")

    @property
    def label(self) -> str:
        """What to call it while it runs."""
        return f"{self.method} · {self.target} · s{self.seed}"

    @property
    def stream(self) -> Streams:
        """Its random streams."""
        return Streams(self.seed, self.env, self.target, self.method, self.origin)

    def columns(self) -> dict[str, str | int]:
        """Return what identifies it in a table."""
        return {"env": self.env, "target": self.target, "method": self.method, "seed": self.seed}


def pieces_of(spec: ExperimentSpec) -> tuple[Piece, ...]:
    """Return every piece of an experiment, in the order in which they run: all methods of the first seed first."""
    origins = {entry.label: _origin(spec, entry.method) for entry in spec.methods}
    return tuple(
        Piece(spec.env.id, target, label, seed, origin)
        for seed in spec.seeds
        for target in spec.targets
        for label, origin in origins.items()
    )


def _origin(spec: ExperimentSpec, method: str) -> str:
    """Return the first of several targets if a method needs nothing from any of them, not even their truth."""
    kind = resolve(method)
    shares = len(spec.targets) > 1 and spec.kind == "train" and not kind.needs and not kind.needs_truth
    return next(iter(spec.targets)) if shares else ""


def folder_name(*words: str) -> str:
    """Return a name for a folder; what a path cannot hold, such as the ':' of a Gymnasium id, becomes '_'."""
    return "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", word) for word in words)
