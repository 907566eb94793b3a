"""``sim2real record``: episodes of a target, in a log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim2real.cli.guard import guarded


@guarded
def record(
    file: Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment file (YAML) that has the target.")],
    target: Annotated[str, typer.Option("--target", metavar="NAME", help="One of its targets.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The log: FILE.parquet and FILE.json.")],
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="How many.")] = 10,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="RUN/PIECE", help="Drive it with the final policy of a piece.")
    ] = None,
    expert: Annotated[bool, typer.Option("--expert", help="Drive it with the scripted expert of the task.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of starts, sensors and excitation.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes; the log is the same for any number.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace a log that is there.")] = False,
) -> None:
    """Log episodes of a target: what its sensors said and what was sent, never its hidden domain.

    Without a policy or the expert, smooth random actions move a pseudo-real target, as a log to identify from needs
    them. A robot needs --policy; what is logged is what was sent after safety. Of recordings, those to learn from come
    first.

    Examples:

      sim2real record experiments/quickstart.yaml --target worn_cell --episodes 20 -o worn.parquet

      sim2real record experiments/quickstart.yaml --target worn_cell --expert -o expert.parquet

      sim2real record experiments/quickstart.yaml --target worn_cell -o trained.parquet
      --policy results/quickstart/<run>/PandaPush-v0-worn_cell-particles-s0

      sim2real record experiments/furuta.yaml --target chirps --episodes 60 -o chirps.parquet

    Look at it with `sim2real data check`, convert it with `sim2real data convert`.
    """
    from rich.console import Console

    from sim2real.cli.live import progress_for, stages
    from sim2real.experiment.spec import load_spec
    from sim2real.record_episodes import Driver, find_policy, record_target

    if policy is not None and expert:
        raise typer.BadParameter("give --policy or --expert, not both", param_hint="--policy")
    driver: Driver = "expert" if expert else "excitation" if policy is None else find_policy(policy)
    with progress_for(Console(stderr=True)) as progress:
        show = stages(progress)
        done = record_target(
            load_spec(file),
            target,
            out,
            episodes=episodes,
            driver=driver,
            driver_name="" if policy is None else policy.name,
            seed=seed,
            workers=workers,
            force=force,
            progress=lambda now, total: show(f"recording {target}", now, total),
        )
    rate = done.success
    typer.echo(f"{done.path}: {len(done.log.episodes)} episodes, {done.log.rows} rows at {done.log.rate:g} Hz")
    if left_out := done.log.extra.get("left_out"):
        typer.echo(f"Left out, because it is not known at every sample: {', '.join(left_out)}.")
    if rate is None:
        return
    typer.echo(f"It succeeded in {rate.k} of {rate.n} ({rate.low:.0%} to {rate.high:.0%}, 95 % interval).")
