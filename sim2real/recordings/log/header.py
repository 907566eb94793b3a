"""The header of a log: JSON beside the rows, read strictly, every mistake of it named at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim2real.errors import RecordingError
from sim2real.recordings.log.findings import Findings
from sim2real.recordings.log.header_signals import Stored, columns_named, read_signals, signal_to_json
from sim2real.recordings.log.json_fields import Fields
from sim2real.recordings.log.records import ORIGINS, Gains, Log, LogEpisode
from sim2real.units import UNITS, Unit
from sim2real_envs.parameters import Array

FORMAT, SCHEMA = "sim2real log", 1
_KEYS = (
    "format", "schema", "description", "origin", "robot", "joints", "gains", "rate", "time_unit", "rows", "frames",
    "source", "licence", "signals", "episodes", "extra",
)  # fmt: skip
_EPISODE_KEYS = ("episode", "label", "success", "failure_mode", "outcome")
_GAINS = {"stiffness": "Nm/rad", "damping": "Nm s/rad"}


@dataclass(frozen=True)
class Header:
    """What a header says; where it is wrong, the nearest thing with which the rows can still be looked at.

    Args:
        stored: Every signal that is described well enough to be read.
        rate: Rows a second [Hz]; None where it is wrong.
        time: Unit of the column ``time``.
        episodes: Facts of episodes by number: the fields of a ``LogEpisode`` but for its arrays.
        rows: How many rows the file must have; None where it is not said.
        named: Every column that the header names, however wrong what it says of it.
        about: The other fields of a ``Log``.
    """

    stored: Mapping[str, Stored]
    rate: float | None
    time: Unit
    episodes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    rows: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    named: frozenset[str] = frozenset()


def read_header(data: object, findings: Findings) -> Header | None:
    """Return what a header says, or None where it is none; every mistake is added to ``findings``."""
    head = Fields.of(data, findings, "", _KEYS)
    if head is None:
        return None
    if head.text("format", required=True) not in (FORMAT, None):
        head.refuse("format", f"must be {FORMAT!r}", f'Write "format": "{FORMAT}".')
    if head.number("schema", required=True) not in (SCHEMA, None):
        head.refuse("schema", f"must be {SCHEMA}", "Another version of the toolkit wrote it: read it with that one.")
    rate = head.number("rate", required=True, positive=True, fix='Say how many rows a second, as in "rate": 100.')
    origin = head.choice("origin", ORIGINS, fix='Say what was recorded: "robot" for real hardware.')
    unit = head.text("time_unit", required=True, fix='Say it, as in "time_unit": "s".')
    if unit is not None and (unit not in UNITS or UNITS[unit].si != "s"):
        times = ", ".join(name for name, each in UNITS.items() if each.si == "s")
        head.refuse("time_unit", f"must be one of {times}", "Convert the column if it is in another unit.")
        unit = None
    rows = head.number("rows", whole=True)
    frames = head.named_texts("frames")
    about = {
        "origin": origin or "robot",
        "description": head.text("description") or "",
        "robot": head.text("robot") or "",
        "joints": head.texts("joints"),
        "gains": _gains(head.get("gains"), findings),
        "frames": frames,
        "source": head.text("source") or "",
        "licence": head.text("licence") or "",
        "extra": head.mapping("extra"),
    }
    stored = read_signals(head.get("signals"), findings, frames)
    facts = _episodes(head.get("episodes"), findings)
    return Header(
        stored,
        rate,
        UNITS[unit or "s"],
        facts,
        None if rows is None else int(rows),
        about,
        columns_named(head.get("signals")),
    )


def _gains(data: object, findings: Findings) -> Gains | None:
    if data is None:
        return None
    gains = Fields.of(data, findings, "gains", tuple(_GAINS))
    if gains is None:
        return None
    found: dict[str, Array] = {}
    for name, si in _GAINS.items():
        entry = Fields.of(gains.get(name), findings, f"gains.{name}", ("values", "unit"))
        if entry is None:
            continue
        unit = entry.text("unit", required=True, fix=f'Say it, as in "unit": "{si}".')
        values = entry.numbers("values", required=True)
        if unit is not None and (unit not in UNITS or UNITS[unit].si != si):
            entry.refuse("unit", f"must be a unit of {name}, such as {si}", "Convert the gains to it.")
        elif unit is not None and values:
            found[name] = UNITS[unit].to_si(np.array(values))
    try:
        return Gains(**found) if len(found) == len(_GAINS) else None
    except RecordingError as error:
        findings.error("value", str(error), "Give one of each for every joint.", signal="gains")
        return None


def _episodes(data: object, findings: Findings) -> dict[int, dict[str, Any]]:
    if data is None:
        return {}
    if not isinstance(data, Sequence) or isinstance(data, str):
        findings.error(
            "value", "must be a list of objects.", "Write [] where there is nothing to say.", signal="episodes"
        )
        return {}
    facts: dict[int, dict[str, Any]] = {}
    for index, item in enumerate(data):
        entry = Fields.of(item, findings, f"episodes[{index}]", _EPISODE_KEYS)
        number = None if entry is None else entry.number("episode", required=True, whole=True)
        if entry is None or number is None:
            continue
        success = entry.get("success")
        if not isinstance(success, bool | None):
            entry.refuse("success", "must be true, false or null", "Leave it out where nobody said.")
            success = None
        facts[int(number)] = {
            "label": entry.text("label") or "",
            "success": success,
            "failure_mode": entry.text("failure_mode") or "",
            "outcome": entry.named_numbers("outcome"),
        }
    return facts


def header_to_json(log: Log) -> dict[str, Any]:
    """Return the header of a log as ``read_header`` takes it."""
    head: dict[str, Any] = {"format": FORMAT, "schema": SCHEMA}
    head |= {"description": log.description, "origin": log.origin, "robot": log.robot, "joints": list(log.joints)}
    if log.gains is not None:
        head["gains"] = {
            name: {"unit": unit, "values": getattr(log.gains, name).tolist()} for name, unit in _GAINS.items()
        }
    head |= {"rate": log.rate, "time_unit": "s", "rows": log.rows, "frames": dict(log.frames)}
    head |= {"source": log.source, "licence": log.licence}
    head["signals"] = {name: signal_to_json(signal) for name, signal in log.signals.items()}
    head["episodes"] = [_facts(episode) for episode in log.episodes]
    return head | {"extra": dict(log.extra)}


def _facts(episode: LogEpisode) -> dict[str, Any]:
    outcome = {name: value for name, value in episode.outcome.items() if math.isfinite(value)}
    facts = {"label": episode.label, "failure_mode": episode.failure_mode, "outcome": outcome}
    said = {name: value for name, value in facts.items() if value}
    return {"episode": episode.number, **said, **({} if episode.success is None else {"success": episode.success})}
