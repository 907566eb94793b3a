"""AutoDR: a box of domains that grows where the policy copes with its faces.

Automatic domain randomization, OpenAI et al., "Solving Rubik's cube with a robot hand", 2019, arXiv:1910.07113,
algorithm 1. Domains are uniform in a box around the nominal one. An episode in two (``boundary_share``) has one
parameter, drawn at random, set to one of its two bounds, and its performance goes into the buffer of that bound. A
buffer that holds m = ``buffer`` results is averaged and cleared:

    mean >= t_high: the bound moves outward by ``delta``;    mean <= t_low: inward,

never beyond the range and never to the other bound (which stays 2e-5 of the range away, the width of the start).

Needs nothing from the real side and costs no env step, but the episodes at the bounds are all that it learns from.
Performance is the success of the exploring policy, or its return.

How often: buffers outlive a chunk of training, bounds move between chunks only. What comes back together was drawn at
one place of the bound, so that a move also drops the rest of that chunk's results there, and whatever comes later from
where the bound stood before: at most one move a bound and chunk. 200 000 env steps are 7 to 10 chunks of 100 to 1 500
episodes, half of them spread over 2 n bounds. So ``buffer`` is 20, the least of the 20 to 240 in use, and ``delta`` a
tenth of the range, where longer trainings take 0.008 to 0.05: a bound that always succeeds can then cross most of the
range in one such training.

It fails where the bounds are judged one at a time and only a combination is hard, or easy; where the task is not
mastered at nominal (no bound ever moves outward); and with many parameters, whose bounds get few episodes each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from sim2real.randomizers.base import BoolArray, Description, Draws, IntArray, Json, Practice, Randomizer
from sim2real.randomizers.columns import active_columns, marginals
from sim2real.randomizers.options import choice, number, read_options, whole
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen

START_WIDTH = 2e-5  # of the range; no box gets narrower, so that it always has a volume
SAME_PLACE = 1e-9  # of the range; a result further from its bound was found before the bound moved
LARGEST_RETURN = 1e9

Buffers = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class AutoDrOptions:
    """Options of ``autodr``.

    Args:
        t_high: A bound whose mean performance is at least this moves outward.
        t_low: A bound whose mean performance is at most this moves inward.
        buffer: Results that make up a mean.
        delta: Length of a move, as a share of the range.
        boundary_share: Share of the episodes that are at a bound.
        performance: ``"success"``, or ``"return"`` with ``t_low`` and ``t_high`` in units of it.
    """

    t_high: float = 0.7
    t_low: float = 0.4
    buffer: int = 20
    delta: float = 0.1
    boundary_share: float = 0.5
    performance: str = "success"

    def __post_init__(self) -> None:
        choice("performance", self.performance, ("success", "return"))
        low, high = (0.0, 1.0) if self.performance == "success" else (-LARGEST_RETURN, LARGEST_RETURN)
        number("t_high", self.t_high, low, high)
        number("t_low", self.t_low, low, high)
        if self.t_low >= self.t_high:
            raise OptionError(f"`t_low < t_high` must hold, but got (t_low={self.t_low}, t_high={self.t_high}).")
        whole("buffer", self.buffer, 1, 100_000)
        number("delta", self.delta, 1e-6, 1.0)
        number("boundary_share", self.boundary_share, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class AutoDr(Randomizer):
    """A box in the unit cube of the ranges, and what was seen at its faces.

    A draw's tag is 0 inside of the box, 1 + 2 i at the lower and 2 + 2 i at the upper bound of column i.

    Args:
        space: The uncertain parameters.
        options: How to learn.
        low: Lower bounds (n,).
        high: Upper bounds (n,).
        buffers: Performances at each bound since it moved or was judged: lower and upper of each parameter in turn.
        diagnostics: Figures of the last update.
    """

    space: ParameterSpace
    options: AutoDrOptions
    low: Array
    high: Array
    buffers: Buffers
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "low", frozen(self.low))
        object.__setattr__(self, "high", frozen(self.high))

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(AutoDrOptions, options, "autodr")
        nominal = space.to_unit(space.to_array(space.nominal()))
        low = np.clip(nominal - 0.5 * START_WIDTH, 0.0, 1.0 - START_WIDTH)
        return cls(space, checked, low, low + START_WIDTH, ((),) * (2 * len(space)))

    @property
    def active(self) -> BoolArray:
        """Which parameters have a range of some width (n,)."""
        return active_columns(self.space)

    @property
    def _at_bounds(self) -> float:
        """Share of the episodes that are at a bound."""
        return self.options.boundary_share if self.active.any() else 0.0

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        """Draw ``size`` domains.

        Half of them lie on faces of the box, where the law has no density in the cube's volume. ``log_prob`` is the
        density with respect to the volume plus the area of every face: exact and normalized, each draw's tag saying
        which of the parts it lies in. Ratios of it make sense between boxes that share a face only.
        """
        unit = self.low + rng.random((size, len(self.space))) * (self.high - self.low)
        tag = self._draw_tags(rng, size)
        rows = np.flatnonzero(tag)
        columns, upper = np.divmod(tag[rows] - 1, 2)
        unit[rows, columns] = np.where(upper == 1, self.high[columns], self.low[columns])
        unit[:, ~self.active] = 0.5
        return Draws(self.space.from_unit(unit), self._log_prob(tag), tag)

    def _draw_tags(self, rng: np.random.Generator, size: int) -> IntArray:
        columns = np.flatnonzero(self.active)
        at_bound = rng.random(size) < self._at_bounds
        chosen = rng.integers(2 * max(len(columns), 1), size=size)
        tag = np.zeros(size, dtype=np.int64)
        tag[at_bound] = 1 + 2 * columns[chosen[at_bound] // 2] + chosen[at_bound] % 2
        return tag

    def _log_prob(self, tag: IntArray) -> Array:
        """Log density of the part that each draw lies in (k,)."""
        log_width = np.log(self.high - self.low)
        share, count = self._at_bounds, 2 * int(self.active.sum())
        inside = (math.log1p(-share) if share < 1.0 else -math.inf) - float(log_width[self.active].sum())
        face = (math.log(share / count) if share > 0.0 else -math.inf) - log_width[self.active].sum() + log_width
        return np.where(tag == 0, inside, face[np.maximum(tag - 1, 0) // 2])

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        seen = practice.success.astype(np.float64) if self.options.performance == "success" else practice.returns
        unit = self.space.to_unit(practice.draws.values)
        low, high, buffers = self.low.copy(), self.high.copy(), list(self.buffers)
        for bound in range(len(buffers)):
            column, upper = divmod(bound, 2)
            place = (self.high if upper else self.low)[column]
            there = (practice.draws.tag == bound + 1) & (np.abs(unit[:, column] - place) < SAME_PLACE)
            outward, buffers[bound] = judge(buffers[bound], seen[there].tolist(), self.options)
            if outward:
                _move(low, high, column, upper == 1, outward * self.options.delta)
        moved = {
            "moved_outward": float((low < self.low).sum() + (high > self.high).sum()),
            "moved_inward": float((low > self.low).sum() + (high < self.high).sum()),
        }
        return replace(self, low=low, high=high, buffers=tuple(buffers), diagnostics=moved)

    def describe(self) -> Description:
        share = self._at_bounds / max(2 * int(self.active.sum()), 1)  # of the episodes, at each bound
        width = self.high - self.low
        middle = np.where(self.active, 0.5 * (self.low + self.high), 0.5)

        def quantile(probability: Array) -> Array:
            inside = np.clip((probability - share) / max(1.0 - 2.0 * share, 1e-300), 0.0, 1.0)
            return np.where(self.active, self.low + inside * width, middle)

        variance = width**2 * ((1.0 - 2.0 * share) / 12.0 + 0.5 * share)
        return Description(
            marginals(self.space, quantile, variance),
            np.eye(len(self.space)),
            {**self.diagnostics, "nats_per_dimension": self.nats_per_dimension},
        )

    @property
    def nats_per_dimension(self) -> float:
        """Mean logarithm of the box's widths, 0 where it fills the ranges: the diagnostic of the paper."""
        return float(np.log(self.high - self.low)[self.active].mean()) if self.active.any() else 0.0

    def to_dict(self) -> dict[str, Json]:
        return {
            "options": asdict(self.options),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "buffers": [list(buffer) for buffer in self.buffers],
            "diagnostics": dict(self.diagnostics),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(
            space,
            read_options(AutoDrOptions, data["options"], "autodr"),
            np.array(data["low"], dtype=np.float64),
            np.array(data["high"], dtype=np.float64),
            tuple(tuple(buffer) for buffer in data["buffers"]),
            dict(data["diagnostics"]),
        )


def judge(buffer: tuple[float, ...], results: list[float], options: AutoDrOptions) -> tuple[int, tuple[float, ...]]:
    """Put ``results`` into a bound's buffer, and judge it whenever it is full.

    Returns:
        1 to move outward, -1 to move inward, 0 to stay; and the buffer from now on. A move ends it: the results that
        are left were found at the place that the bound leaves.
    """
    filling = list(buffer)
    for result in results:
        filling.append(result)
        if len(filling) < options.buffer:
            continue
        mean = math.fsum(filling) / len(filling)
        filling.clear()
        if mean >= options.t_high:
            return 1, ()
        if mean <= options.t_low:
            return -1, ()
    return 0, tuple(filling)


def _move(low: Array, high: Array, column: int, upper: bool, outward: float) -> None:
    """Move one bound within the range, up to ``START_WIDTH`` before the other one."""
    if upper:
        high[column] = min(max(high[column] + outward, low[column] + START_WIDTH), 1.0)
    else:
        low[column] = max(min(low[column] - outward, high[column] - START_WIDTH), 0.0)
