"""What a method has learned: marginals with verdicts, joint draws, correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sim2real import randomizers
from sim2real.report.run import Piece, Run, Snapshot, Table
from sim2real.report.style import INK, MUTED, TRUTH, Drawing, log_axis, method_colours, panels, with_unit
from sim2real_envs.parameters import Array, Parameter, ParameterSpace

PROBABILITIES = np.linspace(0.0, 1.0, 21)
DRAWS = 500
"""How many joint draws are shown."""
MAX_PAIRS = 6
"""How many parameters are shown against each other."""
BINS = 24


def joint_posterior(run: Run, piece: Piece) -> Drawing | None:
    """Draw marginals on the diagonal, joint draws below it and correlations above it, after the last update."""
    if not piece.snapshots or not learned(piece.snapshots[-1]):
        return None
    snapshot = piece.snapshots[-1]
    parameters = snapshot.description["parameters"]
    names = sorted(
        sorted(parameters, key=lambda n: -parameters[n]["contraction"])[:MAX_PAIRS], key=list(parameters).index
    )
    count = len(names)
    size = {1: 3.4, 2: 5.4, 3: 7.2}.get(count, 8.2)
    figure, axes = panels(count, count, size, size * 0.92)
    draws = _draws(run.method_classes[piece.method], snapshot)
    colour = method_colours(run.methods)[piece.method]
    order = list(parameters)
    correlation = np.asarray(snapshot.description["correlation"], dtype=float)
    for index, axis in enumerate(axes):
        row, column = divmod(index, count)
        y, x = names[row], names[column]
        if row == column:
            _marginal(axis, snapshot.space[x], parameters[x], piece.truth.get(x), colour)
        elif row > column:
            _scatter(axis, snapshot, (x, y), draws, piece.truth, colour)
        else:
            _correlation(axis, correlation[order.index(y), order.index(x)])
        labels = [with_unit(name, snapshot.space[name]["unit"]) for name in (x, y)]
        _pair_labels(axis, (row, column), count, labels)
    few = (
        f" The {count} with the strongest contraction of {len(parameters)} are shown."
        if len(parameters) > count
        else ""
    )
    truth = " Orange: the hidden truth (pseudo-real)." if piece.truth else ""
    return Drawing(
        f"joint_posterior_{piece.target}_{piece.method}",
        f"What {piece.method} learned: {piece.target}",
        f"Joint distribution after the last update, seed {piece.seed}: marginals with their 90 % interval against the "
        f"flat prior over the range (diagonal), {DRAWS} joint draws that training uses (below), correlations "
        f"(above).{few}{truth}",
        figure,
        _posterior_table(snapshot),
    )


def learned(snapshot: Snapshot) -> bool:
    """Return whether this is a posterior: a method that gives verdicts, after an update."""
    return any(marginal.get("verdict") for marginal in snapshot.description["parameters"].values())


def space_of(snapshot: Snapshot) -> ParameterSpace:
    """Return the uncertain parameters with their ranges."""
    return ParameterSpace(
        Parameter(name, p["nominal"], p["low"], p["high"], (p["low"], p["high"]), p["unit"], p["log"])
        for name, p in snapshot.space.items()
    )


def _marginal(axis: Axes, parameter: Table, marginal: Table, truth: float | None, colour: str) -> None:
    low, high = float(parameter["low"]), float(parameter["high"])
    edges = np.geomspace(low, high, BINS + 1) if parameter["log"] else np.linspace(low, high, BINS + 1)
    mass = np.diff(_distribution_function(edges, marginal["quantiles"])) * BINS  # 1 everywhere under the prior
    _axis_range(axis, parameter, "x")
    axis.stairs(mass, edges, fill=True, color=colour, alpha=0.45)
    axis.axhline(1.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    axis.plot(
        [marginal["low"], marginal["high"]], [0, 0], color=colour, linewidth=5, solid_capstyle="butt", clip_on=False
    )
    if truth is not None:
        axis.axvline(truth, color=TRUTH, linewidth=1.6)
    axis.set_ylim(0, max(1.6, float(mass.max()) * 1.45))
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.grid(visible=False)
    verdict = marginal.get("verdict") or ""
    axis.text(0.98, 0.97, verdict, transform=axis.transAxes, ha="right", va="top", fontsize=8.5, fontweight="bold")


def _distribution_function(edges: Array, quantiles: Sequence[float]) -> Array:
    """The distribution function at ``edges``, by linear interpolation between quantiles, which may coincide."""
    values = np.asarray(quantiles, dtype=float)
    spread = max(float(values[-1] - values[0]), abs(float(values[0])), 1e-12)
    rising = np.maximum.accumulate(values + np.arange(values.size) * spread * 1e-9)
    result: Array = np.interp(edges, rising, PROBABILITIES, left=0.0, right=1.0)
    return result


def _scatter(
    axis: Axes, snapshot: Snapshot, pair: tuple[str, str], draws: pd.DataFrame | None, truth: Table, colour: str
) -> None:
    x, y = pair
    _axis_range(axis, snapshot.space[x], "x")
    _axis_range(axis, snapshot.space[y], "y")
    if draws is not None:
        axis.plot(draws[x], draws[y], "o", color=colour, alpha=0.3, markersize=2.6, markeredgewidth=0, rasterized=True)
    if x in truth and y in truth:
        axis.plot([truth[x]], [truth[y]], "P", color=TRUTH, markersize=9, markeredgecolor="white", zorder=4)


def _correlation(axis: Axes, value: float) -> None:
    axis.set_axis_off()
    strength = min(abs(value), 1.0) if np.isfinite(value) else 0.0
    text = f"{value:+.2f}" if np.isfinite(value) else "–"
    colour = INK if strength >= 0.3 else MUTED
    axis.text(
        0.5, 0.5, text, ha="center", va="center", fontsize=9 + 5 * strength, color=colour, transform=axis.transAxes
    )


def _axis_range(axis: Axes, parameter: Table, which: str) -> None:
    if parameter["log"]:
        log_axis(axis, which)
    (axis.set_xlim if which == "x" else axis.set_ylim)(parameter["low"], parameter["high"])


def _pair_labels(axis: Axes, cell: tuple[int, int], count: int, labels: Sequence[str]) -> None:
    (row, column), (x, y) = cell, labels
    axis.tick_params(labelsize=8)
    if row == count - 1:
        axis.set_xlabel(x, fontsize=8.5)
    elif row >= column:
        axis.tick_params(labelbottom=False)
    if column == 0 and row > 0:
        axis.set_ylabel(y, fontsize=8.5)
    elif row > column:
        axis.tick_params(labelleft=False)


def _draws(method: str, snapshot: Snapshot) -> pd.DataFrame | None:
    """Joint draws, by the class that wrote the state; None where it cannot be restored here."""
    space = space_of(snapshot)
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
