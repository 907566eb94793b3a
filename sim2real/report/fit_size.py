"""How many recordings a method needs: its error on others against the number that it learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sim2real.report.formats import counted, listed
from sim2real.report.run import Run, Table
from sim2real.report.style import MUTED, Drawing, log_axis, method_colours, panels

DODGE = 0.05
"""How far methods stand apart at the same number, as a share of it."""


def errors_by_fit_size(run: Run) -> Iterator[Drawing]:
    """Draw the held-out errors of each data set that a run learns from in several numbers of recordings."""
    targets: dict[str, list[str]] = {}
    for name, target in run.spec["targets"].items():
        if target.get("fit") and not target.get("groups"):
            targets.setdefault(str(target["data"]), []).append(name)
    for data, names in targets.items():
        if len({run.spec["targets"][name]["fit"] for name in names}) > 1:
            table = _table(run, names)
            if not table.empty and table["fit"].nunique() > 1:
                yield _drawing(run, data, names, table)


def _table(run: Run, names: Sequence[str]) -> pd.DataFrame:
    """One row per target, method, seed and error that was measured."""
    rows = []
    for entry in run.results:
        held_out = entry.get("identification", {}).get("held_out", {})
        if entry["target"] not in names:
            continue
        for name, unit in _errors(held_out):
            rows.append({
                "target": entry["target"], "method": entry["method"], "seed": entry["seed"],
                "fit": run.spec["targets"][entry["target"]]["fit"], "fitted_on": entry["identification"]["fitted_on"],
                "error": f"{name.replace('_', ' ')} [{'°' if unit == 'deg' else unit}]",
                "value": held_out[f"{name}_{unit}"], "low": held_out[f"{name}_low_{unit}"],
                "high": held_out[f"{name}_high_{unit}"], "stock": held_out[f"stock_{name}_{unit}"],
                "held_out": held_out["n"],
            })  # fmt: skip
    return pd.DataFrame(rows)


def _errors(held_out: Table) -> Iterator[tuple[str, str]]:
    """Yield name and unit of each error that has an interval."""
    for key in held_out:
        name, _, unit = key.rpartition("_")
        if f"{name}_low_{unit}" in held_out and f"stock_{key}" in held_out:
            yield name, unit


def _drawing(run: Run, data: str, names: Sequence[str], table: pd.DataFrame) -> Drawing:
    errors = list(dict.fromkeys(table["error"]))
    methods = [method for method in run.methods if method in set(table["method"])]
    colours = method_colours(run.methods)
    figure, axes = panels(1, len(errors), max(4.6, 4.2 * len(errors)), 3.5)
    for axis, error in zip(axes, errors, strict=True):
        of_error = table[table["error"] == error]
        for place, method in enumerate(methods):
            for _, rows in of_error[of_error["method"] == method].groupby("seed"):
                _line(axis, rows.sort_values("fit"), colours[method], place - 0.5 * (len(methods) - 1))
        axis.axhline(float(of_error["stock"].mean()), color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2)
        axis.set_xscale("log")
        sizes = sorted(set(of_error["fit"]))
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.set_xticks([], minor=True)
        axis.set_xlabel("motions learned from")
        axis.set_ylabel(f"held-out {error}")
        log_axis(axis, "y", float(of_error["low"].min()), float(of_error["stock"].max()))
    handles = [Line2D([], [], color=colours[method], marker="o", markersize=4, label=method) for method in methods]
    handles.append(Line2D([], [], color=MUTED, linestyle=(0, (4, 3)), linewidth=1.2, label="stock parameters"))
    figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 5))
    return Drawing(
        f"error_by_fit_size_{data.replace('/', '_')}",
        "How many recordings it takes",
        f"Error of predictions of {listed(sorted({str(n) for n in table['held_out']}))} held-out recordings of {data} "
        f"against the number of motions learned from, {counted(len(run.seeds), 'seed')}. {_which(run, names)} "
        "Bars are 95 % percentile bootstrap intervals over the held-out recordings: what another choice of the "
        "recordings to learn from would change is not in them. Dashed: stock parameters.",
        figure,
        table,
    )


def _line(axis: Axes, rows: pd.DataFrame, colour: str, place: float) -> None:
    at = np.asarray(rows["fit"], dtype=float) * (1.0 + DODGE) ** place
    value = rows["value"].to_numpy()
    bars = np.stack([value - rows["low"].to_numpy(), rows["high"].to_numpy() - value])
    axis.errorbar(at, value, bars, color=colour, marker="o", markersize=4, linewidth=1.4, elinewidth=1.1)


def _which(run: Run, names: Sequence[str]) -> str:
    """Say whether the same recordings were held out of every fit."""
    splits = {(target.get("held_out"), target.get("split_seed")) for target in map(run.spec["targets"].get, names)}
    if len(splits) == 1 and None not in next(iter(splits)):
        return "The held-out recordings are the same at every size, and a smaller set is a part of a larger one."
    return "The held-out recordings differ from size to size."
