"""Predicted beside recorded signals that are not positions in space, such as the angles of a joint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim2real.gap.metrics import feature_errors
from sim2real.report.motion import LINES, POSITION, Paths, handles
from sim2real.report.run import Piece
from sim2real.report.style import Drawing, panels
from sim2real_envs.parameters import Array

SHOWN = 4
"""How many recordings each figure shows."""


def signals_over_time(piece: Piece) -> Drawing | None:
    """Draw recorded, predicted and stock signals against time."""
    paths = _signals(piece)
    if paths is None:
        return None
    columns, shown = paths["columns"].tolist(), _spread_by_error(paths)
    figure, axes = panels(len(columns), len(shown), 8.2, 0.9 + 1.9 * len(columns), sharex=True)
    for place, index in enumerate(shown):
        for row, column in enumerate(columns):
            axis = axes[row * len(shown) + place]
            for name, (colour, dashes, width, _) in LINES.items():
                values = paths[name][index, :, row]
                axis.plot(paths["times"], values, color=colour, linestyle=dashes, linewidth=width)
            axis.set_ylim(*_span(paths["recorded"][index, :, row], paths["predicted"][index, :, row]))
            axis.tick_params(labelsize=8)
            if place == 0:
                axis.set_ylabel(column)
        axes[place].set_title(str(paths["labels"][index]), fontsize=8, fontweight="normal")
        axes[(len(columns) - 1) * len(shown) + place].set_xlabel("time [s]")
    figure.legend(handles=handles(), loc="outside lower left", ncols=3)
    return Drawing(
        f"signals_over_time_{piece.target}_{piece.method}",
        "Predicted and recorded signals over time",
        f"{len(shown)} held-out recordings, from the best to the worst predicted, open loop from the measured start. "
        "Axes are those of the recorded and the fitted signal: a stock line may leave them.",
        figure,
        _table(paths, shown),
    )


def residuals_over_time(piece: Piece) -> Drawing | None:
    """Draw recorded minus predicted: what is left is what the model cannot represent, or noise if it has no shape."""
    paths = _signals(piece)
    if paths is None:
        return None
    columns = paths["columns"].tolist()
    figure, axes = panels(len(columns), 1, 8.2, 0.9 + 1.7 * len(columns), sharex=True)
    residuals = paths["recorded"] - paths["predicted"]  # (e, t, d)
    colour = LINES["predicted"].colour
    for row, (axis, column) in enumerate(zip(axes, columns, strict=True)):
        axis.axhline(0.0, color="0.6", linewidth=0.8)
        for residual in residuals:
            axis.plot(paths["times"], residual[:, row], color=colour, alpha=0.45, linewidth=1.0)
        axis.set_ylabel(column)
    axes[-1].set_xlabel("time [s]")
    return Drawing(
        f"residuals_over_time_{piece.target}_{piece.method}",
        "What the fitted model leaves unexplained",
        f"Recorded minus predicted signals of the {len(residuals)} held-out recordings kept for drawing. Lines that "
        "share a shape show something that the model cannot represent; lines without one are noise.",
        figure,
        pd.DataFrame(
            {
                "label": np.repeat(paths["labels"], len(paths["times"])),
                "time_s": np.tile(paths["times"], len(residuals)),
                **{column: residuals[:, :, row].ravel() for row, column in enumerate(columns)},
            }
        ).dropna(),
    )


def _signals(piece: Piece) -> Paths | None:
    paths = piece.predictions
    return None if paths is None or paths["columns"].tolist() == POSITION else paths


def _span(*lines: Array) -> tuple[float, float]:
    low, high = (float(edge(np.concatenate(lines))) for edge in (np.nanmin, np.nanmax))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def _spread_by_error(paths: Paths) -> list[int]:
    """Indices of a few recordings, evenly spread from the best to the worst predicted."""
    pairs = zip(paths["predicted"], paths["recorded"], strict=True)
    error = np.array([np.linalg.norm(feature_errors(predicted=p, recorded=r)[1]) for p, r in pairs])
    order = [int(index) for index in np.argsort(error, kind="stable") if np.isfinite(error[index])]
    chosen = np.unique(np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int))
    return [order[place] for place in chosen]


def _table(paths: Paths, shown: Sequence[int]) -> pd.DataFrame:
    tables = []
    for index in shown:
        running = np.isfinite(paths["recorded"][index]).all(axis=1)
        columns = {
            f"{name} {column}": paths[name][index, running, row]
            for name in LINES
            for row, column in enumerate(paths["columns"].tolist())
        }
        times = paths["times"][running]
        tables.append(pd.DataFrame({"label": str(paths["labels"][index]), "time_s": times, **columns}))
    return pd.concat(tables, ignore_index=True)
