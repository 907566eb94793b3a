"""What is left of recorded signals when the fitted model has been taken away: noise, or what the model lacks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sim2real.report.motion import LINES, Paths
from sim2real.report.run import Piece
from sim2real.report.signals import signals_of
from sim2real.report.style import FITTED, STOCK, Drawing, panels
from sim2real_envs.parameters import Array

BINS = 9
"""Into how many equal parts the recorded states are divided."""

_REST = 0.03  # of the fastest that was recorded: slower is at rest
_FEWEST = 4  # recordings that make a bin
_CORE = (0.01, 0.99)  # share of the samples between the first part and the last: what is beyond joins them
_DIRECTIONS = {1: ("going up", FITTED), -1: ("going down", STOCK), 0: ("at rest", "0.35")}


class Memory(NamedTuple):
    """How long residuals stay alike.

    Args:
        column: Such as ``"angle [rad]"``.
        rms: Root mean square of the residuals, in the unit of the column.
        seconds: Until their autocorrelation has fallen to 1/e [s]; infinite where it has not within the recordings.
        sample: The time between two samples [s].
    """

    column: str
    rms: float
    seconds: float
    sample: float

    @property
    def lasting(self) -> bool:
        """Whether they last for far longer than noise, which is forgotten after a sample."""
        return self.seconds > 5.0 * self.sample

    def sentence(self) -> str:
        """Return the finding in words."""
        name = self.column.partition(" [")[0]
        unit = self.column.partition("[")[2].rstrip("]")
        size = f"Residuals of the {name} ({self.rms:.2g} {unit}) "
        if not self.lasting:
            return f"{size}are forgotten within {self.seconds:.2g} s, like noise."
        long = "to the end of the recordings" if math.isinf(self.seconds) else f"for {self.seconds:.2g} s"
        return f"{size}stay alike {long}, noise would for one sample of {self.sample:.2g} s."


def residuals_over_time(piece: Piece) -> Drawing | None:
    """Draw recorded minus predicted: what is left is what the model cannot represent, or noise if it has no shape."""
    paths = signals_of(piece)
    if paths is None:
        return None
    columns, residuals = paths["columns"].tolist(), residuals_of(paths)
    figure, axes = panels(len(columns), 1, 8.2, 0.9 + 1.7 * len(columns), sharex=True)
    for row, (axis, column) in enumerate(zip(axes, columns, strict=True)):
        axis.axhline(0.0, color="0.6", linewidth=0.8)
        for residual in residuals:
            axis.plot(paths["times"], residual[:, row], color=LINES["predicted"].colour, alpha=0.45, linewidth=1.0)
        axis.set_ylabel(column)
    axes[-1].set_xlabel("time [s]")
    found = memories(paths)
    cause = " What lasts is an error of the start, or something that the model cannot represent."
    return Drawing(
        f"residuals_over_time_{piece.target}_{piece.method}",
        "What the fitted model leaves unexplained",
        f"Recorded minus predicted signals of the {len(residuals)} held-out recordings kept for drawing. "
        + " ".join(each.sentence() for each in found)
        + (cause if any(each.lasting for each in found) else ""),
        figure,
        pd.DataFrame(
            {
                "label": np.repeat(paths["labels"], len(paths["times"])),
                "time_s": np.tile(paths["times"], len(residuals)),
                **{column: residuals[:, :, row].ravel() for row, column in enumerate(columns)},
            }
        ).dropna(),
    )


def residuals_by_state(piece: Piece) -> Drawing | None:
    """Draw residuals against the recorded signal and its velocity, by direction: friction and load show here."""
    paths = signals_of(piece)
    if paths is None:
        return None
    columns = paths["columns"].tolist()
    figure, axes = panels(len(columns), 2, 8.2, 1.0 + 2.1 * len(columns))
    tables = []
    for row, column in enumerate(columns):
        name, _, unit = column.partition(" [")
        states = {"": paths["recorded"][:, :, row], "velocity of ": _velocity(paths)[:, :, row]}
        for place, (what, state) in enumerate(states.items()):
            axis = axes[2 * row + place]
            table = pd.DataFrame(_binned(paths, row, state))
            _draw(axis, table)
            axis.set_xlabel(f"recorded {what}{name} [{unit.rstrip(']')}{'/s' if what else ''}]")
            tables.append(table.assign(signal=column, against=f"{what}{name}"))
        axes[2 * row].set_ylabel(f"residual [{unit}")
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=4, label=label) for label, colour in _DIRECTIONS.values()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return Drawing(
        f"residuals_by_state_{piece.target}_{piece.method}",
        "Where the fitted model is wrong",
        "Mean of recorded minus predicted at the recorded signal and its velocity, apart for the direction of motion, "
        f"with its standard error over recordings: {len(paths['labels'])} held-out ones that were kept for drawing. A "
        "model that lacks nothing stays at zero everywhere; where the lines for up and down lie apart its friction is "
        "wrong, where they slope its load or stiffness.",
        figure,
        pd.concat(tables, ignore_index=True),
    )


def residuals_of(paths: Paths) -> Array:
    """Return recorded minus predicted signals, (e, t, d), NaN behind each end."""
    residuals: Array = paths["recorded"] - paths["predicted"]
    return residuals


def memories(paths: Paths) -> list[Memory]:
    """Return how long the residuals of each column stay alike."""
    sample = float(np.median(np.diff(paths["times"])))
    residuals, columns = residuals_of(paths), paths["columns"].tolist()
    found = []
    for row, column in enumerate(columns):
        correlation = autocorrelation(residuals[:, :, row])
        below = np.flatnonzero(correlation < math.exp(-1.0))
        lasting = sample * int(below[0]) if below.size else math.inf
        found.append(Memory(column, float(np.sqrt(np.nanmean(residuals[:, :, row] ** 2))), lasting, sample))
    return found


def autocorrelation(residuals: Array) -> Array:
    """Return the autocorrelation about zero of residuals (e, t), NaN behind each end, at lags of 0 … t / 2 samples.

    ``rho(k) = mean(r_s r_(s+k)) / mean(r_s^2)`` over all samples s and recordings; 0 where nothing is left.
    """
    length = residuals.shape[1]
    power = float(np.nanmean(residuals**2))
    correlation = np.zeros(length // 2 + 1)
    for lag in range(len(correlation) if power > 0.0 else 0):
        products = residuals[:, : length - lag] * residuals[:, lag:]
        if np.isfinite(products).any():
            correlation[lag] = float(np.nanmean(products)) / power
    return correlation


def _velocity(paths: Paths) -> Array:
    """Return the recorded velocities, (e, t, d), smoothed over five samples, because encoders count in steps."""
    velocity: Array = np.gradient(paths["recorded"], paths["times"], axis=1)
    padded: Array = np.pad(velocity, ((0, 0), (2, 2), (0, 0)), mode="edge")
    shifted = [padded[:, shift : shift + velocity.shape[1]] for shift in range(5)]
    smooth: Array = np.mean(shifted, axis=0)
    return smooth


def _binned(paths: Paths, row: int, state: Array) -> Iterator[dict[str, float | str]]:
    """Yield mean residual and its standard error over recordings in each part of ``state`` (e, t), by direction."""
    residual, velocity = residuals_of(paths)[:, :, row], _velocity(paths)[:, :, row]
    known = np.isfinite(residual) & np.isfinite(state) & np.isfinite(velocity)
    slow = _REST * float(np.abs(velocity[known]).max(initial=0.0))
    heading = np.where(np.abs(velocity) <= slow, 0, np.sign(velocity))
    low, high = np.quantile(state[known], _CORE) if known.any() else (0.0, 0.0)
    place = (state - low) / max(float(high - low), 1e-12)
    bins = np.floor(BINS * np.where(known, place.clip(0.0, 1.0 - 1e-9), 0.0)).astype(np.int64)
    for direction, (label, _) in _DIRECTIONS.items():
        for index in range(BINS):
            chosen = known & (heading == direction) & (bins == index)
            means = np.array(
                [float(residual[each][chosen[each]].mean()) for each in np.flatnonzero(chosen.any(axis=1))]
            )
            if len(means) >= _FEWEST:
                yield {
                    "direction": label,
                    "state": float(state[chosen].mean()),
                    "residual": float(means.mean()),
                    "standard_error": float(means.std(ddof=1) / math.sqrt(len(means))),
                    "recordings": len(means),
                }


def _draw(axis: Axes, table: pd.DataFrame) -> None:
    axis.axhline(0.0, color="0.6", linewidth=0.8)
    for label, colour in _DIRECTIONS.values():
        part = table[table["direction"] == label] if len(table) else table
        if len(part):
            axis.errorbar(
                part["state"], part["residual"], part["standard_error"], color=colour, marker="o", markersize=4,
                linewidth=1.4, elinewidth=1.0,
            )  # fmt: skip
