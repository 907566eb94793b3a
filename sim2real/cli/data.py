"""``sim2real data``: public recordings brought here, and data of one's own checked and converted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sim2real.cli.guard import guarded
from sim2real.errors import RecordingError

if TYPE_CHECKING:
    from sim2real.recordings.log import Finding, Log

data_app = typer.Typer(
    help="Bring and list the public recordings of real robots and rigs; check and convert your own.",
    no_args_is_help=True,
)


@data_app.command("list")
@guarded
def list_data() -> None:
    """List the data sets of recordings, where each is or would be, and its licence."""
    from sim2real.cli.tables import console, data_table
    from sim2real.recordings import status

    console().print(data_table(status()))


@data_app.command("fetch")
@guarded
def fetch_data(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as cube-toss; see `sim2real data list`.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="A local clone of its repository, instead of the network."),
    ] = None,
    destination: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="The data folder, instead of $SIM2REAL_DATA or its default."),
    ] = None,
) -> None:
    """Bring a data set from its public repository at the pinned commit, convert it and check its sums.

    Examples:

      sim2real data fetch cube-toss

      sim2real data fetch cube-toss --from ../contact-nets --to data
    """
    from rich.console import Console

    from sim2real.cli.live import progress_for, stages
    from sim2real.recordings import fetch

    with progress_for(Console(stderr=True)) as progress:
        fetched = fetch(name, destination, source=source, progress=stages(progress))
    pinned = "the pinned commit" if fetched.pinned else "not the commit that was tested"
    typer.echo(f"{fetched.path}: {fetched.recordings} recordings from {fetched.commit[:8]} ({pinned})")
    typer.echo(f"{fetched.verified} of them have a known checksum, and match it.")


@data_app.command("check")
@guarded
def check_data(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A log: its .parquet, its .json, or what both begin with.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say everything that is wrong with a log of your own, or looks wrong, and what most likely mends it.

    A log is two files: NAME.parquet with one row a sample (columns episode, time, then the signals), and NAME.json with
    what they are. Errors keep it from being used; warnings are for you to look at.

    Examples:

      sim2real data check arm.parquet

      sim2real data check arm.parquet --json | jq '.findings[] | select(.level == "error")'

    Exit code 0 without errors, 2 with.
    """
    from sim2real.recordings.log import check_log, pair

    rows, _ = pair(file)
    findings = check_log(file)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    if as_json:
        report: dict[str, Any] = {"file": str(rows), "errors": errors, "warnings": warnings}
        typer.echo(json.dumps(report | {"findings": [finding.to_json() for finding in findings]}, indent=2))
    else:
        _print(findings)
        if not errors:
            _describe(file)
        typer.echo(f"{rows}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    if errors:
        raise typer.Exit(2)


@data_app.command("convert")
@guarded
def convert_data(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A log, or the folder of a LeRobotDataset v3.")],
    destination: Annotated[Path, typer.Argument(metavar="OUT", help="Where it goes; must not be there yet.")],
    to: Annotated[Literal["lerobot", "minari", "log"], typer.Option("--to", help="What it becomes.")],
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", metavar="YAML", help="What the features of a LeRobotDataset are, with their units."),
    ] = None,
    task: Annotated[str, typer.Option("--task", help="What the robot was doing, for LeRobot.")] = "",
) -> None:
    """Convert a log, or a LeRobotDataset, to another format; what is written is SI.

    A row of LeRobot is an observation and the action after it: the last row of an episode is left out if it has none.
    LeRobot has no units. A data set of it is read with a mapping that gives every feature a signal with its unit, or
    ignores it:

      origin: robot
      signals:
        joint.position: {kind: observation, unit: deg, columns: \\[observation.state/shoulder_pan.pos, …]}
        joint.command: {kind: action, unit: deg, columns: \\[action/shoulder_pan.pos, …]}
      ignore: \\[next.done]

    Examples:

      sim2real data convert arm.parquet --to lerobot data/arm

      sim2real data convert push.parquet --to minari data/push-v0

      sim2real data convert data/so101 --to log so101.parquet --mapping so101.yaml
    """
    from sim2real.recordings.log import pair, write_log

    log = _read(source, mapping)
    kept, left_out = log.rows, ""
    if to == "log":
        rows, header = pair(destination)
        for path in (rows, header):
            if path.exists():
                raise RecordingError(f"{path} is there already: name another file.")
        written = write_log(destination, log)
    elif to == "lerobot":
        from sim2real.recordings.lerobot import frames, write_lerobot

        written = write_lerobot(destination, log, task=task)
        kept = frames(log)
        left_out = f" ({_count(log.rows - kept, 'row')} without an action left out)" if kept < log.rows else ""
    else:
        from sim2real.recordings.minari import write_minari

        written = write_minari(destination, log)
    typer.echo(f"{written}: {_count(len(log.episodes), 'episode')}, {_count(kept, 'row')}{left_out}")


def _read(source: Path, mapping: Path | None) -> Log:
    if source.is_dir():
        from sim2real.recordings.lerobot import read_lerobot

        return read_lerobot(source, None if mapping is None else _mapping(mapping))
    if mapping is not None:
        raise RecordingError(
            f"`--mapping` is for a LeRobotDataset, but {source} is no folder: a log says its own units."
        )
    from sim2real.recordings.log import read_log

    return read_log(source)


def _mapping(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RecordingError(f"{path} cannot be read as a mapping: {error}") from None
    if not isinstance(data, dict):
        raise RecordingError(f"{path} must be a mapping with `origin` and `signals`, but is {type(data).__name__}.")
    return data


def _print(findings: tuple[Finding, ...]) -> None:
    styles = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}
    for finding in findings:
        level, _, rest = str(finding).partition(": ")
        typer.echo(f"{typer.style(level, fg=styles[level])}: {rest}")


def _describe(file: Path) -> None:
    """Print what a log has, and how late each response follows its command."""
    from sim2real.recordings.log import read_log, response_lags

    log = read_log(file)
    for name, signal in log.signals.items():
        shape = " x ".join(map(str, signal.shape)) or "1"
        units = " ".join(dict.fromkeys(signal.units))
        typer.echo(f"  {name}: {signal.kind}, {shape}, {units}{f', in {signal.frame}' if signal.frame else ''}")
    lags: dict[str, list[float]] = {}
    for place, lag in response_lags(log).items():
        lags.setdefault(place.partition("[")[0], []).append(lag)
    for name, each in lags.items():
        span = f"{min(each):.3f}" if len(each) == 1 else f"{min(each):.3f} to {max(each):.3f}"
        typer.echo(f"  {name} follows its command {span} s late, delay and the controller's lag together")
    seconds = sum(float(episode.times[-1] - episode.times[0]) for episode in log.episodes)
    typer.echo(
        f"  {_count(len(log.episodes), 'episode')}, {_count(log.rows, 'row')} at {log.rate:g} Hz, {seconds:.1f} s"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
