"""``sim2real fit``: friction, gains and delay of a robot's joints from its own log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sim2real.cli.guard import guarded
from sim2real.errors import SpecError


@guarded
def fit(
    logs: Annotated[list[Path], typer.Argument(metavar="LOGS...", help="Robot logs; see `sim2real data check`.")],
    env: Annotated[str, typer.Option("--env", metavar="ENV", help="An environment with that arm.")],
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters",
            metavar="NAMES",
            help="Names with commas, each with a range if not the default one: actuator.delay=0:0.1",
        ),
    ] = None,
    method: Annotated[str, typer.Option("--method", help="least_squares or particles.")] = "least_squares",
    window: Annotated[float, typer.Option("--window", min=0.05, help="Length of the replayed windows, in s.")] = 1.0,
    held_out: Annotated[float, typer.Option("--held-out", help="Share to predict instead of to fit.")] = 0.3,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which windows are held out, and the method's own.")] = 0,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where run folders go.")] = Path("results"),
    workers: Annotated[int, typer.Option(min=1, help="Processes; the numbers are the same for any.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Identify a robot's joints from its own log of joint commands and positions: no policy, no training.

    The log is cut into windows and replayed open loop; some are fitted, the others predicted. Writes a run folder with
    a report, and domain.yaml: ranges to train with in an experiment of ENV.

    Examples:

      sim2real fit arm.parquet --env PandaPush-v0

      sim2real fit monday.parquet tuesday.parquet --env PandaPush-v0 --window 2

      sim2real fit arm.parquet --env KukaReach-v0 --parameters joint.friction,actuator.delay=0:0.1 --json

    `sim2real parameters arm` lists what can be identified. Fast motions of all joints, with stops and turns, tell most.
    """
    from rich.console import Console

    from sim2real.cli.live import progress_for
    from sim2real.fitting import fit_logs

    with progress_for(Console(stderr=True)) as progress:
        fitted = fit_logs(
            logs,
            env,
            parameters=None if parameters is None else named_ranges(parameters),
            method=method,
            window=window,
            held_out=held_out,
            seed=seed,
            output=out,
            workers=workers,
            progress=progress,
        )
    if json:
        from json import dumps

        typer.echo(dumps(fitted.to_dict(), indent=2, sort_keys=True))
        return
    from sim2real.cli.tables import console, result_tables

    screen = console()
    for table in result_tables(fitted.result.summary):
        table.caption = None
        screen.print(table)
    errors = fitted.held_out
    typer.echo(
        f"Joint angles of {errors.windows} held-out windows: {errors.before:.3g} mrad rms at nominal values, "
        f"{errors.after:.3g} mrad [{errors.low:.3g}, {errors.high:.3g}] after the fit on {fitted.fitted_on} windows "
        f"(95 % interval; the log is of a {fitted.origin} robot)."
    )
    for warning in fitted.warnings:
        typer.echo(f"Note: {warning}")
    for name in ("domain.yaml", "report.html"):
        if (fitted.result.folder / name).exists():
            typer.echo(str(fitted.result.folder / name))


def named_ranges(text: str) -> dict[str, tuple[float, float] | None]:
    """Return names and, where they are given, ranges.

    Raises:
        SpecError: If a range is not ``low:high``.
    """
    found: dict[str, tuple[float, float] | None] = {}
    problems = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, span = entry.partition("=")
        found[name.strip()] = None
        if equals:
            try:
                low, high = _numbers(span.split(":"))
                found[name.strip()] = low, high
            except ValueError:
                problems.append(f"{entry}: a range is low:high, such as actuator.delay=0:0.1")
    if problems:
        raise SpecError(problems, "--parameters")
    return found


def _numbers(parts: Sequence[str]) -> list[float]:
    return [float(part) for part in parts]
