"""``sim2real robot``: what to do with a robot of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sim2real.cli.guard import guarded
from sim2real.cli.trials import trials
from sim2real.errors import SpecError

if TYPE_CHECKING:
    from sim2real.robots import RobotMapping

robot_app = typer.Typer(help="Try policies on robots of your own.", no_args_is_help=True)
robot_app.command("trials")(trials)

_STYLES = {"ok": "green", "problem": "red", "skipped": "yellow"}

RobotPath = Annotated[str, typer.Argument(metavar="MODULE:FACTORY", help="Import path of what makes your robot.")]
RobotOptions = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the factory; may be repeated.")
]


@robot_app.command("check")
@guarded
def check(
    robot: RobotPath,
    mapping: Annotated[Path | None, typer.Option("--mapping", metavar="FILE", help="Its mapping (YAML).")] = None,
    options: RobotOptions = None,
    reads: Annotated[int, typer.Option(min=1, help="Measurements that are timed.")] = 50,
    send: Annotated[bool, typer.Option(help="With a mapping: send one command, to stay where it is.")] = True,
) -> None:
    """Look at everything that the control loop relies on, and say what to mend.

    Connects the robot, reads it, and with --mapping tells it to stay where it is. Keep a hand on the emergency stop.

    Examples:

      sim2real robot check my_lab.arm:make_robot

      sim2real robot check my_lab.arm:make_robot --mapping arm.yaml --set port=/dev/ttyACM0

      sim2real robot check sim2real.robots.fake:FakeRobot --set world=PandaPush-v0

    Exit code 0 if nothing is wrong, else 1.
    """
    from rich.table import Table

    from sim2real.cli.tables import console
    from sim2real.robots import check_robot, make_robot
    from sim2real.robots.check import passed

    read = None if mapping is None else read_mapping(mapping)
    findings = check_robot(make_robot(robot, as_options(options or ())), read, reads=reads, send=send)
    out, table = console(), Table("what", "", "found", title=robot, title_justify="left")
    for finding in findings:
        table.add_row(finding.what, f"[{_STYLES[finding.state]}]{finding.state}[/]", finding.found)
    out.print(table)
    for finding in findings:
        if finding.remedy:
            out.print(f"{finding.what}: {finding.remedy}", highlight=False, markup=False, soft_wrap=True)
    if not passed(findings):
        raise typer.Exit(1)


@robot_app.command("mapping")
@guarded
def mapping_example(
    world: Annotated[str, typer.Argument(metavar="ENV", help="Such as PandaPush-v0, or joints.")] = "PandaReach-v0",
    control: Annotated[
        str | None, typer.Option(help="What an action means: ee_delta, joint_position, joint_delta, …")
    ] = None,
) -> None:
    """Print the mapping of a pseudo-real robot for ENV: a file to begin your own from.

    Every number has a key, what it is, its unit and its limits; none is guessed.

    Example: sim2real robot mapping PandaPush-v0 > arm.yaml
    """
    from sim2real.experiment.strict_yaml import dump
    from sim2real.robots import RobotMapping
    from sim2real.robots.fake_keys import fake_mapping

    example = fake_mapping(world, control)
    RobotMapping.from_dict(example)
    typer.echo(dump(example), nl=False)


def read_mapping(file: Path) -> RobotMapping:
    """Return the mapping in a file, read as strictly as an experiment file.

    Raises:
        SpecError: With all its mistakes.
    """
    from sim2real.experiment.strict_yaml import read_document
    from sim2real.robots import RobotMapping

    document = read_document(file)
    if document.problems:
        raise SpecError(document.problems, str(file))
    return RobotMapping.from_dict(document.value, str(file))  # type: ignore[arg-type]


def as_options(texts: Sequence[str]) -> dict[str, Any]:
    """Return options of a factory, their values read as YAML.

    Raises:
        SpecError: If one is not key=value.
    """
    from sim2real.experiment.overrides import parse_overrides

    pairs, problems = parse_overrides(texts, example="backend=mujoco")
    if problems:
        raise SpecError(problems, "options")
    return dict(pairs)
