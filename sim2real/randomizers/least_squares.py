"""What recorded trajectories say about the domain: the output-error method of system identification.

The recordings i are replayed open loop in domains u of the unit cube, and the
sum of squared differences between simulated and recorded outputs,

    V(u) = 1/2 sum_i sum_t |W (y_sim(t; i, u) - y_real(t; i))|^2,

is made small (Ljung, "System identification: theory for the user", 2nd
edition, 1999, chapter 7: a prediction-error method whose model has no noise of
its own; Swevers, Verdonck and De Schutter, "Dynamic model identification for
industrial robots", IEEE Control Systems 27, 2007, for robots and weighting).
W measures each column first in the spread of its own motion, then in the root
mean square of what the fit left there, the maximum-likelihood weight of
independent errors. The search starts from the best of a Sobol design
(``levenberg_marquardt``); the posterior is normal about the estimate, as wide
as recordings differ, cut off at the ranges (``laplace``).

It needs trajectories and the actions that drove them. For d parameters it costs
at most ``designs + starts * steps * (2 d + 10)`` replays of the few recordings
that it begins with, then some ``steps * (2 d + 10)`` of all of them; a third of
that is usual.

It fails where trajectories are chaotic (after an impact a small difference
becomes a large one: the sum of squares is rugged, and shorter windows help),
where the posterior has several modes (it describes one), and where the model
lacks something: the estimate is then the best compromise and not the truth.
What is left behind is then no noise, which ``messages`` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Need
from sim2real.randomizers import beliefs
from sim2real.randomizers.base import Json
from sim2real.randomizers.cloud import Cloud, as_names, check_cloud_options
from sim2real.randomizers.laplace import Normal, truncated
from sim2real.randomizers.options import read_options, whole
from sim2real.randomizers.output_error import Fit, fit
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.state import frozen

DRAWS = 4  # from the posterior for each particle that is kept, so that particles cover it evenly


@dataclass(frozen=True)
class LeastSquaresOptions:
    """Options of ``least_squares``.

    Args:
        designs: Domains replayed to find where to start.
        starts: How many of the best of them the search starts from.
        steps: Steps of the search at most, and half as many with each weighting.
        scouts: Of how many recordings, those that move most, the first search is made; then all of them count.
        count: Particles that stand for the posterior.
        inflation: Factor on the posterior's standard deviation to train with.
        final_inflation: The same for the last training.
        floor: Smallest standard deviation of a learned parameter to train with, in units of its range.
        signals: Names of the trajectories to compare; None for all that are recorded and simulated.
    """

    designs: int = 32
    starts: int = 2
    steps: int = 20
    scouts: int = 8
    count: int = 512
    inflation: float = 1.2
    final_inflation: float = 1.1
    floor: float = 0.02
    signals: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        whole("designs", self.designs, 1, 100_000)
        whole("starts", self.starts, 1, 100)
        whole("steps", self.steps, 1, 1000)
        whole("scouts", self.scouts, 1, 100_000)
        check_cloud_options(self)
        object.__setattr__(self, "signals", as_names("signals", self.signals, "names of signals"))


@dataclass(frozen=True, eq=False)
class LeastSquares(Cloud):
    """A normal posterior about the domain whose replays are nearest to the recordings.

    Args:
        options: How to fit.
        centre: Of the normal over the parameters with a range of some width, before it is cut off (d,); empty before.
        covariance: Of the same (d, d).
    """

    needs: ClassVar[Need] = Need.TRAJECTORIES

    options: LeastSquaresOptions
    centre: Array
    covariance: Array

    def __post_init__(self) -> None:
        for name in ("unit", "centre", "covariance"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        checked = read_options(LeastSquaresOptions, options, "least_squares")
        nothing = np.empty((0, len(space))), np.empty(0), np.empty((0, 0))
        return cls(space, checked, *nothing, inflation=checked.inflation)

    def to_dict(self) -> dict[str, Json]:
        signals: Json = None if self.options.signals is None else list(self.options.signals)
        return {
            "options": {**asdict(self.options), "signals": signals},
            "unit": self.unit.tolist(),
            "centre": self.centre.tolist(),
            "covariance": self.covariance.tolist(),
            "inflation": self.inflation,
            "diagnostics": dict(self.diagnostics),
            "messages": list(self.messages),
        }

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        centre = np.array(data["centre"], dtype=np.float64)
        return cls(
            space,
            read_options(LeastSquaresOptions, data["options"], "least_squares"),
            np.array(data["unit"], dtype=np.float64).reshape(-1, len(space)),
            centre,
            np.array(data["covariance"], dtype=np.float64).reshape(len(centre), len(centre)),
            inflation=float(data["inflation"]),
            diagnostics=dict(data["diagnostics"]),
            messages=tuple(data["messages"]),
        )

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        """Return the posterior given these recordings and those of earlier rounds, as independent."""
        if Need.TRAJECTORIES not in evidence.offers:
            raise InsufficientEvidence(
                f"'least_squares' needs trajectories of real episodes, but the target offers {evidence.offers!r}. "
                "Use a target with `log: sensors`, or recordings."
            )
        if not self.active.any():
            return self
        options, known = self.options, len(self.centre) > 0
        found = fit(
            evidence, self.space, self.active, rng,
            designs=options.designs, starts=options.starts, steps=options.steps, scouts=options.scouts,
            signals=options.signals, earlier=np.clip(self.centre, 0.0, 1.0) if known else None,
        )  # fmt: skip
        belief = found.belief.times(Normal(self.centre, self.covariance)) if known else found.belief
        return replace(
            self,
            unit=self._particles(belief, found, rng),
            centre=belief.centre,
            covariance=belief.covariance,
            diagnostics=found.diagnostics,
            messages=found.messages,
        )

    def _particles(self, belief: Normal, found: Fit, rng: np.random.Generator) -> Array:
        """Return particles of the posterior (c, n): of a rounded parameter, anywhere within its rounding."""
        points = beliefs.thin(truncated(belief, DRAWS * self.options.count, rng), self.options.count)
        points += found.roundings * (rng.random(points.shape) - 0.5)
        points = np.abs(points)  # reflected at the walls
        return self.whole(1.0 - np.abs(1.0 - points))
