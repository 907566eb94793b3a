"""Predicted beside recorded signals that are not positions in space, such as the angles of a joint."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd

from sim2real.gap.metrics import feature_errors
from sim2real.report.motion import LINES, POSITION, Paths, handles
from sim2real.report.run import Piece
from sim2real.report.style import Drawing, panels
from sim2real_envs.parameters import Array

SHOWN = 4
"""How many recordings the figure shows."""

_LEAST_SPAN = 0.08  # of all that was recorded of a signal
_TITLE = 26  # letters in a line above a panel


def signals_over_time(piece: Piece) -> Drawing | None:
    """Draw recorded, predicted and stock signals against time."""
    paths = signals_of(piece)
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
            least = _LEAST_SPAN * float(
                np.nanmax(paths["recorded"][:, :, row]) - np.nanmin(paths["recorded"][:, :, row])
            )
            axis.set_ylim(*_span(least, paths["recorded"][index, :, row], paths["predicted"][index, :, row]))
            axis.tick_params(labelsize=8)
            if place == 0:
                axis.set_ylabel(column)
        axes[place].set_title(fill(str(paths["labels"][index]), _TITLE), fontsize=8, fontweight="normal")
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


def signals_of(piece: Piece) -> Paths | None:
    """Return the predictions of a piece where they are not positions in space."""
    paths = piece.predictions
    return None if paths is None or paths["columns"].tolist() == POSITION else paths


def _span(least: float, *lines: Array) -> tuple[float, float]:
    """Return an axis around ``lines`` that is no shorter than ``least``, so that what rests looks at rest."""
    low, high = (float(edge(np.concatenate(lines))) for edge in (np.nanmin, np.nanmax))
    margin = max(0.08 * (high - low), 0.5 * (least - (high - low))) or 1.0
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
