"""Random streams by name, so that nothing that is added or repeated moves the numbers of anything else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np


def generator(*names: str | int) -> np.random.Generator:
    """Return the generator that belongs to ``names``: the same on every machine and in every process.

    The entropy is the SHA-256 of the names, which Python's own ``hash`` would not give twice.
    """
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(digest, "big")))


@dataclass(frozen=True)
class Streams:
    """The streams of one piece of an experiment.

    What happens on the target is drawn from streams that do not know the
    method, so that every method meets the same starts there.

    Args:
        seed: Seed of the piece.
        env: Environment.
        target: Target.
        method: Method.
        origin: The target whose name is in the method's own streams; another than ``target`` where a method does not
            depend on the target, so that it does the same at all of them.
    """

    seed: int
    env: str
    target: str
    method: str
    origin: str = ""

    def __call__(self, purpose: str, index: int = 0) -> np.random.Generator:
        """Return the stream of one method's own ``purpose``, such as ``"train"``, in round ``index``."""
        return generator(self.seed, self.env, self.origin or self.target, self.method, purpose, index)

    def common(self, purpose: str, index: int = 0) -> np.random.Generator:
        """Return the stream of what all methods share, such as the starts of the final evaluation."""
        return generator(self.seed, self.env, self.target, purpose, index)
