"""The commands, each a few lines; engines and learning libraries load only in the command that needs them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sim2real.cli.bench import bench_app
from sim2real.cli.budget import budget
from sim2real.cli.data import data_app
from sim2real.cli.demos import demos
from sim2real.cli.export import export
from sim2real.cli.fit import fit
from sim2real.cli.guard import guarded
from sim2real.cli.record import record
from sim2real.cli.robot import robot_app
from sim2real.cli.sensitivity import sensitivity

NEWEST = "newest"

app = typer.Typer(
    name="sim2real",
    help="Train in a randomized simulator, measure on the real side, and let the gap between the two change what the "
    "simulator randomizes.\n\nBegin with: [bold]sim2real run experiments/quickstart.yaml[/]",
    epilog="Exit codes: 0 success, 2 a mistake in what was asked (said in plain words), 130 stopped with Ctrl-C.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.add_typer(bench_app, name="bench")
app.add_typer(robot_app, name="robot")
app.command()(demos)
app.command()(record)
app.command()(export)
app.command()(fit)
app.command()(sensitivity)
app.command()(budget)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as results/quickstart/<run>.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"sim2real {installed('sim2real')}")
        raise typer.Exit


@app.command()
@guarded
def run(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="An experiment file (YAML).")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where run folders go.")] = Path("results"),
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[RUN]",
            help="Continue the newest unfinished run of the same experiment, or the named one.",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the file; may be given many times."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Run this seed instead of those in the file.")] = None,
    processes: Annotated[
        int, typer.Option("--processes", min=1, max=256, help="Pieces that run at a time; the results are the same.")
    ] = 1,
) -> None:
    """Run an experiment: train, try on the target, measure the gap, adapt, report.

    Examples:

      sim2real run experiments/quickstart.yaml

      sim2real run experiments/quickstart.yaml --seed 1 --set agent.round_steps=50000

      sim2real run experiments/quickstart.yaml --set parameters.object.friction.low=0.1

      sim2real run experiments/quickstart.yaml --resume

      sim2real run experiments/methods.yaml --processes 2

    Ctrl-C stops cleanly; --resume continues, to the same numbers as if nothing had happened.
    """
    from rich.console import Console

    import sim2real
    from sim2real.cli.live import progress_for
    from sim2real.cli.tables import console, result_tables

    if file is None and resume not in (None, NEWEST):
        file, resume = Path(str(resume)), NEWEST  # `sim2real run --resume FILE`
    if file is None:
        raise typer.BadParameter("give an experiment file, such as experiments/quickstart.yaml", param_hint="FILE")
    with progress_for(Console(stderr=True)) as progress:
        result = sim2real.run(
            file,
            output=output,
            resume=True if resume == NEWEST else resume,
            overrides=tuple(changes or ()),
            seed=seed,
            progress=progress,
            processes=processes,
        )
    out = console()
    for table in result_tables(result.summary):
        out.print(table)
    for name in ("summary.json", "report.html"):
        if (result.folder / name).exists():
            out.print(f"{result.folder / name}", highlight=False, soft_wrap=True)


@app.command()
@guarded
def envs() -> None:
    """List the environments and rigs that ship, with their options.

    Use one in your own code: gymnasium.make("sim2real_envs:sim2real/PandaPush-v0")
    """
    from sim2real.cli.tables import console, world_tables

    out = console()
    for table in world_tables():
        out.print(table)


@app.command()
@guarded
def parameters(
    env: Annotated[str, typer.Argument(metavar="ENV", help="Such as PandaPush-v0 or cube_toss; see `sim2real envs`.")],
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of ENV; may be given many times.")
    ] = None,
) -> None:
    """List what can be randomized in ENV: nominal value, default range, limits, unit, and what it does.

    Examples:

      sim2real parameters PandaPush-v0

      sim2real parameters PandaPush-v0 --set backend=mujoco --set observation=pixels
    """
    from sim2real.cli.robot import as_options
    from sim2real.cli.tables import console, parameter_table
    from sim2real.experiment import catalogue

    space = catalogue.parameter_space(catalogue.kind_of(env), env, as_options(options or ()))
    console().print(parameter_table(env, space))


@app.command()
@guarded
def schema() -> None:
    """Print the JSON schema of experiment files, for editors that check YAML while you type.

    Example: sim2real schema > experiment.schema.json
    """
    import json

    from sim2real.experiment.spec import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
@guarded
def rollout(
    run: RunFolder,
    piece: Annotated[
        str | None, typer.Option("--piece", help="A folder in pieces/; without one, every policy of the first seed.")
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", min=1, help="Episodes in the film of --piece.")] = 3,
) -> None:
    """Film the final policies of RUN, simulated beside target, into its videos/ folder.

    Examples:

      sim2real rollout results/quickstart/<run>

      sim2real rollout results/quickstart/<run> --piece PandaPush-v0-slippery-particles-s0 --episodes 10
    """
    from sim2real.report import video

    films = video.write_videos(run) if piece is None else (video.rollout_video(run, piece, episodes),)
    for path in films:
        typer.echo(str(path))
    if not films:
        typer.echo(
            f"There is nothing to film in {run}: no piece has a final policy and a pseudo-real target.", err=True
        )


@app.command()
@guarded
def report(run: RunFolder) -> None:
    """Write RUN's report again, from what is in its folder: one self-contained HTML file.

    Example: sim2real report results/quickstart/<run>
    """
    from sim2real.report import write_report

    typer.echo(str(write_report(run)))


@app.command()
@guarded
def doctor(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where run folders would go.")] = Path("results"),
) -> None:
    """Say what is installed, found and missing, and what to do about it.

    Exit code 0 if experiments can run here, else 1.
    """
    from sim2real.cli.tables import console, findings_table
    from sim2real.doctor import examine

    findings = examine(output)
    out = console()
    out.print(findings_table(findings))
    for finding in findings:
        if finding.remedy:
            out.print(f"{finding.what}: {finding.remedy}", highlight=False, markup=False, soft_wrap=True)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with ``arguments``, by default those of the process, and exit."""
    app(args=_with_resume_value(sys.argv[1:] if arguments is None else arguments), prog_name="sim2real")


def _with_resume_value(arguments: Sequence[str]) -> list[str]:
    """Give a bare ``--resume`` the value that it stands for: the parser knows no options with an optional value."""
    filled = []
    for index, argument in enumerate(arguments):
        following = arguments[index + 1] if index + 1 < len(arguments) else "-"
        bare = argument == "--resume" and following.startswith("-")
        filled.append(f"--resume={NEWEST}" if bare else argument)
    return filled
