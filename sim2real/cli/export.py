"""``sim2real export``: what leaves the toolkit after a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sim2real.cli.guard import guarded


@guarded
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as results/quickstart/<run>.")],
    piece: Annotated[
        str | None, typer.Option("--piece", metavar="NAME", help="A folder in pieces/; without one, all finished ones.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Bundles go to DIR/<piece>; by default RUN/export.")
    ] = None,
    episodes: Annotated[
        int, typer.Option("--episodes", min=1, help="Whole episodes to compare each exported policy in.")
    ] = 50,
) -> None:
    """Export what RUN learned: the identified domain, the robot in it, and the policy, each checked against the run.

    A bundle per piece: domain.yaml (values, intervals, verdicts, blocks to paste into experiments) and joint samples;
    the arm as URDF and the scene as MJCF; the policy as NumPy arrays with a script that needs NumPy only, and as ONNX;
    schema.json with every number's name, unit and range; a manifest with SHA-256 of each file.

    Examples:

      sim2real export results/quickstart/<run>

      sim2real export results/quickstart/<run> --piece PandaPush-v0-worn_cell-particles-s0 --out bundles

    ONNX needs the extra `export`, MJCF the extra `mujoco`; without them the rest is written, and what is missing said.
    """
    from sim2real.exporting import export as export_run

    for bundle in export_run(run, piece=piece, out=out, episodes=episodes, progress=_note):
        typer.echo(str(bundle.folder))
        for sentence in bundle.sentences():
            typer.echo(f"  checked: {sentence}")
        for note in bundle.notes:
            typer.echo(f"  not exported: {note}")


def _note(message: str) -> None:
    typer.echo(message, err=True)
