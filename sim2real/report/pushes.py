"""Planar pushes that were not used for fitting: where they led, in which direction, and with which force."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sim2real.report.motion import LINES, Paths, handles
from sim2real.report.run import Piece
from sim2real.report.style import MUTED, Drawing, panels
from sim2real_envs.parameters import Array

COLUMNS = [
    *("x [m]", "y [m]", "angle [rad]", "force along [N]", "force across [N]"),
    *("direction x [-]", "direction y [-]", "direction turn [-]"),
]
"""What is drawn of a planar push: see ``sim2real_envs.rigs.planar_push``."""

_PLACE, _ANGLE, _FORCE, _DIRECTION = slice(0, 2), 2, slice(3, 5), slice(5, 8)
_MAPS, _FORCES = 8, 4
"""How many pushes each figure shows."""
_MARKED_TURN = 3.0  # a turn is drawn this many times as large: most are of five degrees


def of_pushes(piece: Piece) -> bool:
    """Return whether the predictions of a piece are of planar pushes."""
    return piece.predictions is not None and piece.predictions["columns"].tolist() == COLUMNS


def push_map(piece: Piece) -> Drawing | None:
    """Draw where pushes led the object's centre, and how far they turned it."""
    if piece.predictions is None:
        return None
    paths = piece.predictions
    shown = _spread_by_angle(paths, _MAPS)
    rows = -(-len(shown) // 4)
    figure, axes = panels(rows, 4, 8.2, 0.7 + 2.3 * rows)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    for axis, index in zip(axes, shown, strict=False):
        for name, line in LINES.items():
            x, y, angle = _ways(paths[name][index])
            axis.plot(x, y, color=line.colour, linestyle=line.dashes, linewidth=line.width)
            _heading(axis, x[-1], y[-1], angle[-1], line.colour)
        axis.plot(0.0, 0.0, "o", color=MUTED, markersize=3.0)
        axis.set_aspect("equal", adjustable="datalim")
        axis.margins(0.25)
        axis.set_title(_title(paths, index), fontsize=9, fontweight="normal")
        axis.tick_params(labelsize=8)
        axis.set_xlabel("x [mm]")
    for axis in axes[::4]:
        axis.set_ylabel("y [mm]")
    figure.legend(handles=handles(), loc="outside lower left", ncols=3)
    return Drawing(
        _name("push_map", piece),
        "Where the pushes led",
        f"Way of the object's centre of mass in {len(shown)} held-out pushes, from the best to the worst predicted "
        "direction of motion, seen from above and from where each began. The pose was recorded before and after a "
        f"push, not during it. The tick at each end shows by how much the object turned, {_MARKED_TURN:.0f} times as "
        "large: up would be none. Above each, the angle between predicted and recorded direction of motion, predicted "
        "from the measured load where the recording has one.",
        figure,
        _ends(paths, shown),
    )


def motion_directions(piece: Piece) -> Drawing | None:
    """Draw predicted against recorded direction of motion."""
    if piece.predictions is None:
        return None
    paths = piece.predictions
    figure, axes = panels(1, 3, 8.2, 3.2)
    columns: dict[str, Array] = {"label": paths["labels"]}
    names = ("along the object's x", "along the object's y", "turn, times 0.05 m")
    for row, (axis, name) in enumerate(zip(axes, names, strict=True)):
        axis.plot([-1, 1], [-1, 1], color=MUTED, linewidth=0.8, zorder=1)
        for side, marker in (("stock", "s"), ("predicted", "o")):
            line = LINES[side]
            recorded, predicted = (paths[each][:, 0, _DIRECTION][:, row] for each in ("recorded", side))
            axis.plot(recorded, predicted, marker, color=line.colour, markersize=5 if side == "predicted" else 4)
            columns |= {f"recorded {name}": recorded, f"{side} {name}": predicted}
        axis.set_aspect("equal")
        axis.set_xlim(-1.08, 1.08)
        axis.set_ylim(-1.08, 1.08)
        axis.set_title(name, fontsize=9, fontweight="normal")
        axis.set_xlabel("recorded")
    axes[0].set_ylabel("predicted")
    figure.legend(handles=_dots(), loc="outside lower left", ncols=2)
    return Drawing(
        _name("motion_directions", piece),
        "Predicted and recorded direction of motion",
        f"The three components of the unit vector of motion of the {len(paths['labels'])} held-out pushes kept for "
        "drawing; on the line, both agree. Predicted from the measured load where the recording has one, and from the "
        "way of the probe where it has none.",
        figure,
        pd.DataFrame(columns),
    )


def push_forces(piece: Piece) -> Drawing | None:
    """Draw the force on the object over time, where it was measured."""
    if piece.predictions is None or not np.isfinite(piece.predictions["recorded"][:, :, _FORCE]).any():
        return None
    paths = piece.predictions
    shown = _spread_by_angle(paths, _FORCES)
    figure, axes = panels(2, len(shown), 8.2, 4.4, sharex=True)
    for place, index in enumerate(shown):
        for row, name in enumerate(("along", "across")):
            axis = axes[row * len(shown) + place]
            for side, line in LINES.items():
                force = paths[side][index][:, _FORCE][:, row]
                axis.plot(paths["times"], force, color=line.colour, linestyle=line.dashes, linewidth=line.width)
            axis.tick_params(labelsize=8)
            if place == 0:
                axis.set_ylabel(f"force {name} [N]")
        axes[place].set_title(str(paths["labels"][index]), fontsize=9, fontweight="normal")
        axes[len(shown) + place].set_xlabel("time [s]")
    figure.legend(handles=handles(), loc="outside lower left", ncols=3)
    return Drawing(
        _name("push_forces", piece),
        "Predicted and recorded force",
        f"Force on the object along the probe's way and to its left in {len(shown)} held-out pushes, from the best to "
        "the worst predicted direction of motion.",
        figure,
        _force_table(paths, shown),
    )


def _ways(path: Array) -> Array:
    """Return what is known of a path (t, d) from its beginning: x, y [mm] and angle [rad], (3, k)."""
    known = path[np.isfinite(path[:, : _ANGLE + 1]).all(axis=1), : _ANGLE + 1]
    way: Array = ((known - known[0]) * [1000.0, 1000.0, 1.0]).T
    return way


def _heading(axis: Axes, x: float, y: float, turn: float, colour: str) -> None:
    """Mark an end, and the turn there as a tick that leans to the side it turned to."""
    lean = _MARKED_TURN * turn
    tip = (x - 2.5 * math.sin(lean), y + 2.5 * math.cos(lean))  # mm
    axis.plot([x, tip[0]], [y, tip[1]], color=colour, linewidth=1.2)
    axis.plot(x, y, "o", color=colour, markersize=4.5)


def _angle(paths: Paths, side: str, index: int) -> float:
    """Return the angle [deg] between recorded and predicted direction of motion."""
    one, other = (paths[each][index, 0, _DIRECTION] for each in ("recorded", side))
    return math.degrees(2.0 * math.atan2(np.linalg.norm(one - other), np.linalg.norm(one + other)))


def _title(paths: Paths, index: int) -> str:
    return f"{paths['labels'][index]}: {_angle(paths, 'predicted', index):.0f} deg"


def _spread_by_angle(paths: Paths, count: int) -> list[int]:
    """Return the indices of ``count`` pushes, evenly spread from the best to the worst predicted direction."""
    angles = [_angle(paths, "predicted", index) for index in range(len(paths["labels"]))]
    order = np.argsort(angles, kind="stable")
    picked = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [int(order[place]) for place in picked]


def _ends(paths: Paths, shown: list[int]) -> pd.DataFrame:
    rows = []
    for index in shown:
        row: dict[str, str | float] = {"label": str(paths["labels"][index])}
        for name in LINES:
            x, y, angle = _ways(paths[name][index])[:, -1]
            row |= {f"{name}_x_mm": float(x), f"{name}_y_mm": float(y), f"{name}_turn_rad": float(angle)}
        rows.append(row | {"motion_angle_deg": _angle(paths, "predicted", index)})
    return pd.DataFrame(rows)


def _force_table(paths: Paths, shown: list[int]) -> pd.DataFrame:
    tables = []
    for index in shown:
        columns = {
            f"{side}_{name}_N": paths[side][index][:, _FORCE][:, row]
            for side in LINES
            for row, name in enumerate(("along", "across"))
        }
        tables.append(pd.DataFrame({"label": str(paths["labels"][index]), "time_s": paths["times"], **columns}))
    return pd.concat(tables, ignore_index=True).dropna()


def _dots() -> list[Line2D]:
    return [
        Line2D([], [], color=LINES[side].colour, marker=marker, linestyle="", label=LINES[side].label)
        for side, marker in (("stock", "s"), ("predicted", "o"))
    ]


def _name(figure: str, piece: Piece) -> str:
    return f"{figure}_{piece.target}_{piece.method}"
