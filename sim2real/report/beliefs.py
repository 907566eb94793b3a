"""What each method draws from, round by round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from sim2real.report.run import Piece, Run, Snapshot, Table
from sim2real.report.style import INK, MUTED, RANGE, TRUTH, Drawing, log_axis, method_colours, panels, with_unit

PROBABILITIES = np.linspace(0.0, 1.0, 21)
CROWDED = 24
"""Columns of boxes above which each parameter gets the whole width."""
OUTER, INNER, MEDIAN = slice(1, 20, 18), slice(5, 16, 10), 10
"""Where the central 90 % and 50 % intervals and the median stand among the 21 quantiles."""


def distributions(run: Run, target: str) -> Drawing | None:
    """Draw each parameter's distribution for every method and round, one panel per parameter."""
    pieces = [piece for piece in run.pieces if piece.target == target and piece.snapshots]
    if not pieces or not pieces[0].snapshots[0].space:
        return None
    space = pieces[0].snapshots[0].space
    truth = pieces[0].truth
    slots = _slots(pieces, run.methods)
    crowded = len(slots) > CROWDED
    columns = 1 if crowded else min(len(space), 3 if len(slots) <= 5 and len(space) != 4 else 2)
    rows = -(-len(space) // columns)
    figure, axes = panels(rows, columns, 10.4 if crowded else max(8.2, 2.6 * columns), 0.6 + 2.8 * rows)
    for axis in axes[len(space) :]:
        axis.set_visible(False)
    colours = method_colours(run.methods)
    for axis, (name, parameter) in zip(axes, space.items(), strict=False):
        _range(axis, parameter, truth.get(name))
        for x, (method, _, snapshots) in enumerate(slots):
            _boxes(axis, x, [s.description["parameters"][name]["quantiles"] for s in snapshots], colours[method])
        _slot_labels(axis, slots)
        axis.set_title(with_unit(name, parameter["unit"]))
    pseudo = run.targets[target] == "pseudo-real"
    figure.legend(handles=_handles(bool(truth)), loc="outside lower left", ncols=5)
    marked = (
        " The orange line is the hidden truth of the pseudo-real target, which only an oracle sees." if truth else ""
    )
    suffix = f"_{target}" if len(run.targets) > 1 else ""
    return Drawing(
        f"distributions{suffix}",
        ("What each method believes" if run.identifies else "What each method draws from")
        + (f": {target}" if suffix else ""),
        f"Distribution of each uncertain parameter before any evidence (0) and after each update: median, central 50 % "
        f"and 90 %, one box per seed ({len(run.seeds)}). Grey: the range that the experiment allows; dashed: nominal."
        + (marked if pseudo else ""),
        figure,
        _distribution_table(pieces),
    )


def _slots(pieces: Sequence[Piece], methods: Sequence[str]) -> list[tuple[str, str, list[Snapshot]]]:
    """Columns of a panel: (method, label, one snapshot per seed); a method that never changes has one column."""
    slots = []
    for method in methods:
        histories = [piece.snapshots for piece in pieces if piece.method == method]
        length = max((len(history) for history in histories), default=0)
        if all(_constant(history) for history in histories):
            slots += [(method, "", [history[0] for history in histories])] if histories else []
            continue
        for r in range(length):
            slots.append((method, str(r), [history[r] for history in histories if r < len(history)]))
    return slots


def _constant(history: Sequence[Snapshot]) -> bool:
    return all(snapshot.description["parameters"] == history[0].description["parameters"] for snapshot in history)


def _range(axis: Axes, parameter: Table, truth: float | None) -> None:
    low, high = float(parameter["low"]), float(parameter["high"])
    if parameter["log"]:
        log_axis(axis, "y", low, high)
    axis.axhspan(low, high, color=RANGE, zorder=0)
    axis.axhline(parameter["nominal"], color=MUTED, linestyle=(0, (4, 3)), linewidth=1.1, zorder=1)
    if truth is not None:
        axis.axhline(truth, color=TRUTH, linewidth=1.8, zorder=4)
    axis.grid(visible=False)


def _boxes(axis: Axes, x: int, quantiles: Sequence[Sequence[float]], colour: str) -> None:
    width = 0.72 / len(quantiles)
    for index, values in enumerate(quantiles):
        left = x - 0.36 + index * width
        (low, high), (inner_low, inner_high) = values[OUTER], values[INNER]
        wide = width * 0.9
        axis.add_patch(Rectangle((left, low), wide, high - low, facecolor=colour, alpha=0.28, zorder=2, linewidth=0))
        box = Rectangle(
            (left, inner_low), wide, inner_high - inner_low, facecolor=colour, alpha=0.6, zorder=2, linewidth=0
        )
        axis.add_patch(box)
        axis.hlines(values[MEDIAN], left, left + wide, color=colour, linewidth=2.4, zorder=3)


def _slot_labels(axis: Axes, slots: Sequence[tuple[str, str, object]]) -> None:
    axis.set_xlim(-0.7, len(slots) - 0.3)
    axis.set_xticks(range(len(slots)), [label for _, label, _ in slots])
    axis.tick_params(axis="x", length=0)
    for method in dict.fromkeys(method for method, _, _ in slots):
        places = [x for x, (name, _, _) in enumerate(slots) if name == method]
        turned = len(slots) > 9 and len(places) == 1
        axis.annotate(
            method,
            (sum(places) / len(places), 0.0),
            xycoords=axis.get_xaxis_transform(),
            xytext=(0, -5 if len(places) == 1 else -18),
            textcoords="offset points",
            ha="right" if turned else "center",
            va="top",
            rotation=35 if turned else 0,
            fontsize=8.5,
        )


def _distribution_table(pieces: Sequence[Piece]) -> pd.DataFrame:
    rows = []
    for piece in pieces:
        for snapshot in piece.snapshots:
            for name, marginal in snapshot.description["parameters"].items():
                key = {"target": piece.target, "method": piece.method, "seed": piece.seed, "round": snapshot.round}
                quantiles = {f"q{p:.2f}": q for p, q in zip(PROBABILITIES, marginal["quantiles"], strict=True)}
                rows.append({**key, "parameter": name, "truth": piece.truth.get(name), **quantiles})
    return pd.DataFrame(rows)


def _handles(truth: bool) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linewidth=2.4, label="median"),
        Patch(color=INK, alpha=0.6, label="50 %"),
        Patch(color=INK, alpha=0.28, label="90 %"),
        Line2D([], [], color=MUTED, linestyle=(0, (4, 3)), linewidth=1.1, label="nominal"),
    ]
    return [*handles, Line2D([], [], color=TRUTH, label="hidden truth (pseudo-real)")] if truth else handles
