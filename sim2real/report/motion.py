"""Predicted beside recorded positions of an object, of recordings that were not used for fitting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sim2real.gap.metrics import position_error
from sim2real.report.run import Piece
from sim2real.report.style import FITTED, RECORDED, STOCK, Drawing, panels
from sim2real_envs.parameters import Array

Paths: TypeAlias = dict[str, Array]
Dashes: TypeAlias = tuple[float, tuple[float, ...]] | Literal["-"]


class Line(NamedTuple):
    """How one side is drawn."""

    colour: str
    dashes: Dashes
    width: float
    label: str


LINES = {
    "stock": Line(STOCK, (0, (1.2, 1.6)), 1.7, "stock parameters"),
    "predicted": Line(FITTED, "-", 1.7, "fitted parameters"),
    "recorded": Line(RECORDED, (0, (5, 2)), 1.4, "recorded"),
}
POSITION = ["x [m]", "y [m]", "z [m]"]
FROM_ABOVE, OVER_TIME = 8, 4
"""How many recordings each figure shows."""


def paths_from_above(piece: Piece) -> Drawing | None:
    """Draw recorded, predicted and stock paths in the plane of the table."""
    paths = _positions(piece)
    if paths is None:
        return None
    shown = _spread_by_error(paths, FROM_ABOVE)
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = panels(rows, columns, 8.2 if columns > 2 else 5.4, 0.7 + 2.25 * rows)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    for axis, index in zip(axes, shown, strict=False):
        origin = paths["recorded"][index, 0, :2]
        for name, (colour, dashes, width, _) in LINES.items():
            x, y = 100.0 * (paths[name][index, :, :2] - origin).T  # m to cm
            axis.plot(x, y, color=colour, linestyle=dashes, linewidth=width)
            if (finite := np.flatnonzero(np.isfinite(x))).size:
                axis.plot(x[finite[-1]], y[finite[-1]], "o", color=colour, markersize=4.5)
        axis.set_aspect("equal", adjustable="datalim")
        axis.set_title(_title(paths, index), fontsize=9, fontweight="normal")
        axis.tick_params(labelsize=8)
    for position, axis in enumerate(axes):
        if position % columns == 0:
            axis.set_ylabel("y [cm]")
        if position + columns >= len(shown):
            axis.set_xlabel("x [cm]")
    figure.legend(handles=handles(), loc="outside lower left", ncols=3)
    return Drawing(
        _name("paths_from_above", piece),
        "Predicted and recorded motion, from above",
        f"{len(shown)} of the {len(paths['labels'])} held-out recordings kept for drawing, from the best to the worst "
        "predicted; each starts at (0, 0) and ends at its dot. Mean position error of the fitted and the stock "
        "parameters above each. Open loop from the state at release, as the recording was loaded.",
        figure,
        _path_table(paths, shown),
    )


def motion_over_time(piece: Piece) -> Drawing | None:
    """Draw the three coordinates against time."""
    paths = _positions(piece)
    if paths is None:
        return None
    shown = _spread_by_error(paths, OVER_TIME)
    figure, axes = panels(3, len(shown), 8.2, 5.6, sharex=True)
    for column, index in enumerate(shown):
        for row in range(3):
            axis = axes[row * len(shown) + column]
            origin = paths["recorded"][index, 0, row] if row < 2 else 0.0
            for name, (colour, dashes, width, _) in LINES.items():
                values = 100.0 * (paths[name][index, :, row] - origin)  # m to cm
                axis.plot(paths["times"], values, color=colour, linestyle=dashes, linewidth=width)
            axis.tick_params(labelsize=8)
            if column == 0:
                axis.set_ylabel(f"{'xyz'[row]} [cm]")
        axes[column].set_title(str(paths["labels"][index]), fontsize=9, fontweight="normal")
        axes[2 * len(shown) + column].set_xlabel("time [s]")
    figure.legend(handles=handles(), loc="outside lower left", ncols=3)
    return Drawing(
        _name("motion_over_time", piece),
        "Predicted and recorded motion over time",
        f"Position of the object in {len(shown)} held-out recordings, from the best to the worst predicted: x and y "
        "from where the recording begins, z above the table.",
        figure,
        _path_table(paths, shown),
    )


def error_over_time(piece: Piece) -> Drawing | None:
    """Draw how far predictions are from the recording as time passes."""
    paths = _positions(piece)
    if paths is None:
        return None
    figure, (axis,) = panels(1, 1, 8.2, 3.2)
    columns = {"time_s": paths["times"]}
    for name in ("stock", "predicted"):
        quartiles = _error_quartiles(paths, name)  # (3, t) mm
        _band(axis, paths["times"], quartiles, name)
        columns |= {f"{name}_{q}_mm": row for q, row in zip(("lower", "median", "upper"), quartiles, strict=True)}
    axis.set_xlabel("time [s]")
    axis.set_ylabel("position error [mm]")
    axis.set_ylim(bottom=0)
    axis.set_xlim(left=0)
    axis.legend(handles=handles()[:2], loc="upper left")
    return Drawing(
        _name("error_over_time", piece),
        "Position error over time",
        f"Distance of the predicted from the recorded position, median and quartiles over the {len(paths['labels'])} "
        "held-out recordings kept for drawing, while at least half of them are still running.",
        figure,
        pd.DataFrame(columns),
    )


def _positions(piece: Piece) -> Paths | None:
    """Return the predictions of a piece where they are positions in space."""
    paths = piece.predictions
    if paths is None or paths["columns"].tolist() != POSITION:
        return None
    return paths


def _error_quartiles(paths: Paths, name: str) -> Array:
    """Quartiles over recordings, (3, t) [mm]; NaN once fewer than half of them are left."""
    error = 1000.0 * np.linalg.norm(paths[name] - paths["recorded"], axis=-1)  # (e, t)
    running = np.isfinite(error).sum(axis=0) * 2 >= max(len(error), 1)
    quartiles = np.full((3, error.shape[1]), np.nan)
    if running.any():
        quartiles[:, running] = np.nanquantile(error[:, running], [0.25, 0.5, 0.75], axis=0)
    return quartiles


def _band(axis: Axes, times: Array, quartiles: Array, name: str) -> None:
    colour, dashes, width, _ = LINES[name]
    axis.fill_between(times, quartiles[0], quartiles[2], color=colour, alpha=0.2, linewidth=0)
    axis.plot(times, quartiles[1], color=colour, linestyle=dashes, linewidth=width + 0.3)


def _spread_by_error(paths: Paths, count: int) -> list[int]:
    """Indices of ``count`` recordings, evenly spread from the best to the worst predicted."""
    error = position_error(predicted=paths["predicted"], recorded=paths["recorded"])
    order = [int(index) for index in np.argsort(error, kind="stable") if np.isfinite(error[index])]
    chosen = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [order[place] for place in chosen]


def _title(paths: Paths, index: int) -> str:
    fitted, stock = (
        float(1000.0 * position_error(predicted=paths[name][index], recorded=paths["recorded"][index]))
        for name in ("predicted", "stock")
    )
    return f"{paths['labels'][index]}: {fitted:.0f} mm\n(stock {stock:.0f} mm)"


def _path_table(paths: Paths, shown: Sequence[int]) -> pd.DataFrame:
    tables = []
    for index in shown:
        running = np.isfinite(paths["recorded"][index, :, 0])
        columns = {
            f"{name}_{axis}": paths[name][index, running, place] for name in LINES for place, axis in enumerate("xyz")
        }
        tables.append(
            pd.DataFrame({"label": str(paths["labels"][index]), "time_s": paths["times"][running], **columns})
        )
    return pd.concat(tables, ignore_index=True)


def handles() -> list[Line2D]:
    """Return the legend of the three sides."""
    return [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=label)
        for colour, dashes, width, label in LINES.values()
    ]


def _name(figure: str, piece: Piece) -> str:
    return f"{figure}_{piece.target}_{piece.method}"
