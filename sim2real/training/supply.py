"""Domains and seeds for the worlds of a training: one stream each, in the order in which worlds ask."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim2real.randomizers.base import Draws, IntArray
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.wrappers import Sampler

_BATCH = 64  # draws at a time: one call of `sample` costs about as much as sixty


class Source(Protocol):
    """Where domains come from; every ``Randomizer`` is one."""

    @property
    def space(self) -> ParameterSpace:
        """The columns of the domains."""

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        """Draw ``size`` domains."""


@dataclass(frozen=True)
class Sampled:
    """Domains of a plain function; parameters that it does not name stay nominal.

    Args:
        space: All parameters that it may name.
        sampler: Returns the values of some of them, SI.
    """

    space: ParameterSpace
    sampler: Sampler

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        """Draw ``size`` domains.

        Raises:
            UnknownNameError: If the sampler names a parameter that is not in ``space``.
            ParameterError: If a value is not within its limits.
        """
        rows = [self.space.to_array(self.space.complete(self.sampler(rng))) for _ in range(size)]
        values = np.array(rows, dtype=np.float64).reshape(size, len(self.space))
        return Draws(values, np.zeros(size), np.zeros(size, dtype=np.int64))


class DomainSupply:
    """Gives domains and seeds, and remembers what it gave until it is told to forget.

    Args:
        source: The distribution of domains.
        domains: The stream that they are drawn from.
        seeds: The stream of the seeds of episodes.
    """

    def __init__(self, source: Source, domains: np.random.Generator, seeds: np.random.Generator) -> None:
        self._source, self._domains, self._seeds = source, domains, seeds
        self._waiting: deque[tuple[Array, float, int]] = deque()
        self._given: dict[int, tuple[Array, float, int]] = {}
        self._next = 0

    def take(self, count: int) -> tuple[Array, IntArray, IntArray]:
        """Return values (k, n), seeds (k,) and tags (k,): running numbers by which ``draws`` finds them again."""
        tags = np.arange(self._next, self._next + count, dtype=np.int64)
        self._next += count
        while len(self._waiting) < count:
            batch = self._source.sample(self._domains, _BATCH)
            self._waiting.extend(zip(batch.values, batch.log_prob.tolist(), batch.tag.tolist(), strict=True))
        for tag in tags.tolist():
            self._given[tag] = self._waiting.popleft()
        return self.draws(tags).values, self._seeds.integers(2**31, size=count), tags

    def change_source(self, source: Source) -> None:
        """Draw from ``source``, of the same parameters, from the next domain on."""
        self._source = source
        self._waiting.clear()

    def draws(self, tags: Sequence[int] | IntArray) -> Draws:
        """Return the draws of these running numbers."""
        given = [self._given[int(tag)] for tag in tags]
        return Draws(
            np.array([values for values, _, _ in given]).reshape(len(given), len(self._source.space)),
            np.array([log_prob for _, log_prob, _ in given], dtype=np.float64),
            np.array([mark for _, _, mark in given], dtype=np.int64),
        )

    def domain(self, tag: int) -> dict[str, float]:
        """Return the domain of one running number."""
        return self._source.space.to_domain(self._given[tag][0])

    def forget(self, tags: Iterable[int]) -> None:
        """Drop what was given under these running numbers."""
        for tag in tags:
            self._given.pop(tag, None)
