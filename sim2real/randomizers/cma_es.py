"""CMA-ES: the one domain whose simulated trajectories come nearest to the real ones, and nothing about its uncertainty.

Plain system identification with a black-box optimizer (Hansen, "The CMA evolution strategy: a tutorial", 2016,
arXiv:1604.00772; the package ``cmaes``), on the discrepancy of SimOpt (``discrepancy``), so that a comparison of the
two compares a point with a distribution and not two costs. Training draws from a narrow box around the estimate, whose
width is an option and no finding.

It needs trajectories, and the policy or, for recordings, the actions that drove them. A default update costs
``generations * population + 1`` replays of every real episode. A later round starts at the estimate of the last one
and follows the newest episodes alone.

It says as much of a parameter without effect as of any other: a number. It fails where the discrepancy has several
valleys, and its estimate is a compromise where the simulator lacks something.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from cmaes import CMA

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers import columns
from sim2real.randomizers.base import BoolArray, Description, Draws, Json, Randomizer
from sim2real.randomizers.cloud import as_names
from sim2real.randomizers.columns import active_columns
from sim2real.randomizers.discrepancy import Discrepancy, Misfits, messages_of
from sim2real.randomizers.options import number, read_options, whole
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen

logger = logging.getLogger(__name__)

FIRST_STEP, LATER_STEP = 0.3, 0.1  # standard deviation that a search begins with, of the range
_SEEDS = 2**31 - 1
NO_INTERVAL = (
    "'cma_es' gives one estimate; the box about it is an option and not an uncertainty. "
    "Use 'particles' or 'least_squares' for intervals."
)


@dataclass(frozen=True)
class CmaEsOptions:
    """Options of ``cma_es``.

    Args:
        population: Domains replayed in each generation.
        generations: Generations of one update.
        width: Of the box about the estimate that training draws from, in units of each parameter's range.
        l1: Weight of absolute differences.
        l2: Weight of squared differences.
        smoothing: Standard deviation of the Gaussian filter over time, in samples; 0 for none.
        signals: Names of the trajectories to compare; None for all that are recorded and simulated.
    """

    population: int = 16
    generations: int = 8
    width: float = 0.05
    l1: float = 1.0
    l2: float = 1.0
    smoothing: float = 1.0
    signals: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        whole("population", self.population, 4, 100_000)
        whole("generations", self.generations, 1, 100_000)
        number("width", self.width, 0.0, 1.0)
        number("l1", self.l1, 0.0, 1e6)
        number("l2", self.l2, 0.0 if self.l1 else 1e-6, 1e6)
        number("smoothing", self.smoothing, 0.0, 1e3)
        object.__setattr__(self, "signals", as_names("signals", self.signals, "names of signals"))


@dataclass(frozen=True, eq=False)
class CmaEs(Randomizer):
    """A box about one estimate; all of the ranges before any evidence.

    Args:
        space: The uncertain parameters.
        options: How to search.
        estimate: In the unit cube (n,); empty before any evidence.
        diagnostics: Figures of the last update.
        messages: Sentences of the last update.
    """

    needs: ClassVar[Need] = Need.TRAJECTORIES

    space: ParameterSpace
    options: CmaEsOptions
    estimate: Array
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimate", frozen(self.estimate))

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        return cls(space, read_options(CmaEsOptions, options, "cma_es"), np.empty(0))

    @property
    def active(self) -> BoolArray:
        """Which parameters have a range of some width (n,)."""
        return active_columns(self.space)

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower and upper corner of what training draws from, in the unit cube, (n,) each."""
        if len(self.estimate) == 0:
            ends = np.zeros(len(self.space)), np.ones(len(self.space))
        else:
            half = 0.5 * self.options.width
            ends = np.maximum(self.estimate - half, 0.0), np.minimum(self.estimate + half, 1.0)
        low, high = (np.where(self.active, end, 0.5) for end in ends)
        return low, high

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        low, high = self.box
        unit = low + (high - low) * rng.random((size, len(self.space)))
        wide = high > low
        log_prob = np.full(size, -np.log((high - low)[wide]).sum())  # a point mass counts for 0, as in ``fixed``
        return Draws(self.space.from_unit(unit), log_prob, np.zeros(size, dtype=np.int64))

    def describe(self) -> Description:
        low, high = self.box
        found = columns.marginals(self.space, lambda p: low + (high - low) * p, (high - low) ** 2 / 12.0)
        if len(self.estimate):  # it stands for the box, whose middle is another where a wall cuts it off
            values = self.space.to_domain(self.space.from_unit(self.estimate[None])[0])
            found = {name: replace(marginal, mean=values[name]) for name, marginal in found.items()}
        return Description(found, np.eye(len(self.space)), dict(self.diagnostics), self.messages)

    def to_dict(self) -> dict[str, Json]:
        signals: Json = None if self.options.signals is None else list(self.options.signals)
        return {
            "options": {**asdict(self.options), "signals": signals},
            "estimate": self.estimate.tolist(),
            "diagnostics": dict(self.diagnostics),
            "messages": list(self.messages),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(
            space,
            read_options(CmaEsOptions, data["options"], "cma_es"),
            np.array(data["estimate"], dtype=np.float64),
            dict(data["diagnostics"]),
            tuple(data["messages"]),
        )

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        """Return the domain of least discrepancy to these real episodes, and the box about it."""
        if Need.TRAJECTORIES not in evidence.offers:
            raise InsufficientEvidence(
                f"'cma_es' needs trajectories of real episodes, but the target offers {evidence.offers!r}. "
                "Use a target with `log: sensors`, or recordings."
            )
        if not self.active.any():
            return self
        options = self.options
        discrepancy, nominal = Discrepancy.of(
            evidence, self.space, self.active, rng, signals=options.signals, smoothing=options.smoothing
        )
        replays = options.generations * options.population + 1
        cost = evidence.replay.cost(replays, discrepancy.segments)
        logger.info("CMA-ES replays %d episodes: about %s env steps at most.", len(discrepancy.segments), f"{cost:,}")
        points, misfits = self._search(discrepancy, nominal.first(0), int(rng.integers(_SEEDS)))
        scale = misfits.scale()
        costs = misfits.cost(scale, options.l1, options.l2)
        best = int(np.argmin(costs))
        estimate = np.full(len(self.space), 0.5)
        estimate[self.active] = points[best]
        diagnostics = {
            "replay_env_steps": float(discrepancy.env_steps),
            "episodes": float(len(discrepancy.segments)),
            "discrepancy_nominal": float(nominal.cost(scale, options.l1, options.l2)[0]),
            "discrepancy_after": float(costs[best]),
            "rms_nominal": float(nominal.rms()[0]),
            "rms_after": float(misfits.rms()[best]),
        }
        messages = (*messages_of(diagnostics["rms_after"]), NO_INTERVAL)
        return replace(self, estimate=estimate, diagnostics=diagnostics, messages=messages)

    def _search(self, discrepancy: Discrepancy, misfits: Misfits, seed: int) -> tuple[Array, Misfits]:
        """Return all domains that were tried (k, d), and their misfits behind ``misfits``, which is empty."""
        options, size = self.options, int(self.active.sum())
        known = len(self.estimate) > 0
        padded = max(size, 2)  # CMA-ES wants two dimensions at least: an idle one beside a single parameter
        start = np.full(padded, 0.5)
        start[:size] = self.estimate[self.active] if known else 0.5
        optimizer = CMA(
            mean=start,
            sigma=LATER_STEP if known else FIRST_STEP,
            bounds=np.tile([0.0, 1.0], (padded, 1)),
            population_size=options.population,
            seed=seed,
        )
        points = np.empty((0, size))
        for _ in range(options.generations):
            asked = [np.asarray(optimizer.ask(), dtype=np.float64) for _ in range(options.population)]
            tried = np.stack(asked)[:, :size]
            points = np.concatenate([points, tried])
            misfits = misfits.joined(discrepancy(tried))
            costs = misfits.cost(misfits.scale(), options.l1, options.l2)[-options.population :]
            optimizer.tell(list(zip(asked, costs.tolist(), strict=True)))
        return points, misfits
