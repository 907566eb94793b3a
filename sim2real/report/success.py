"""Figures of success: at the end, round by round, and how episodes failed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim2real.gap.statistics import wilson
from sim2real.report.run import Run, Table
from sim2real.report.style import FAILURE_COLOURS, INK, MUTED, Drawing, method_colours, panels, percent_axis

SIDES = ("real", "simulated", "nominal")
INTERVALS = "Bars are 95 % Wilson intervals."
KEYS = ["env", "target", "method", "seed"]


def final_success(run: Run) -> Drawing | None:
    """Draw the final success of every method on each target, in its own simulation and in the nominal one."""
    table = _final_table(run)
    if table.empty:
        return None
    targets = [target for target in run.targets if target in set(table["target"])]
    methods = [method for method in run.methods if method in set(table["method"])]
    columns = min(2, len(targets))
    lines = -(-len(targets) // columns)
    height = 0.75 + lines * (0.62 * len(methods) + 0.3) + 0.35 * (lines - 1)
    figure, axes = panels(lines, columns, 8.2 if columns == 1 else 9.2, height, sharey=True)
    colours = method_colours(run.methods)
    for axis in axes[len(targets) :]:
        axis.set_visible(False)
    for axis, target in zip(axes, targets, strict=False):
        rows = table[table["target"] == target]
        for place, method in enumerate(methods):
            for row in _records(rows[rows["method"] == method]):
                _final_marker(axis, place, row, colours[method])
        axis.set_yticks(range(len(methods)), methods)
        axis.set_ylim(len(methods) - 0.45, -0.55)
        axis.grid(axis="y", visible=False)
        axis.tick_params(axis="y", length=0)
        percent_axis(axis, "x", "success")
        axis.set_title(f"{target} ({run.targets[target]})")
        axis.set_xlim(-0.03, 1.22)
        axis.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    figure.legend(handles=_side_handles(run, nominal=True), loc="outside lower left", ncols=3)
    return Drawing(
        "final_success",
        "Final success",
        f"Success of each method's final policy: on the {run.target_word} target (filled), in simulation under the "
        f"method's own final distribution (open square), and in the nominal simulation (diamond). {INTERVALS} "
        f"n = {_counts(table['n'])} episodes per marker, {_seeds(run)}, the same starts for all methods.",
        figure,
        table,
    )


def success_per_round(run: Run) -> Drawing | None:
    """Draw real and simulated success of each round, and at the end, one panel per method and target."""
    table = _round_table(run)
    if table.empty or (table["round"] == "final").all():
        return None
    chosen = [
        (t, m) for t in run.targets for m in run.methods if ((table["target"] == t) & (table["method"] == m)).any()
    ]
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, axes = panels(rows, columns, max(2.3 * columns, 4.5), 0.75 + 2.2 * rows, sharey=True)
    colours = method_colours(run.methods)
    for axis in axes[len(chosen) :]:
        axis.set_visible(False)
    for axis, (target, method) in zip(axes, chosen, strict=False):
        rows_here = table[(table["target"] == target) & (table["method"] == method)]
        _round_panel(axis, rows_here, colours[method])
        axis.set_title(method if len(run.targets) == 1 else f"{method} · {target}")
        percent_axis(axis)
    for axis in axes[::columns]:
        axis.set_ylabel("success")
    figure.legend(handles=_side_handles(run, nominal=False), loc="outside lower left", ncols=2)
    return Drawing(
        "success_per_round",
        "Success round by round",
        f"Success of the policy that each round started with, on the {run.target_word} target (filled) and in "
        f"simulation under the randomizer of that round (open); “final” is the last evaluation. {INTERVALS} "
        f"{_round_counts(table, run)} A method that learns nothing from the target runs no episodes there before.",
        figure,
        table,
    )


def failure_modes(run: Run) -> Drawing | None:
    """Draw how the episodes of the final evaluation ended, as shares."""
    table = _failure_table(run)
    if table.empty:
        return None
    labels = list(dict.fromkeys((str(m), str(s)) for m, s in zip(table["method"], table["side"], strict=True)))
    modes = [mode for mode in FAILURE_COLOURS if mode in set(table["failure_mode"])]
    modes += sorted(set(table["failure_mode"]) - set(modes))
    figure, (axis,) = panels(1, 1, 8.2, 0.9 + 0.34 * len(labels))
    shares = table.set_index(["method", "side", "failure_mode"])["share"]
    place, places, before = 0.0, [], ""
    for method, side in labels:
        place += 1.5 if before and method != before else 1.0
        places.append(place)
        before, left = method, 0.0
        for mode in modes:
            share = float(shares.get((method, side, mode), 0.0))
            colour = FAILURE_COLOURS.get(mode, MUTED)
            axis.barh(place, share, left=left, height=0.82, color=colour, edgecolor="white", linewidth=0.8)
            if share >= 0.05:
                ink = "white" if mode in ("collision", "diverged") else INK
                axis.text(
                    left + share / 2, place, f"{100 * share:.0f} %", ha="center", va="center", fontsize=8, color=ink
                )
            left += share
    axis.set_yticks(places, [f"{method} · {_side_name(side, run)}" for method, side in labels])
    axis.set_ylim(places[-1] + 0.6, places[0] - 0.6)
    percent_axis(axis, "x", "share of episodes")
    axis.set_xlim(0, 1)
    axis.grid(visible=False)
    axis.tick_params(axis="y", length=0)
    handles = [Patch(color=FAILURE_COLOURS.get(mode, MUTED), label=_mode_name(mode)) for mode in modes]
    figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), 5))
    total = table.groupby(["method", "side"])["episodes"].sum()
    return Drawing(
        "failure_modes",
        "How episodes ended",
        f"Shares of outcomes in the final evaluation, n = {_counts(total)} episodes per bar, {_seeds(run)}.",
        figure,
        table,
    )


def _final_marker(axis: Axes, place: int, row: Table, colour: str) -> None:
    """One rate with its interval; the real one is written out."""
    side = str(row["side"])
    offset = {"real": -0.2, "simulated": 0.06, "nominal": 0.28}[side]
    shade = MUTED if side == "nominal" else colour
    filled = colour if side == "real" else "white"
    size = {"real": 8.5, "simulated": 6.0, "nominal": 5.0}[side]
    axis.plot(
        [row["low"], row["high"]], [place + offset] * 2, color=shade, linewidth=2.6 if side == "real" else 1.4, zorder=2
    )
    marker = {"real": "o", "simulated": "s", "nominal": "D"}[side]
    axis.plot([row["rate"]], [place + offset], marker, color=shade, markerfacecolor=filled, markersize=size, zorder=3)
    if side == "real":
        text = f"{100 * row['rate']:.0f} %  ({row['k']:.0f}/{row['n']:.0f})"
        axis.text(1.04, place + offset, text, va="center", ha="left", fontsize=9, color=colour, fontweight="bold")


def _round_panel(axis: Axes, rows: pd.DataFrame, colour: str) -> None:
    names = list(dict.fromkeys(rows["round"]))
    for side, shift, style in (("simulated", 0.09, "--"), ("real", -0.09, "-")):
        part = rows[(rows["side"] == side) & (rows["n"] > 0)]
        if part.empty:
            continue
        x = [names.index(name) + shift for name in part["round"]]
        y, low, high = (part[key].to_numpy(dtype=float) for key in ("rate", "low", "high"))
        axis.plot(x, y, style, color=colour, linewidth=1.4, alpha=0.6)
        axis.vlines(x, low, high, color=colour, linewidth=2.2 if side == "real" else 1.3)
        filled = colour if side == "real" else "white"
        marker = "o" if side == "real" else "s"
        axis.plot(x, y, marker, color=colour, markerfacecolor=filled, markersize=7 if side == "real" else 5.5)
    axis.set_xticks(range(len(names)), names)
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.set_xlabel("round")
    axis.grid(axis="x", visible=False)


def _final_table(run: Run) -> pd.DataFrame:
    """Counts of the final evaluation, pooled over seeds: target, method, side, k, n, rate, low, high."""
    rows = [
        {"target": piece["target"], "method": piece["method"], "side": side, **piece[side]}
        for piece in run.results
        for side in SIDES
        if piece.get(side) and piece[side]["n"]
    ]
    return _pooled(pd.DataFrame(rows), ["target", "method", "side"])


def _round_table(run: Run) -> pd.DataFrame:
    """Counts of every round and of the end, pooled over seeds: target, method, round, side, k, n, rate, low, high."""
    if run.rounds.empty:
        return pd.DataFrame()
    rounds = run.rounds.assign(round=run.rounds["round"].map(lambda r: "final" if r >= run.spec["rounds"] else str(r)))
    sides = []
    for side in ("real", "simulated"):
        columns = {f"{side}_k": "k", f"{side}_n": "n"}
        sides.append(rounds[["target", "method", "round", *columns]].rename(columns=columns).assign(side=side))
    return _pooled(pd.concat(sides), ["target", "method", "round", "side"])


def _pooled(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if table.empty:
        return table
    counts = table.groupby(keys, sort=False, as_index=False)[["k", "n"]].sum()
    rates = [wilson(int(k), int(n)) for k, n in zip(counts["k"], counts["n"], strict=True)]
    return counts.assign(rate=[r.rate for r in rates], low=[r.low for r in rates], high=[r.high for r in rates])


def _failure_table(run: Run) -> pd.DataFrame:
    """Episodes per method, side and failure mode in the final evaluation, and their share."""
    if run.episodes.empty or run.identifies:
        return pd.DataFrame()
    final = run.episodes[run.episodes["phase"] == "final"]
    keys = ["method", "side", "failure_mode"]
    counts = final.groupby(keys).size().rename("episodes").reset_index()
    order = {side: rank for rank, side in enumerate(SIDES)} | {m: rank for rank, m in enumerate(run.methods)}
    counts = counts.sort_values(keys, key=lambda column: column.map(lambda value: order.get(value, 99)))
    return counts.assign(share=counts["episodes"] / counts.groupby(keys[:2])["episodes"].transform("sum"))


def _records(table: pd.DataFrame) -> list[Table]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _side_handles(run: Run, nominal: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=INK, marker="o", markersize=8, linewidth=2.6, label=f"{run.target_word} target"),
        Line2D([], [], color=INK, marker="s", markersize=6, markerfacecolor="white", linewidth=1.4, label="simulation"),
    ]
    mark = {"marker": "D", "markersize": 5, "markerfacecolor": "white", "linewidth": 1.4}
    return handles + ([Line2D([], [], color=MUTED, label="nominal simulation", **mark)] if nominal else [])  # type: ignore[arg-type]


def _side_name(side: str, run: Run) -> str:
    return f"{run.target_word} target" if side == "real" else {"nominal": "nominal sim."}.get(side, "simulation")


def _mode_name(mode: str) -> str:
    return "success" if mode == "none" else mode.replace("_", " ")


def _counts(values: Sequence[float] | pd.Series) -> str:
    low, high = int(min(values)), int(max(values))
    return str(low) if low == high else f"{low} to {high}"


def _round_counts(table: pd.DataFrame, run: Run) -> str:
    during = table[(table["round"] != "final") & (table["n"] > 0)]
    parts = [
        f"n = {_counts(part['n'])} {'on the target' if side == 'real' else 'in simulation'}"
        for side in ("real", "simulated")
        if not (part := during[during["side"] == side]).empty
    ]
    return f"{' and '.join(parts)} per round, {_seeds(run)}." if parts else ""


def _seeds(run: Run) -> str:
    return "1 seed" if len(run.seeds) == 1 else f"{len(run.seeds)} seeds pooled"
