"""``sim2real robot trials``: policies tried on a robot, with a person beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim2real.cli.guard import guarded

if TYPE_CHECKING:
    from rich.table import Table

    from sim2real.trials import Results

_NEWEST = "newest"  # what `cli.app` makes of a bare --resume


@guarded
def trials(
    file: Annotated[Path | None, typer.Argument(metavar="PLAN", help="A plan of trials (YAML).")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where folders of trials go.")] = Path("results"),
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="[FOLDER]", help="Continue the newest unfinished trials of PLAN, or those in FOLDER."
        ),
    ] = None,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Show which policy runs and the rates so far; the log says that you did.")
    ] = False,
    show_order: Annotated[bool, typer.Option("--order", help="Print what would be done, and leave.")] = False,
) -> None:
    """Try several policies on a robot, in randomized blocks, with a person who places, watches and judges.

    One key for everything: what to place where, start, success or failure, a spoiled trial, pause, stop. Every verdict
    is on disk before the next trial; after a crash or a break --resume goes on with what is left, in the same order.

    Examples:

      sim2real robot trials trials.yaml

      sim2real robot trials trials.yaml --resume

      sim2real robot trials trials.yaml --order

    The plan, the protocol and what to write down: docs/hardware_trials.md. Keep a hand on the emergency stop.
    """
    from rich.console import Console

    from sim2real.cli.tables import console
    from sim2real.trials import load_plan, operator_for, run_trials
    from sim2real.trials.log import unfinished

    if file is None and resume not in (None, _NEWEST):
        file, resume = Path(str(resume)), _NEWEST  # `sim2real robot trials --resume PLAN`
    if file is None:
        raise typer.BadParameter("give a plan, such as trials.yaml", param_hint="PLAN")
    plan, out = load_plan(file), console()
    if show_order:
        for slot in plan.order:
            shown = f": {slot.policy}" if unblind else ""
            typer.echo(f"trial {slot.number}, block {slot.block}, start {slot.start + 1}{shown}")
        return
    open_ones = unfinished(plan, output)
    if resume is None and open_ones:
        typer.echo(f"Trials in {open_ones[0]} are not finished; --resume would go on with them.", err=True)
    if resume == _NEWEST and not open_ones:
        typer.echo(f"No unfinished trials of {plan.spec.name} are in {output}.", err=True)
    done = run_trials(
        plan,
        operator_for(Console(), sys.stdin.fileno()),
        output=output,
        resume=resume == _NEWEST or (resume or False),
        blind=not unblind,
    )
    for table in trial_tables(plan.spec.name, done.results):
        out.print(table)
    for name in ("summary.json", "rates.csv", "trials.csv"):
        out.print(str(done.folder / name), highlight=False, soft_wrap=True)


def trial_tables(title: str, found: Results) -> Iterator[Table]:
    """Yield what trials found: rates, differences on the same starts, drift."""
    from rich.table import Table

    rates = Table("policy", title=f"{title}: {found.done} of {found.planned} trials", title_justify="left")
    for heading in ("success", "95 % interval", "second half - first half", "spoiled"):
        rates.add_column(heading, justify="right")
    rates.add_column("failures")
    for name, rate in found.rates.items():
        halves = _interval(found.late_minus_early[name].to_dict())
        failures = ", ".join(f"{mode} {count}" for mode, count in found.failures[name].items())
        shown = f"{rate.low:.0%} to {rate.high:.0%}" if rate.n else "-"
        rates.add_row(name, f"{rate.k}/{rate.n}", shown, halves, str(found.spoiled[name]), failures or "-")
    yield rates
    if found.comparisons:
        pairs = Table("difference on the same starts", title="Pairs", title_justify="left")
        for heading in ("blocks", "difference [95 %]", "McNemar p"):
            pairs.add_column(heading, justify="right")
        for each in found.comparisons:
            numbers = each.difference.to_dict()
            cells = _interval(numbers), _number(numbers["mcnemar_p"], ".3f")
            pairs.add_row(f"{each.first} - {each.second}", str(each.blocks), *cells)
        yield pairs
    clocks = Table(
        "success against", title="Drift, all policies together, each against its own mean", title_justify="left"
    )
    for heading in ("change of the rate", "p"):
        clocks.add_column(heading, justify="right")
    for name, entry in found.to_dict()["drift"].items():
        slope = entry["slope"]
        change = "too little time to tell" if slope is None else f"{slope + 0.0:+.3f} per {entry['per']}"
        clocks.add_row(
            {"trial": "number of the trial", "hour": "time of day"}[name], change, _number(entry["p"], ".3f")
        )
    yield clocks


def _interval(numbers: Mapping[str, Any]) -> str:
    if numbers["value"] is None:
        return "-"
    return f"{numbers['value']:+.2f} [{_number(numbers['low'], '+.2f')}, {_number(numbers['high'], '+.2f')}]"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
