"""One fit of the output-error method: designs, search, weights, posterior, and what to say of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy.stats import qmc

from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence, Segment
from sim2real.randomizers.base import BoolArray, IntArray
from sim2real.randomizers.laplace import Normal, groups_of, posterior
from sim2real.randomizers.levenberg_marquardt import LADDER, Climb, jacobians, minimize
from sim2real.randomizers.residuals import Comparison, compare
from sim2real.randomizers.roundings import centred, roundings
from sim2real_envs.parameters import Array, ParameterSpace

logger = logging.getLogger(__name__)

_SEEDS = 2**63 - 1
_BATCH = 2e7  # numbers of paths held at once
NARROWEST, BROADEST = 0.002, 0.25  # half the distance of the last differences, of the range
POLISH = 2  # times that weights are taken from what the fit left
EDGE = 0.01  # an estimate this near to an end of the range is said to be there
FEW = 6  # fewer recordings than that are said to be few
NOISE = 0.5  # more lag-1 autocorrelation than this is no noise
NEGLIGIBLE = 0.01  # of the motion's own spread: what is left below that is not worth a sentence
EXPLAINED = 0.5  # less of the recorded motion explained than this is said


@dataclass(frozen=True)
class Fit:
    """What one set of recordings says.

    Args:
        belief: Normal over the d parameters with a range of some width, in units of their ranges.
        roundings: Width within which a parameter moves nothing (d,).
        diagnostics: Figures.
        messages: Sentences.
    """

    belief: Normal
    roundings: Array
    diagnostics: Mapping[str, float]
    messages: tuple[str, ...]


@dataclass
class Spent:
    """What replays have cost so far."""

    env_steps: int = 0


@dataclass
class Replays:
    """Residuals of domains, by replaying recordings; the same random streams in every call."""

    evidence: Evidence
    space: ParameterSpace
    active: BoolArray
    segments: Sequence[Segment]
    comparison: Comparison
    seed: int
    spent: Spent = field(default_factory=Spent)

    def __call__(self, points: Array) -> Array:
        """Return residuals (k, m) at points (k, d) of the active parameters."""
        batch = max(1, int(_BATCH // max(self.comparison.real.size, 1)))
        parts = [points[first : first + batch] for first in range(0, len(points), batch)]
        return np.concatenate([self.comparison.residuals(self.paths(part, self.segments)) for part in parts])

    def liveliest(self, count: int) -> Replays:
        """Return the same of the ``count`` recordings that move most."""
        moved = np.nansum(np.abs(np.diff(self.comparison.real, axis=1)) / self.comparison.spread, axis=(1, 2))
        rows = np.sort(np.argsort(-moved, kind="stable")[:count])
        comparison = replace(self.comparison, real=self.comparison.real[rows])
        return replace(self, segments=[self.segments[row] for row in rows], comparison=comparison)

    def response(self, points: Array) -> Array:
        """Return the paths (k, m), to be compared bit for bit."""
        paths = self.paths(points, self.segments)
        return np.concatenate([paths[name].reshape(len(points), -1) for name, _ in self.comparison.signals], axis=1)

    def paths(self, points: Array, segments: Sequence[Segment]) -> Mapping[str, Array]:
        """Return the paths of ``segments`` at points (k, d)."""
        unit = np.full((len(points), len(self.space)), 0.5)
        unit[:, self.active] = points
        rng = np.random.default_rng(self.seed)
        replayed = self.evidence.replay(self.space.from_unit(unit), segments, rng, paths=True)
        self.spent.env_steps += replayed.env_steps
        return replayed.path


def fit(
    evidence: Evidence,
    space: ParameterSpace,
    active: BoolArray,
    rng: np.random.Generator,
    *,
    designs: int,
    starts: int,
    steps: int,
    scouts: int,
    signals: Sequence[str] | None,
    earlier: Array | None = None,
) -> Fit:
    """Return what the recordings of ``evidence`` say.

    Args:
        evidence: With trajectories.
        space: The uncertain parameters.
        active: Which of them have a range of some width (n,).
        rng: Used for the designs and the places at which parameters are tried.
        designs: Domains replayed to find where to start.
        starts: How many of the best of them the search starts from.
        steps: Steps of the search at most, and half as many with each weighting.
        scouts: Of how many recordings, those that move most, the first search is made.
        signals: Names of what is compared; None for all.
        earlier: Where an earlier round found the optimum (d,), one more start.

    Raises:
        InsufficientEvidence: If no episode has trajectories and actions, or nothing can be compared.
        UnknownNameError: If one of ``signals`` does not exist.
    """
    segments = segments_of(evidence, "actions" if "actions" in evidence.replay.drives else "policy")
    size = int(active.sum())
    nominal = np.clip(space.to_unit(space.to_array(space.nominal()))[active], 0.0, 1.0)
    _announce(evidence, segments, (designs + starts * steps * (2 * size + len(LADDER)), scouts), steps * (2 * size + 5))
    nothing = Comparison((), np.empty((0, 0, 0)), np.empty(0), np.empty(0))
    replays = Replays(evidence, space, active, segments, nothing, int(rng.integers(_SEEDS)))
    paths = replays.paths(nominal[None], segments)
    real = [evidence.real[segment.episode] for segment in segments]
    replays.comparison = compare(real, [name for name in paths if name != "actions"], signals)
    before = replays.comparison.rms(replays.comparison.residuals(paths)[0])

    lively = replays.liveliest(1).response
    widths, idle = roundings(lively, size, rng)
    best = _scouted(replays.liveliest(scouts), _designs(size, designs, rng, nominal, earlier), widths, starts, steps)
    best = minimize(replays, best.point[None], widths, max(1, steps // 2), best.width)
    for _ in range(POLISH):
        replays.comparison = replays.comparison.weighted(best.residual)
        best = minimize(replays, best.point[None], widths, max(1, steps // 2), best.width)
    best.point = centred(lively, best.point, widths)
    best.residual = replays(best.point[None])[0]
    belief, jacobian = _belief(replays, best, widths)
    diagnostics = _diagnostics(replays, best, jacobian, before)
    names = [name for name, is_active in zip(space, active, strict=True) if is_active]
    messages = _messages(dict(zip(names, best.point.tolist(), strict=True)), space, belief, diagnostics)
    if idle.any():
        idlers = ", ".join(repr(name) for name, does_nothing in zip(names, idle, strict=True) if does_nothing)
        messages = (f"The liveliest recording is the same bit for bit whatever the value of {idlers}.", *messages)
    return Fit(belief, widths, diagnostics, messages)


def segments_of(evidence: Evidence, drive: Literal["policy", "actions"]) -> list[Segment]:
    """Return the usable episodes in an order that depends on what they are, not on where they stand.

    Raises:
        InsufficientEvidence: If there are none.
    """
    usable = [
        index
        for index, episode in enumerate(evidence.real)
        if (episode.path or episode.observations is not None) and (episode.actions is not None or drive == "policy")
    ]
    if not usable:
        raise InsufficientEvidence(
            f"At least one real episode must have trajectories and the actions that drove them, but got "
            f"{len(evidence.real)} real episodes without. Give the target `log: sensors`."
        )
    usable.sort(
        key=lambda index: (
            evidence.real[index].label,
            str(evidence.real[index].seed),
            repr(sorted(evidence.real[index].outcome.items())),
        )
    )
    return [Segment(index, drive=drive) for index in usable]


def _announce(evidence: Evidence, segments: Sequence[Segment], scouting: tuple[int, int], domains: int) -> None:
    cost = evidence.replay.cost(scouting[0], segments[: scouting[1]]) + evidence.replay.cost(domains, segments)
    logger.info("Least squares replays %d recordings: about %s env steps at most.", len(segments), f"{cost:,}")


def _designs(size: int, count: int, rng: np.random.Generator, *known: Array | None) -> Array:
    """Return points that fill the cube, behind those that are known, (k, size)."""
    spread = qmc.Sobol(size, rng=rng).random_base2((count - 1).bit_length())[:count]
    return np.concatenate([*(point[None] for point in known if point is not None), spread])


def _scouted(replays: Replays, points: Array, widths: Array, starts: int, steps: int) -> Climb:
    """Return the best that a search from the best of ``points`` (k, d) finds."""
    costs = (replays(points) ** 2).sum(axis=1)
    return minimize(replays, points[np.argsort(costs, kind="stable")[:starts]], widths, steps)


def _belief(replays: Replays, best: Climb, widths: Array) -> tuple[Normal, Array]:
    """Return the posterior, its differences as wide as it is itself, and the Jacobian."""
    counted = replays.comparison.counted
    groups, count = groups_of(counted), int(counted.sum())
    rollouts = _rollouts(replays, int(groups.max()) + 1)
    apart = np.full(len(widths), 0.01)
    for _ in range(2):
        jacobian = jacobians(replays, [best], widths, apart)[0]
        belief = posterior(best.point, best.residual, jacobian, groups, count, widths > 0.0, rollouts)
        apart = np.clip(belief.spread, NARROWEST, BROADEST)
    return belief, jacobian


def _rollouts(replays: Replays, groups: int) -> IntArray | None:
    """Return the rollout of each group of residuals (g,); None where each recording is alone or nothing is known."""
    own = [replays.evidence.real[segment.episode].group for segment in replays.segments]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(own))}
    if "" in numbers or not 1 < len(numbers) < len(own):
        return None
    return np.repeat([numbers[name] for name in own], groups // len(own))


def _diagnostics(replays: Replays, best: Climb, jacobian: Array, before: Mapping[str, float]) -> dict[str, float]:
    comparison = replays.comparison
    felt = jacobian[:, (jacobian != 0.0).any(axis=0)]
    values = np.linalg.svd(felt, compute_uv=False) if felt.size else np.ones(1)
    figures = {
        "replay_env_steps": float(replays.spent.env_steps),
        "recordings": float(len(comparison.real)),
        "residuals": float(comparison.counted.sum()),
        "condition_number": float(values[0] / max(values[-1], 1e-15 * values[0])),
        "lag_1_autocorrelation": comparison.autocorrelation(best.residual),
    }
    sides = {"before": before, "after": comparison.rms(best.residual)}
    for side, of_signal in sides.items():
        figures[f"rms_{side}"] = float(np.sqrt(np.mean([value**2 for value in of_signal.values()])))
        figures |= {f"rms_{side}.{name}": value for name, value in of_signal.items()}
    return figures


def _messages(
    point: Mapping[str, float], space: ParameterSpace, belief: Normal, diagnostics: Mapping[str, float]
) -> tuple[str, ...]:
    messages = []
    if (left := diagnostics["rms_after"]) > EXPLAINED**0.5:
        messages.append(
            f"No domain in the ranges explains the recordings: what is left is {left:.2f} of the motion's own spread. "
            "Widen the ranges, add the parameter that is missing, or shorten the windows."
        )
    for (name, value), spread in zip(point.items(), belief.spread.tolist(), strict=True):
        if spread < 0.25 and not EDGE < value < 1.0 - EDGE:
            end, parameter = ("lower", space[name].low) if value <= EDGE else ("upper", space[name].high)
            messages.append(
                f"{name!r} ends at the {end} end of its range, {parameter:g} {space[name].unit}: "
                "the truth may lie beyond, or another parameter is missing."
            )
    if (lag := diagnostics["lag_1_autocorrelation"]) > NOISE and left > NEGLIGIBLE:
        messages.append(
            f"What the fit leaves behind is not noise: neighbouring residuals correlate by {lag:.2f}. The simulator "
            "lacks something, and the intervals know of it only what differs from recording to recording."
        )
    if (count := diagnostics["recordings"]) < FEW:
        messages.append(
            f"The intervals rest on {count:.0f} recordings only, which tell little of how recordings differ."
        )
    return tuple(messages)
