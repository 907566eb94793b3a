"""What a screening found as a figure: success, every other outcome, and the conclusion, one row a parameter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim2real.errors import RunFolderError
from sim2real.experiment.files import replacing, write_json
from sim2real.report.style import GRID, INK, MUTED, RANGE, Drawing, styled
from sim2real.sensitivity import Findings
from sim2real.sensitivity.verdicts import SUCCESS, Verdict

NAME = "sensitivity"
UP, DOWN, EITHER = "#0072b2", "#d55e00", "#8c6d1f"
_FULL = 3.0  # scales at which a dot has its full size
_LARGEST = 150.0  # points^2
FLOOR = "the same trial again"
_LEFT = (
    "Left: mean change over the whole range, 95 % interval; filled marks count, beyond repetition and chance (false "
    "discovery rate 5 %)."
)
_RIGHT = (
    "ize of a dot: change over the whole range, in what stands behind the slash; no dot: no effect found. Lowest row, "
    "the floor: what changes when a trial is repeated."
)
_WORDS = {"randomize": "randomize", "identify": "identify", "undecided": "undecided", "leave out": "leave out"}


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that already holds findings, before anything is spent.

    Raises:
        RunFolderError: If it does, unless ``force``.
    """
    if (folder / f"{NAME}.json").exists() and not force:
        raise RunFolderError(f"{folder}: holds findings already; give another --output, or --force to replace them.")


def write_findings(found: Findings, folder: Path) -> tuple[Path, ...]:
    """Write ``sensitivity.png``, ``.csv`` and ``.json`` into ``folder``, each whole, and return their paths."""
    drawing = draw_sensitivity(found)
    files = tuple(folder / f"{NAME}.{ending}" for ending in ("png", "csv", "json"))
    with styled(), replacing(files[0]) as temporary:
        drawing.figure.savefig(temporary, format="png", dpi=160, metadata={"Software": None})
    with replacing(files[1]) as temporary:
        drawing.table.to_csv(temporary, index=False)
    write_json(files[2], found.to_dict())
    return files


def draw_sensitivity(found: Findings) -> Drawing:
    """Draw the change of success with its interval, and a dot for every other outcome that a parameter changes."""
    ranked = found.ranked
    names = [outcome.name for outcome in found.outcomes]
    others = [k for k, name in enumerate(names) if name != SUCCESS]
    with styled():
        figure = Figure(figsize=(10.5, 2.9 + 0.235 * len(ranked)), layout="constrained")
        widths = (2.6, 0.45 * len(others) + 0.6, 1.3)[0 if found.nominal else 1 :]
        *left, dots, words = figure.subplots(1, len(widths), sharey=True, gridspec_kw={"width_ratios": widths})
        for rate in left:
            _success(rate, found, ranked)
        _dots(dots, found, ranked, others)
        (*left, dots)[0].set_yticks(range(len(ranked) + 1), [*(verdict.parameter for verdict in ranked), FLOOR])
        _conclusions(words, ranked)
        what = "trajectories" if found.method == "morris" else "samples"
        figure.suptitle(
            f"What matters in {found.env_id}, driven by {found.driver.name}; {found.method}, n = {found.blocks} {what}",
            x=0.01,
            ha="left",
            fontsize=12,
            fontweight="bold",
        )
    return Drawing(
        NAME,
        f"What matters in {found.env_id}",
        f"Mean change over the whole range of each parameter, n = {found.blocks} {what}; 95 % intervals. Filled marks "
        "count: beyond what repeating a trial does, at a false discovery rate of 5 %.",
        figure,
        found.table(),
    )


def _rows(axes: Axes, ranked: tuple[Verdict, ...]) -> None:
    """Make one row a parameter, first on top, with bands that lead the eye and lines between the conclusions."""
    axes.set_ylim(len(ranked) + 0.5, -0.5)
    axes.axhline(len(ranked) - 0.5, color=MUTED, linewidth=0.9, zorder=1)
    axes.grid(visible=False)
    for row in range(0, len(ranked), 2):
        axes.axhspan(row - 0.5, row + 0.5, color=RANGE, linewidth=0, zorder=0)
    for row in range(1, len(ranked)):
        if ranked[row].word != ranked[row - 1].word:
            axes.axhline(row - 0.5, color=MUTED, linewidth=0.9, zorder=1)
    axes.tick_params(axis="y", length=0)


def _success(axes: Axes, found: Findings, ranked: tuple[Verdict, ...]) -> None:
    _rows(axes, ranked)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    for row, verdict in enumerate(ranked):
        if np.isfinite(verdict.success):
            colour = MUTED if not verdict.randomize else UP if verdict.success > 0 else DOWN
            axes.errorbar(
                verdict.success, row, xerr=1.96 * verdict.success_error, fmt="o", markersize=5, color=colour,
                markerfacecolor=colour if verdict.randomize else "white", linewidth=1.4,
            )  # fmt: skip
    names = [outcome.name for outcome in found.outcomes]
    if SUCCESS in names:
        k = names.index(SUCCESS)
        change, error = float(found.indices.change[-1, k]), float(found.indices.change_error[-1, k])
        axes.errorbar(change, len(ranked), xerr=1.96 * error, fmt="s", markersize=4, color=MUTED, markerfacecolor=MUTED)
    reach = max([0.1, *(abs(v.success) + 2.2 * v.success_error for v in ranked if np.isfinite(v.success))])
    axes.set_xlim(-reach, reach)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:+.0f}" if value else "0")
    axes.set_xlabel("points of success rate, low to high")
    axes.set_title("Change of success")


def _dots(axes: Axes, found: Findings, ranked: tuple[Verdict, ...], others: list[int]) -> None:
    _rows(axes, ranked)
    row_of = {name: row for row, name in enumerate(found.space)}
    for place, k in enumerate(others):
        axes.axvline(place, color=GRID, linewidth=0.6, zorder=0.5)
        for row, verdict in enumerate(ranked):
            j = row_of[verdict.parameter]
            if not found.counts[j, k]:
                continue
            change, error = float(found.indices.change[j, k]), float(found.indices.change_error[j, k])
            certain = abs(change) > 2.0 * error
            size = abs(change) if certain or found.method == "sobol" else float(found.indices.size[j, k])
            colour = EITHER if not certain else UP if change > 0 else DOWN
            axes.scatter(
                place, row, s=max(_LARGEST * min(size / _FULL, 1.0), 14.0), color=colour, linewidth=0, zorder=3
            )
        size = min(float(found.indices.size[-1, k]) / _FULL, 1.0)
        axes.scatter(
            place, len(ranked), s=max(_LARGEST * size, 14.0), facecolor="none", edgecolor=MUTED, linewidth=1.2, zorder=3
        )
    labels = [f"{o.name}\n/ {o.scale:g} {o.unit}" for o in (found.outcomes[k] for k in others)]
    axes.set_xticks(range(len(others)), labels, rotation=90)
    axes.set_xlim(-0.6, len(others) - 0.4)
    axes.set_title("Outcomes that tell its value")
    marks = [("rises from low to high", UP), ("falls", DOWN), ("either way, by start", EITHER)]
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, markersize=7, label=label) for label, colour in marks
    ]
    for scales in (0.5, _FULL):
        side = (_LARGEST * scales / _FULL) ** 0.5
        mark = f"by {scales:g}" + (" or more" if scales == _FULL else "")
        handles.append(Line2D([], [], marker="o", linestyle="", color=INK, markersize=side, label=mark))
    figure = axes.figure
    legend = figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=5,
        handletextpad=0.3,
        columnspacing=1.2,
        alignment="left",
        title=(f"{_LEFT}\nRight: s" if found.nominal else "S") + _RIGHT,
    )
    legend.get_title().set_fontsize(8.5)
    legend.get_title().set_color(MUTED)


def _conclusions(axes: Axes, ranked: tuple[Verdict, ...]) -> None:
    _rows(axes, ranked)
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    for row, verdict in enumerate(ranked):
        strong = verdict.word == "randomize"
        colour = MUTED if verdict.word == "leave out" else INK
        word = "randomize, identify" if strong and verdict.identified_from else _WORDS[verdict.word]
        axes.text(
            0.04, row, word, va="center", fontsize=9, color=colour,
            fontweight="bold" if strong else "normal",
        )  # fmt: skip
    axes.set_title("Conclusion")
