"""Random streams of a training, all derived anew for every chunk: a resumed run draws what an undisturbed one does.

Stable-Baselines3 draws from the global generators of Python, NumPy and torch.
They are seeded here for the time of a training and given back as they were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from stable_baselines3.common.utils import set_random_seed


@dataclass(frozen=True)
class ChunkStreams:
    """One generator per purpose, for one chunk of a training."""

    library: np.random.Generator  # seeds the global generators that Stable-Baselines3 uses
    exploration: np.random.Generator
    domains: np.random.Generator
    seeds: np.random.Generator  # of the environments
    update: np.random.Generator  # of the randomizer


def chunk_streams(entropy: int, chunk: int) -> ChunkStreams:
    """Return the streams of chunk number ``chunk`` of the training that drew ``entropy``."""
    children = np.random.SeedSequence(entropy, spawn_key=(chunk,)).spawn(5)
    return ChunkStreams(*(np.random.default_rng(child) for child in children))


def seed_library(stream: np.random.Generator) -> int:
    """Seed the global generators and return a seed for a Gymnasium space."""
    set_random_seed(int(stream.integers(2**31)))
    return int(stream.integers(2**31))


@contextmanager
def borrowed_globals() -> Iterator[None]:
    """One torch thread while training (a second one spins and takes the workers' cores); global state is given back."""
    threads = torch.get_num_threads()
    python, numpy, library = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(library)
