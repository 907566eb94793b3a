"""What real episodes buy: success on the target against the number of its episodes that a method has learned from."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from sim2real.gap.statistics import wilson
from sim2real.report.run import CEILING, Run
from sim2real.report.style import INK, Drawing, method_colours, panels, percent_axis

_CLEARANCE = 0.052
"""How far apart the names beside two lines stand, in success."""


def success_against_episodes(run: Run) -> Drawing | None:
    """Draw success on episodes that no method saw against episodes used, one panel per target; None without any."""
    table = _table(run)
    if table.empty:
        return None
    targets = [target for target in run.targets if target in set(table["target"])]
    columns = min(2, len(targets))
    rows = -(-len(targets) // columns)
    figure, axes = panels(rows, columns, 7.2 if columns == 1 else 10.4, 4.9 * rows, sharey=True)
    colours = method_colours(run.methods)
    for axis in axes[len(targets) :]:
        axis.set_visible(False)
    for axis, target in zip(axes, targets, strict=False):
        _panel(axis, table[table["target"] == target], colours)
        axis.set_title(f"{target} ({run.targets[target]})")
    for axis in axes[::columns]:
        axis.set_ylabel("success on the target")
    during, last = (table.loc[table["last"] == end, "n"] for end in (False, True))
    return Drawing(
        "success_against_episodes",
        "What real episodes buy",
        f"Success of each method's policy on the {run.target_word} target, against the episodes there that the method "
        "has learned from. All methods of a seed begin with the same policy (left). A method that needs no such "
        "episodes trains as long as the others and stands as a dashed line at what it reached in the end; the oracle, "
        f"trained in the target's own world, is the ceiling. n = {_span(during)} episodes per point that no method "
        f"sees, {_span(last)} at the end; bars are 95 % Wilson intervals over episodes, {_seeds(run)}.",
        figure,
        table,
    )


def _panel(axis: Axes, table: pd.DataFrame, colours: dict[str, str]) -> None:
    most = max(int(table["episodes"].max()), 1)
    ends: list[tuple[float, str]] = []
    shown = list(dict.fromkeys(str(method) for method in table["method"]))
    learners = [method for method in shown if table.loc[table["method"] == method, "episodes"].max() > 0]
    for place, method in enumerate(learners):
        rows = table[table["method"] == method].sort_values("episodes")
        x = rows["episodes"].to_numpy(dtype=float) + most * 0.006 * (place - len(learners) / 2)
        y, low, high = (rows[key].to_numpy(dtype=float) for key in ("rate", "low", "high"))
        axis.vlines(x, low, high, color=colours[method], linewidth=1.2, alpha=0.55)
        axis.plot(x, y, "o-", color=colours[method], markersize=5, zorder=3)
        ends.append((float(y[-1]), method))
    for method in (name for name in shown if name not in learners):
        reached = table[(table["method"] == method) & table["last"]]
        if reached.empty:
            continue
        rate = float(reached["rate"].iloc[0])
        style = "-" if method == CEILING else (0, (4, 3))
        axis.plot([0, most], [rate] * 2, color=colours[method], linewidth=1.3, linestyle=style, alpha=0.9, zorder=1)
        ends.append((rate, method))
    for (rate, method), height in zip(sorted(ends), _apart(sorted(rate for rate, _ in ends)), strict=True):
        colour = INK if method == CEILING else colours[method]
        axis.plot([1.02 * most, 1.06 * most], [rate, height], color=colours[method], linewidth=0.8, clip_on=False)
        axis.text(1.07 * most, height, f"{method} {100 * rate:.0f} %", va="center", fontsize=8.5, color=colour)
    percent_axis(axis)
    axis.set_xlim(-0.03 * most, 1.32 * most)
    axis.set_xticks(sorted({int(value) for value in table["episodes"]}))
    axis.set_xlabel("episodes on the target that the method learned from")


def _apart(heights: list[float]) -> list[float]:
    """Return ascending heights moved as little as need be so that names do not overlap, within [0, 1]."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _CLEARANCE) if placed else height)
    top = 1.0 + 0.02
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], top)
        top = placed[index] - _CLEARANCE
    return placed


def _table(run: Run) -> pd.DataFrame:
    """Counts of watched episodes by target, method and episodes used, pooled over seeds, and whether it is the end."""
    rounds = run.rounds
    if rounds.empty or "watched_n" not in rounds or not (rounds.loc[rounds["round"] == 0, "watched_n"] > 0).any():
        return pd.DataFrame()
    rounds = rounds.assign(last=rounds["round"] >= run.spec["rounds"], episodes=rounds["real_episodes_used"])
    counts = rounds.groupby(["target", "method", "round", "last"], sort=False, as_index=False).agg(
        episodes=("episodes", "max"), k=("watched_k", "sum"), n=("watched_n", "sum")
    )
    rates = [wilson(int(k), int(n)) for k, n in zip(counts["k"], counts["n"], strict=True)]
    return counts.assign(rate=[r.rate for r in rates], low=[r.low for r in rates], high=[r.high for r in rates])


def _span(values: pd.Series) -> str:
    if values.empty:
        return "0"
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def _seeds(run: Run) -> str:
    return "1 seed" if len(run.seeds) == 1 else f"{len(run.seeds)} seeds pooled"
