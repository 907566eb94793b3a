"""``sim2real budget``: how many trials an answer needs, before any of them is spent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sim2real.cli.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from sim2real.gap.budget import Budget


@guarded
def budget(
    rate: Annotated[
        float, typer.Option("--rate", "-p", min=0.0, max=1.0, help="Your guess of the success rate.")
    ] = 0.8,
    against: Annotated[
        float | None,
        typer.Option("--against", min=0.0, max=1.0, help="The rate of another policy that it must be told from."),
    ] = None,
    discordance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of starts at which exactly one of two policies succeeds, if both are tried on each start; "
            "without it, as if the start did not matter.",
        ),
    ] = None,
    half_width: Annotated[
        float | None,
        typer.Option("--half-width", "-w", min=0.0, max=0.5, help="Of the interval of a rate, or of a difference."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", "-n", min=1, max=2000, help="The reverse: what so many trials show.")
    ] = None,
    power: Annotated[float, typer.Option(min=0.01, max=0.999, help="Probability to see a difference.")] = 0.8,
    level: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of intervals; 1 - level of tests.")] = 0.95,
    interval: Annotated[
        Literal["wilson", "clopper-pearson"], typer.Option(help="Of a rate. Reports have Wilson's.")
    ] = "wilson",
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw width, and power with --against, as PNG.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Say how many real trials a wanted interval or difference needs, or what so many trials can show.

    Exact: sums over every result that the trials can have. Trials on the same starts use McNemar's test, others
    Newcombe's interval, as reports do.

    Examples:

      sim2real budget --rate 0.8 --half-width 0.1

      sim2real budget --rate 0.85 --against 0.6 --power 0.9

      sim2real budget --rate 0.85 --against 0.6 --discordance 0.3

      sim2real budget --trials 20 --rate 0.8 --plot budget.png

    Which parameters such trials can tell: `sim2real sensitivity`. The trials themselves: `sim2real robot trials`.
    """
    from sim2real.gap.budget import make_budget

    found = make_budget(
        rate,
        against=against,
        discordance=discordance,
        half_width=half_width,
        trials=trials,
        power=power,
        level=level,
        interval=interval,
    )
    if plot is not None:
        from sim2real.report.budget import write_budget

        write_budget(found, plot)
    if json:
        from json import dumps

        typer.echo(dumps(found.to_dict(), indent=2, allow_nan=False))
        return
    from sim2real.cli.tables import console

    out = console()
    for table in budget_tables(found):
        out.print(table)
    for note in found.notes:
        out.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)
    if plot is not None:
        out.print(str(plot), highlight=False, markup=False, soft_wrap=True)


def budget_tables(found: Budget) -> Iterator[Table]:
    """Yield the answers as tables."""
    from rich.table import Table

    level = f"{found.level:.4g}"
    if found.widths:
        table = Table(
            title=f"Trials for one success rate, {found.interval} interval, level {level}", title_justify="left"
        )
        table.add_column("rate", justify="right")
        for half in found.halves:
            table.add_column(f"±{100 * half:g} points", justify="right")
        for rate, numbers in found.widths.items():
            table.add_row(f"{rate:g}", *("> 100 000" if n is None else str(n) for n in numbers))
        yield table
    if found.outlook:
        table = Table(title=f"What {found.trials} trials show of one rate, level {level}", title_justify="left")
        for heading in ("rate", "interval of the likeliest result", "expected half width", "it holds the truth in"):
            table.add_column(heading, justify="right")
        for each in found.outlook:
            shown = f"{each.k}/{found.trials} [{each.low:.0%}, {each.high:.0%}]"
            table.add_row(f"{each.rate:g}", shown, f"{100 * each.half_width:.1f} points", f"{each.coverage:.1%}")
        yield table
    if found.tellable:
        table = Table(
            "trials",
            title=f"Rates that {found.trials} trials of each tell from {found.rate:g} with probability {found.power:g}",
            title_justify="left",
        )
        for heading in ("worse: at most", "better: at least"):
            table.add_column(heading, justify="right")
        for kind, (worse, better) in found.tellable.items():
            table.add_row(kind, *("none" if each is None else f"{each:.2f}" for each in (worse, better)))
        yield table
    if found.comparisons:
        title = f"{found.rate:g} against {found.against:g}, level {level}"
        table = Table("trials", title=title, title_justify="left")
        asked = f"power of {found.trials} each" if found.trials else f"trials of each for power {found.power:g}"
        table.add_column("discordance", justify="right")
        table.add_column(asked, justify="right")
        for each_ in found.comparisons:
            answer = f"{each_.power:.1%}" if each_.power is not None else _count(each_.trials)
            share = "-" if each_.discordance is None else f"{each_.discordance:.2f}"
            table.add_row(each_.kind, share, answer)
        if found.halves:
            width = f"±{100 * found.halves[0]:g} points"
            table.caption = f"Difference to {width}: {_count(found.difference)} trials of each, on starts of their own."
            table.caption_justify = "left"
        yield table


def _count(trials: int | None) -> str:
    return "too many" if trials is None else str(trials)
