"""What trials cost, as a figure: the width of an interval, and the power to tell two rates apart, against trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.experiment.files import replacing
from sim2real.gap.budget import Budget
from sim2real.gap.planning import half_width, independent_discordance, power_paired, power_unpaired
from sim2real.report.style import FITTED, MUTED, STOCK, panels, percent_axis, styled

_MOST = 200


def write_budget(found: Budget, path: Path) -> None:
    """Draw the expected half width against trials and, where two rates are compared, the power, as a PNG."""
    most = max(_MOST, found.trials or 0, *(int(1.2 * (each.trials or 0)) for each in found.comparisons), 0)
    trials = np.unique(np.geomspace(5, most, 40).astype(np.int64)).tolist()
    with styled():
        columns = 2 if found.against is not None else 1
        figure, axes = panels(1, columns, 4.6 * columns, 3.4)
        width = axes[0]
        for rate, colour in {0.5: MUTED, found.rate: FITTED}.items():
            halves = [half_width(rate, n, found.level, found.interval) for n in trials]
            width.plot(trials, 100.0 * np.array(halves), color=colour, label=f"rate {rate:g}")
        width.set_xlabel("trials")
        width.set_ylabel("expected half width [points]")
        width.set_title(f"Interval of one rate, level {found.level:g}")
        width.set_ylim(bottom=0.0)
        width.legend()
        if found.against is not None:
            power, pair = axes[1], (found.rate, found.against)
            few = [n for n in trials if n <= 500]
            power.plot(few, [power_unpaired(*pair, n, found.level) for n in few], color=STOCK, label="own starts")
            shares = [each.discordance for each in found.comparisons if each.discordance is not None]
            for share, style in zip(shares or [independent_discordance(*pair)], ("-", "--"), strict=False):
                values = [power_paired(*pair, share, n, found.level) for n in few]
                label = f"same starts, discordance {share:.2f}"
                power.plot(few, values, color=FITTED, linestyle=style, label=label)
            power.axhline(found.power, color=MUTED, linewidth=0.8)
            percent_axis(power, label="probability to see the difference")
            power.set_xlabel("trials of each")
            power.set_title(f"{found.rate:g} against {found.against:g}")
            power.legend(loc="lower right")
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=160, metadata={"Software": None})
