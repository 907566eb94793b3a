"""``sim2real demos``: episodes of scripted experts, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sim2real.cli.guard import guarded


@guarded
def demos(
    env: Annotated[str, typer.Argument(metavar="ENV", help="Such as PandaPush-v0; see `sim2real envs`.")],
    episodes: Annotated[int, typer.Option("--episodes", "-n", min=1, help="How many.")] = 100,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; by default ENV.parquet, here.")
    ] = None,
    domain: Annotated[
        Literal["nominal", "range"],
        typer.Option(help="Nominal parameters, or each drawn from its default range in every episode."),
    ] = "nominal",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of ENV, such as past_actions=2; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of starts and domains.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; the file is the same for any number.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write episodes of the scripted expert of ENV to a Parquet file, one row a control step.

    Examples:

      sim2real demos PandaPush-v0 --episodes 200

      sim2real demos PandaReach-v0 --domain range --set past_actions=2 -o reach.parquet

    Read it with pandas.read_parquet; what the numbers mean stands in `.attrs` of the frame.
    """
    from rich.console import Console

    from sim2real.cli.live import progress_for, stages
    from sim2real.cli.robot import as_options
    from sim2real.demos import record

    file = Path(f"{env}.parquet") if output is None else output
    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        done = record(
            env,
            file,
            episodes=episodes,
            options=as_options(options or ()),
            domain=domain,
            seed=seed,
            workers=workers,
            force=force,
            progress=lambda now, total: show(f"expert of {env}", now, total),
        )
    rate = done.success
    typer.echo(f"{done.path}: {rate.n} episodes, {done.rows} steps, {domain} domain")
    typer.echo(f"The expert succeeded in {rate.k} of {rate.n} ({rate.low:.0%} to {rate.high:.0%}, 95 % interval).")
