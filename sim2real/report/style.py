"""How figures look: one palette that colour-blind readers can tell apart, one set of sizes, one way to save.

Colours are those of Okabe and Ito (2008). Figures are drawn with matplotlib's
object interface; no global state is touched.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

INK, MUTED, GRID, RANGE = "#1f2933", "#6b7785", "#e3e7ec", "#f1f3f6"
TRUTH = "#d55e00"
METHOD_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "fixed": "#7a7f87",
        "uniform": "#e69f00",
        "particles": "#0072b2",
        "least_squares": "#a6611a",
        "feedback": "#009e73",
        "oracle": "#cc79a7",
        "autodr": "#8c6d1f",
        "doraemon": "#56b4e9",
        "bayrn": "#882255",
        "simopt": "#b2182b",
        "dropo": "#332288",
        "cma_es": "#44aa99",
    }
)
OTHER_COLOURS = ("#999933", "#117733", "#ddcc77", "#aa4499", "#661100", "#6699cc")
FAILURE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "none": "#dfe5ea",
        "timeout": "#e69f00",
        "out_of_reach": "#56b4e9",
        "collision": "#d55e00",
        "drop": "#cc79a7",
        "unstable_grasp": "#f0e442",
        "planning_failure": "#009e73",
        "diverged": "#1f2933",
        "stopped": "#882255",
    }
)
RECORDED, FITTED, STOCK = INK, "#0072b2", "#e69f00"

STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "font.family": "sans-serif",
        "font.sans-serif": ["Liberation Sans", "Arial", "Helvetica", "DejaVu Sans"],
        "font.size": 10.0,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 8.0,
        "axes.labelsize": 9.5,
        "axes.labelcolor": INK,
        "axes.edgecolor": "#b8c0c9",
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 9.0,
        "ytick.labelsize": 9.0,
        "legend.fontsize": 9.0,
        "legend.frameon": False,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "sim2real",
    }
)


@dataclass(frozen=True)
class Drawing:
    """One figure of a report.

    Args:
        name: File name without ending.
        title: Heading above it.
        caption: What is shown, with n and what intervals are.
        figure: The drawn figure.
        table: The numbers behind it.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    table: pd.DataFrame

    def save(self, folder: Path) -> None:
        """Write ``<name>.png`` and ``<name>.csv`` into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        with styled():
            self.figure.savefig(folder / f"{self.name}.png", dpi=160, metadata={"Software": None})
        self.table.to_csv(folder / f"{self.name}.csv", index=False)

    def data_uri(self) -> str:
        """Return the figure as an SVG image that a page can hold in itself."""
        buffer = io.BytesIO()
        with styled():
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")

    @property
    def width(self) -> int:
        """Natural width on a page in CSS pixels."""
        return round(float(self.figure.get_size_inches()[0]) * 96)


def styled() -> AbstractContextManager[None]:
    """Return a context in which figures are made and saved; the caller's own settings are back afterwards."""
    settings: dict[Any, Any] = dict(STYLE)
    return matplotlib.rc_context(settings)


def panels(
    rows: int, columns: int, width: float, height: float, *, sharey: bool = False, sharex: bool = False
) -> tuple[Figure, list[Axes]]:
    """Return a figure of ``width`` x ``height`` inches and its panels, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey, sharex=sharex)
    return figure, [panel for row in axes for panel in row]


def method_colours(methods: tuple[str, ...]) -> dict[str, str]:
    """Return one colour per method, the same for a known name in every report."""
    others = iter(OTHER_COLOURS * (len(methods) // len(OTHER_COLOURS) + 1))
    return {method: METHOD_COLOURS.get(method) or next(others) for method in methods}


def percent_axis(axes: Axes, axis: str = "y", label: str = "") -> None:
    """Show rates in [0, 1] as percent, with room for markers at both ends."""
    chosen = axes.yaxis if axis == "y" else axes.xaxis
    chosen.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    (axes.set_ylim if axis == "y" else axes.set_xlim)(-0.03, 1.03)
    (axes.set_ylabel if axis == "y" else axes.set_xlabel)(label)


def log_axis(axes: Axes, which: str, low: float, high: float) -> None:
    """Make an axis logarithmic, with plain numbers: at 1, 2 and 5 where it spans more than a decade, else at all."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high > 10 * low else range(1, 10)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def with_unit(name: str, unit: str) -> str:
    """Return an axis label, such as ``actuator.delay [s]``."""
    return name if unit in ("-", "") else f"{name} [{unit}]"
