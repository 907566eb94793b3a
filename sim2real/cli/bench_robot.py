"""The commands that measure a robot's control loop and its safety, against a pseudo-real robot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from sim2real.cli.guard import guarded

if TYPE_CHECKING:
    from rich.table import Table

    from sim2real.bench.loop import FaultFigures, LoopTiming

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of tables.")]


@guarded
def bench_loop(
    minutes: Annotated[float, typer.Option(min=0.01, help="How long.")] = 1.0,
    rate: Annotated[float, typer.Option(min=1.0, max=500.0, help="Control periods per second.")] = 50.0,
    stops: Annotated[int, typer.Option(min=0, help="Stops that are timed afterwards.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments of the stops.")] = 0,
    priority: Annotated[bool, typer.Option(help="Ask the system to let loop and robot go before other work.")] = True,
    as_json: AsJson = False,
) -> None:
    """Measure a robot's control loop: missed deadlines, drift, and how soon it is silent after a stop.

    The robot is a pseudo-real one in a process of its own. Example: sim2real bench loop --minutes 10 --rate 50
    """
    from rich.console import Console

    from sim2real.bench.loop import loop_timing
    from sim2real.cli.bench_tables import as_dict
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console

    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        timing = loop_timing(
            minutes=minutes,
            rate=rate,
            stops=stops,
            seed=seed,
            priority=priority,
            progress=lambda done, total: show("control periods", done, total),
        )
    if as_json:
        typer.echo(json.dumps(as_dict(timing), indent=2))
        return
    console().print(_loop_table(timing))


@guarded
def bench_faults(
    sequences: Annotated[int, typer.Option(min=0, help="Sequences in simulated time.")] = 1_000,
    processes: Annotated[int, typer.Option(min=0, help="Sequences against a robot in its own process.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the first sequence; the others follow.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run random sequences of faults and wild policies: what was sent beyond a limit, and what after a stop.

    Example: sim2real bench faults --sequences 10000 --processes 30
    """
    import logging

    from rich.console import Console

    from sim2real.bench.loop import fault_drills
    from sim2real.cli.bench_tables import as_dict
    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.tables import console

    logging.getLogger("sim2real.robots").setLevel(logging.CRITICAL)  # thousands of stops are the purpose here
    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        figures = fault_drills(
            sequences=sequences,
            processes=processes,
            seed=seed,
            progress=lambda done, total: show("sequences of faults", done, total),
        )
    if as_json:
        typer.echo(json.dumps(as_dict(figures), indent=2))
        return
    console().print(_fault_table(figures))


def _loop_table(timing: LoopTiming) -> Table:
    from rich.table import Table

    missed, table = timing.missed, Table("what", title=f"Control loop at {timing.rate:g} Hz", title_justify="left")
    table.add_column("measured", justify="right")
    interval = f"{missed.low:.3%} to {missed.high:.3%}"
    table.add_row("priority", timing.priority)
    table.add_row("missed deadlines", f"{missed.k} of {missed.n}: {missed.rate:.3%} [{interval}]")
    table.add_row("worst overrun; periods lost", f"{timing.worst_overrun_ms:.2f} ms; {timing.lost}")
    table.add_row("begins late: median, 99 %, 99.9 %, most", _listed(timing.late_ms))
    table.add_row("age of a measurement: median, 99 %, most", _listed(timing.age_ms))
    table.add_row(
        "drift against the schedule", f"{timing.drift_ppm:+.3f} us/s; {timing.end_offset_ms:+.3f} ms at the end"
    )
    table.add_row("stopped by safety itself", f"{timing.safety_stops}")
    if timing.stops:
        last = f"{timing.last_command_ms:+.2f} ms, {timing.last_command_periods:+.2f} periods"
        table.add_row(f"last command after a stop, longest of {timing.stops}", last)
        table.add_row("commands later than a period after a stop", f"{timing.after_stop}")
    return table


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.3f}" for number in numbers) + " ms"


def _fault_table(figures: FaultFigures) -> Table:
    from rich.table import Table

    table = Table("what", title="Random sequences of faults", title_justify="left")
    for heading in ("simulated time", "own process"):
        table.add_column(heading, justify="right")
    rows = (
        ("sequences", "sequences"),
        ("commands that reached the robot", "commands"),
        ("commands beyond a limit", "outside"),
        ("commands after a stop", "after_stop"),
        ("sequences that ended in a stop", "stopped"),
        ("actions clipped", "clipped"),
        ("actions refused", "refused"),
    )
    for title, name in rows:
        table.add_row(title, *(f"{getattr(side, name)}" for side in (figures.simulated, figures.process)))
    for kind in sorted({*figures.simulated.faults, *figures.process.faults}):
        table.add_row(
            f"faults: {kind}", *(f"{side.faults.get(kind, 0)}" for side in (figures.simulated, figures.process))
        )
    return table
