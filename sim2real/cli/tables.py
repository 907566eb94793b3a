"""Results and lists as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from sim2real.doctor import Finding
from sim2real.experiment import catalogue
from sim2real_envs.parameters import ParameterSpace

if TYPE_CHECKING:
    from sim2real.recordings.data_sets import Status
    from sim2real.speed import Speed

PLAIN_WIDTH = 160
_STYLES = {"ok": "green", "missing": "yellow", "broken": "red"}


def console() -> Console:
    """Return the console for results: as wide as the terminal, wide enough for a log elsewhere."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=PLAIN_WIDTH)


def result_tables(summary: Mapping[str, Any]) -> Iterable[Table]:
    """Yield what a run found: rates and gaps of every piece, or what was identified."""
    pieces: Sequence[Mapping[str, Any]] = summary["pieces"]
    if any(piece.get("real") for piece in pieces):
        yield _rate_table(summary, pieces)
    for piece in pieces:
        if piece.get("identification"):
            yield _identification_table(piece)


def _rate_table(summary: Mapping[str, Any], pieces: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=str(summary["experiment"]), title_justify="left")
    for heading in ("method", "target", "seed"):
        table.add_column(heading)
    for heading in ("real", "simulated", "gap", "real episodes used"):
        table.add_column(heading, justify="right")
    for piece in pieces:
        table.add_row(piece["method"], piece["target"], str(piece["seed"]), *_measured(piece))
    if len({piece["seed"] for piece in pieces}) > 1:
        table.add_section()
        for method, pooled in summary["methods"].items():
            table.add_row(method, "all", "all", *_measured(pooled))
    return table


def _measured(result: Mapping[str, Any]) -> tuple[str, str, str, str]:
    gap = result.get("gap")
    shown = f"{_points(gap['value'])} [{_points(gap['low'])}, {_points(gap['high'])}]" if gap else "-"
    return _rate(result.get("real")), _rate(result.get("simulated")), shown, f"{result['real_episodes_used']}"


def _rate(rate: Mapping[str, Any] | None) -> str:
    if not rate or not rate["n"]:
        return "-"
    return f"{rate['k']}/{rate['n']} [{rate['low']:.0%}, {rate['high']:.0%}]"


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _identification_table(piece: Mapping[str, Any]) -> Table:
    found = piece["identification"]
    held_out = ", ".join(f"{name} {_number(value)}" for name, value in found.get("held_out", {}).items())
    table = Table(
        title=f"{piece['method']} · {piece['target']} · seed {piece['seed']}",
        title_justify="left",
        caption=f"fitted on {found.get('fitted_on')}; held out: {held_out}" if held_out else None,
        caption_justify="left",
    )
    table.add_column("parameter")
    for heading in ("mean", "90 % interval", "contraction"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for name, marginal in found["parameters"].items():
        interval = f"{_number(marginal['low'])} … {_number(marginal['high'])}"
        contraction = f"{marginal['contraction']:.2f}"
        table.add_row(name, _number(marginal["mean"]), interval, contraction, marginal.get("verdict") or "-")
    return table


def parameter_table(world: str, space: ParameterSpace) -> Table:
    """Return the parameters of an environment or rig."""
    table = Table(title=f"What can be randomized in {world}", title_justify="left")
    table.add_column("parameter", no_wrap=True)
    for heading in ("nominal", "range", "limits"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("what it does")
    for parameter in space.values():
        span = f"{_number(parameter.low)} … {_number(parameter.high)}{' (log)' if parameter.log else ''}"
        limits = f"{_number(parameter.limits[0])} … {_number(parameter.limits[1])}"
        table.add_row(parameter.name, _number(parameter.nominal), span, limits, parameter.unit, parameter.doc)
    return table


def world_tables() -> Iterable[Table | str]:
    """Yield the environments that ship with their options, and the rigs."""
    options = catalogue.environment_options()
    table = Table(title="Environments", title_justify="left")
    for heading in ("id", "parameters", "with pictures"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "id" else "right")
    for env_id in catalogue.environment_ids():
        counts = (len(catalogue.parameter_space("train", env_id, kind)) for kind in ({}, {"observation": "multimodal"}))
        table.add_row(env_id, *map(str, counts))
    yield table
    yield f"Options of each: {', '.join(map(_option, options, options.values()))}.\n"
    rigs = Table(title="Rigs, in which recordings are replayed", title_justify="left")
    for heading in ("id", "parameters"):
        rigs.add_column(heading)
    for rig_id in catalogue.rig_ids():
        rigs.add_row(rig_id, ", ".join(catalogue.parameter_space("identify", rig_id, {})))
    yield rigs


def data_table(data_sets: Iterable[Status]) -> Table:
    """Return the data sets of recordings and where they are."""
    table = Table(title="Recordings", title_justify="left")
    for heading in ("name", "rig", "there", "file", "licence", "what"):
        table.add_column(heading, no_wrap=heading in ("name", "rig"))
    for entry in data_sets:
        known = entry.data_set
        there = "[green]yes[/]" if entry.present else f"no: sim2real data fetch {known.command_name}"
        table.add_row(known.name, known.rig, there, str(entry.path), known.licence, known.doc)
    return table


def speed_table(speeds: Iterable[Speed], title: str = "Env steps per second") -> Table:
    """Return measured speeds, and how many times faster ours is."""
    table = Table("what", title=title, title_justify="left")
    for heading in ("median", "slowest … fastest", "ours / this", "95 % interval"):
        table.add_column(heading, justify="right")
    for speed in speeds:
        add_speed(table, speed)
    return table


def add_speed(table: Table, speed: Speed) -> None:
    """Add a row for one speed."""
    spans = f"{speed.low:.0f} … {speed.high:.0f}", f"{speed.ratio_low:.2f} … {speed.ratio_high:.2f}"
    table.add_row(speed.name, f"{speed.rate:.0f}", spans[0], f"{speed.ratio:.2f}", spans[1])


def findings_table(findings: Iterable[Finding]) -> Table:
    """Return what the doctor found."""
    table = Table("", "what", "found")
    for finding in findings:
        table.add_row(f"[{_STYLES[finding.state]}]{finding.state}[/]", finding.what, finding.found)
    return table


def _option(name: str, default: object) -> str:
    return name if default is None else f"{name}={default}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)
