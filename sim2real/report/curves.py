"""Learning curves: the warm-up, which all methods share, and the training of every round."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from sim2real.report.run import Run
from sim2real.report.style import INK, MUTED, Drawing, method_colours, panels, percent_axis
from sim2real_envs.parameters import Array

WARM_UP = "warm-up"
WINDOW = 300
"""Curves are averaged over about so many episodes."""


def learning_curves(run: Run) -> Drawing | None:
    """Draw success in training against env steps, one panel per target."""
    table = _table(run)
    if table.empty:
        return None
    targets = [target for target in run.targets if target in set(table["target"])]
    figure, axes = panels(1, len(targets), 8.2 if len(targets) == 1 else 4.6 * len(targets), 3.6, sharey=True)
    colours = method_colours(run.methods)
    for axis, target in zip(axes, targets, strict=True):
        rows = table[table["target"] == target]
        for (method, _), part in rows.groupby(["method", "seed"], sort=False):
            _curve(axis, part, colours[str(method)])
        for boundary in sorted(set(rows.groupby(["method", "training"])["offset"].max()) - {0}):
            axis.axvline(boundary, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        axis.set_title(target if len(targets) > 1 else "")
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps / 1000:g} k" if steps else "0"))
        axis.set_xlabel("env steps of training")
        percent_axis(axis)
    axes[0].set_ylabel("success in training")
    _legend(table, run, colours, figure)
    return Drawing(
        "learning_curves",
        "Learning curves",
        f"Success of training episodes in the worlds that each method trains in, so that a harder distribution reads "
        f"lower; moving average over about {WINDOW} episodes, one line per seed ({len(run.seeds)}). Dashed lines: the "
        "end of the warm-up, which all methods share, and of each round.",
        figure,
        table,
    )


def _curve(axis: Axes, part: pd.DataFrame, colour: str) -> None:
    """One piece: the warm-up grey, every round in the method's colour, joined to what came before."""
    for training, points in part.groupby("training", sort=False):
        shared = training == WARM_UP
        steps = points["offset"].to_numpy(dtype=float) + points["env_steps"].to_numpy(dtype=float)
        smooth = _moving_average(points["success"].to_numpy(dtype=float), points["episodes"].to_numpy(dtype=float))
        axis.plot(steps, smooth, color=INK if shared else colour, alpha=0.9, zorder=2 if shared else 3)


def _moving_average(rates: Array, episodes: Array) -> Array:
    """Average neighbouring points, weighted by their episodes, over a window of ``WINDOW`` episodes around each."""
    rates, weights = np.where(episodes > 0, rates, 0.0), np.maximum(episodes, 0.0)
    middle = np.cumsum(weights) - weights / 2
    near = np.abs(middle[:, None] - middle[None, :]) <= WINDOW / 2  # (t, t)
    average: Array = (near * rates * weights).sum(axis=1) / np.maximum((near * weights).sum(axis=1), 1e-12)
    return average


def _table(run: Run) -> pd.DataFrame:
    """All curves, with the env steps of the trainings before as ``offset``."""
    parts = []
    for piece in run.pieces:
        if piece.curve.empty:
            continue
        offset = 0
        for _, points in piece.curve.groupby("training", sort=False):
            parts.append(points.assign(target=piece.target, method=piece.method, seed=piece.seed, offset=offset))
            offset += int(points["env_steps"].max())
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _legend(table: pd.DataFrame, run: Run, colours: dict[str, str], figure: Figure) -> None:
    trained = set(table.loc[table["training"] != WARM_UP, "method"])
    handles = [Line2D([], [], color=colours[method], label=method) for method in run.methods if method in trained]
    if (table["training"] == WARM_UP).any():
        handles.insert(0, Line2D([], [], color=INK, label="warm-up"))
    figure.legend(handles=handles, loc="outside lower left", ncols=6)
