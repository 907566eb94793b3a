"""A randomizer in one file: keep the domains in which the same policy ends as it did on the target."""

from dataclasses import asdict, dataclass, replace

import numpy as np

from sim2real import distributions
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Need, Segment
from sim2real.randomizers import Description, Draws, Marginal, Randomizer
from sim2real.randomizers.options import number, read_options, whole
from sim2real_envs.parameters import Array, ParameterSpace


@dataclass(frozen=True)
class RejectionOptions:
    count: int = 64  # domains tried in a round
    keep: float = 0.1  # share of them that is kept

    def __post_init__(self):
        whole("count", self.count, 2, 100_000)
        number("keep", self.keep, 0.01, 1.0)


@dataclass(frozen=True, eq=False)
class Rejection(Randomizer):
    """The smallest box around the domains kept (rejection sampling without a likelihood: Pritchard et al. 1999)."""

    needs = Need.OUTCOMES  # of real episodes; the runner collects them, and the update below may count on them

    space: ParameterSpace
    options: RejectionOptions
    low: Array  # of the box, in the unit cube (n,)
    high: Array

    @classmethod
    def create(cls, space, **options):
        n = len(space)
        return cls(space, read_options(RejectionOptions, options, "rejection"), np.zeros(n), np.ones(n))

    def __post_init__(self):
        for array in (self.low, self.high):
            array.setflags(write=False)

    @property
    def law(self):
        return distributions.Uniform(self.low, self.high)

    def sample(self, rng, size):
        unit = self.law.sample(rng, size)  # (size, n)
        return Draws(self.space.from_unit(unit), self.law.log_prob(unit), np.zeros(size))

    def update_from_evidence(self, evidence, rng):
        if Need.OUTCOMES not in evidence.offers:
            raise InsufficientEvidence("'rejection' needs outcomes: use a target with `log: outcomes`.")
        unit = self.law.sample(rng, self.options.count)
        segments = [Segment(index) for index in range(len(evidence.real))]  # whole episodes, driven by their policy
        replayed = evidence.replay(self.space.from_unit(unit), segments, rng)
        miss = np.zeros(len(unit))
        for outcome in evidence.replay.outcomes:
            real = np.array([episode.outcome[outcome.name] for episode in evidence.real])  # (s,)
            simulated = replayed.outcome[outcome.name].mean(axis=2)  # (k, s, r) -> (k, s); NaN where a world diverged
            miss += np.nan_to_num(np.abs(simulated - real) / outcome.scale, nan=1e6).sum(axis=1)
        kept = unit[np.argsort(miss)[: max(2, round(self.options.keep * len(unit)))]]
        free = np.array([parameter.high > parameter.low for parameter in self.space.values()])
        low, high = np.where(free, kept.min(axis=0), 0.0), np.where(free, kept.max(axis=0), 1.0)
        return replace(self, low=low, high=high)

    def describe(self):
        grid = np.linspace(0.0, 1.0, 21)
        quantiles = self.space.from_unit(self.law.quantile(grid[:, None]))  # (21, n)
        marginals = {}
        for name, column, width in zip(self.space, quantiles.T, self.high - self.low, strict=True):
            middle, low, high = (float(column[index]) for index in (10, 1, -2))
            marginals[name] = Marginal(middle, low, high, tuple(column.tolist()), contraction=1.0 - float(width) ** 2)
        return Description(marginals, np.eye(len(self.space)))

    def to_dict(self):
        return {"options": asdict(self.options), "low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def from_dict(cls, space, data):
        return cls(space, RejectionOptions(**data["options"]), np.array(data["low"]), np.array(data["high"]))
