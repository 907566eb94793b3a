"""What a method has learned: marginals with verdicts, joint draws, correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from sim2real import randomizers
from sim2real.report.run import Piece, Run, Snapshot, Table
from sim2real.report.style import INK, MUTED, TRUTH, Drawing, log_axis, method_colours, panels, with_unit
from sim2real_envs.parameters import Array, Parameter, ParameterSpace

PROBABILITIES = np.linspace(0.0, 1.0, 21)
DRAWS = 500
"""How many joint draws are shown."""
LONGEST_LABEL = 20
"""Letters of a label beside a panel of a few centimetres."""
MAX_PAIRS = 6
"""How many parameters are shown against each other."""
BINS = 24


@dataclass(frozen=True)
class View:
    """One parameter as an axis.

    Args:
        name: Its name.
        parameter: Range, nominal, unit and scale, as in the run folder.
        marginal: What is believed of it.
        truth: The hidden truth; None where nobody knows it.
        low: Lower end of what is shown.
        high: Upper end of it.
    """

    name: str
    parameter: Table
    marginal: Table
    truth: float | None
    low: float
    high: float

    def on_axis(self, values: ArrayLike) -> Array:
        """Return values as they stand on the axis: their logarithm where the axis is logarithmic."""
        array: Array = np.asarray(values, dtype=float)
        return np.log(array) if self.parameter["log"] else array

    def apply(self, axis: Axes, which: str) -> None:
        """Make this the x or y axis."""
        if self.parameter["log"] and self.high > 3 * self.low:
            log_axis(axis, which, self.low, self.high)
        else:
            few = MaxNLocator(3) if which == "x" else MaxNLocator(4)  # numbers side by side need more room
            (axis.xaxis if which == "x" else axis.yaxis).set_major_locator(few)
        (axis.set_xlim if which == "x" else axis.set_ylim)(self.low, self.high)


def joint_posterior(run: Run, piece: Piece) -> Drawing | None:
    """Draw marginals on the diagonal, joint draws below it and correlations above it, after the last update."""
    if not piece.snapshots or not learned(piece.snapshots[-1]):
        return None
    snapshot = piece.snapshots[-1]
    parameters = snapshot.description["parameters"]
    strongest = sorted(parameters, key=lambda name: -parameters[name]["contraction"])[:MAX_PAIRS]
    views = [_view(snapshot, name, piece.truth.get(name)) for name in parameters if name in strongest]
    size = {1: 3.4, 2: 5.4, 3: 7.2}.get(len(views), 8.2)
    figure, axes = panels(len(views), len(views), size, size * 0.92)
    draws = _draws(run.method_classes[piece.method], snapshot)
    colour = method_colours(run.methods)[piece.method]
    correlation = pd.DataFrame(snapshot.description["correlation"], list(parameters), list(parameters), dtype=float)
    for index, axis in enumerate(axes):
        row, column = divmod(index, len(views))
        y, x = views[row], views[column]
        if row == column:
            _marginal(axis, x, colour)
        elif row > column:
            _scatter(axis, x, y, draws, colour)
        else:
            _correlation(axis, float(correlation.loc[y.name, x.name]))  # type: ignore[arg-type]
        _pair_labels(axis, (row, column), (x, y), last=len(views) - 1)
    drawn = "no joint draws" if draws is None else f"{len(draws)} joint draws"
    few = f" The {MAX_PAIRS} with the strongest contraction are shown." if len(parameters) > len(views) else ""
    truth = " Orange: the hidden truth (pseudo-real)." if piece.truth else ""
    return Drawing(
        f"joint_posterior_{piece.target}_{piece.method}",
        f"What {piece.method} learned: {piece.target}",
        f"Joint distribution after the last update, seed {piece.seed}: density of each parameter and its 90 % "
        f"interval, dashed the flat prior (diagonal); {drawn} (below); correlations (above). Axes are enlarged where "
        f"little of the range is left.{few}{truth}",
        figure,
        _posterior_table(snapshot),
    )


def learned(snapshot: Snapshot) -> bool:
    """Return whether this is a posterior: a method that gives verdicts, after an update."""
    return snapshot.round > 0 and any(
        marginal.get("verdict") for marginal in snapshot.description["parameters"].values()
    )


def space_of(snapshot: Snapshot) -> ParameterSpace:
    """Return the uncertain parameters with their ranges; a truth that an oracle knows may lie beyond its range."""
    believed = snapshot.description["parameters"]

    def limits(name: str, p: Table) -> tuple[float, float]:
        quantiles = believed[name]["quantiles"]
        return min(p["low"], quantiles[0]), max(p["high"], quantiles[-1])

    return ParameterSpace(
        Parameter(name, p["nominal"], p["low"], p["high"], limits(name, p), p["unit"], p["log"])
        for name, p in snapshot.space.items()
    )


def _view(snapshot: Snapshot, name: str, truth: float | None) -> View:
    """The whole range, or the believed part of it and a margin where that is less than half of the range."""
    parameter, marginal = snapshot.space[name], snapshot.description["parameters"][name]
    low, high = float(parameter["low"]), float(parameter["high"])
    shown = [marginal["quantiles"][0], marginal["quantiles"][-1], *([] if truth is None else [truth])]
    margin = 0.4 * (max(shown) - min(shown))
    if max(shown) - min(shown) + 2 * margin < 0.5 * (high - low):
        low, high = max(low, min(shown) - margin), min(high, max(shown) + margin)
    return View(name, parameter, marginal, truth, low, high)


def _marginal(axis: Axes, view: View, colour: str) -> None:
    """The density, in units of the prior's."""
    view.apply(axis, "x")
    edges = np.linspace(view.low, view.high, BINS + 1)
    if axis.get_xscale() == "log":
        edges = np.geomspace(view.low, view.high, BINS + 1)
    place = view.on_axis(edges)
    low, high = view.on_axis([view.parameter["low"], view.parameter["high"]])
    prior = np.diff(place) / (high - low)
    density = np.diff(_distribution_function(edges, view.marginal["quantiles"])) / prior
    axis.stairs(density, edges, fill=True, color=colour, alpha=0.45)
    axis.axhline(1.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    interval = [view.marginal["low"], view.marginal["high"]]
    axis.plot(interval, [0, 0], color=colour, linewidth=5, solid_capstyle="butt", clip_on=False)
    if view.truth is not None:
        axis.axvline(view.truth, color=TRUTH, linewidth=1.6)
    axis.set_ylim(0, max(1.6, float(density.max()) * 1.45))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.grid(visible=False)
    verdict = view.marginal.get("verdict") or ""
    axis.text(0.98, 0.97, verdict, transform=axis.transAxes, ha="right", va="top", fontsize=8.5, fontweight="bold")


def _distribution_function(edges: Array, quantiles: Sequence[float]) -> Array:
    """The distribution function at ``edges``, by linear interpolation between quantiles, which may coincide."""
    values = np.asarray(quantiles, dtype=float)
    spread = max(float(values[-1] - values[0]), abs(float(values[0])), 1e-12)
    rising = np.maximum.accumulate(values + np.arange(values.size) * spread * 1e-9)
    result: Array = np.interp(edges, rising, PROBABILITIES, left=0.0, right=1.0)
    return result


def _scatter(axis: Axes, x: View, y: View, draws: pd.DataFrame | None, colour: str) -> None:
    x.apply(axis, "x")
    y.apply(axis, "y")
    if draws is not None:
        axis.plot(draws[x.name], draws[y.name], "o", color=colour, alpha=0.3, markersize=2.6, markeredgewidth=0)
    if x.truth is not None and y.truth is not None:
        axis.plot([x.truth], [y.truth], "P", color=TRUTH, markersize=9, markeredgecolor="white", zorder=4)


def _correlation(axis: Axes, value: float) -> None:
    axis.set_axis_off()
    strength = min(abs(value), 1.0) if np.isfinite(value) else 0.0
    text = f"{value:+.2f}".replace("-", "−") if np.isfinite(value) else "–"
    colour = INK if strength >= 0.3 else MUTED
    axis.text(
        0.5, 0.5, text, ha="center", va="center", fontsize=9 + 5 * strength, color=colour, transform=axis.transAxes
    )


def _pair_labels(axis: Axes, cell: tuple[int, int], pair: tuple[View, View], last: int) -> None:
    row, column = cell
    x, y = (_broken(with_unit(view.name, view.parameter["unit"])) for view in pair)
    axis.tick_params(labelsize=8)
    if row == last:
        axis.set_xlabel(x, fontsize=8.5)
    elif row >= column:
        axis.tick_params(labelbottom=False)
    if column == 0 and row > 0:
        axis.set_ylabel(y, fontsize=8.5)
    elif row > column:
        axis.tick_params(labelleft=False)


def _broken(label: str) -> str:
    """Return a label that is too long for its panel on several lines: part, name, unit."""
    if len(label) <= LONGEST_LABEL:
        return label
    part, dot, name = label.partition(".")
    lines = f"{part}{dot}\n{name}".strip()
    return lines if len(name) <= LONGEST_LABEL else lines.replace(" [", "\n[")


def _draws(method: str, snapshot: Snapshot) -> pd.DataFrame | None:
    """The particles of the posterior where the state holds them, else draws by the class that wrote the state.

    None where that class cannot be restored here.
    """
    space = space_of(snapshot)
    if particles := snapshot.state.get("unit"):  # (c, n) in the unit cube
        return pd.DataFrame(space.from_unit(particles)[:DRAWS], columns=list(space))
    try:
        randomizer = randomizers.resolve(method).from_dict(space, snapshot.state)
    except (ImportError, LookupError, TypeError, ValueError):
        return None
    return pd.DataFrame(randomizer.sample(np.random.default_rng(0), DRAWS).values, columns=list(space))


def _posterior_table(snapshot: Snapshot) -> pd.DataFrame:
    columns = ("mean", "low", "high", "contraction", "verdict")
    rows = [
        {"parameter": name, **{column: marginal[column] for column in columns}}
        for name, marginal in snapshot.description["parameters"].items()
    ]
    correlation = pd.DataFrame(
        snapshot.description["correlation"], columns=[f"correlation.{row['parameter']}" for row in rows]
    )
    return pd.concat([pd.DataFrame(rows), correlation], axis=1)
