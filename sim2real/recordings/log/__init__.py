"""Logs: a format for data of one's own, its reader, its writer, and a checker that says everything that is wrong.

A log is two files side by side. ``arm.parquet`` has one row a sample: the columns ``episode`` (a whole number) and
``time``, then the signals, each a column of lists or several flat columns. ``arm.json`` says what they are:

    {"format": "sim2real log", "schema": 1,
     "origin": "robot", "robot": "Panda", "rate": 100, "time_unit": "s",
     "frames": {"base": "at the foot of the arm, z up"}, "source": "our lab", "licence": "CC-BY-4.0",
     "gains": {"stiffness": {"unit": "Nm/rad", "values": [600, 600, 600, 600, 250, 150, 50]},
               "damping": {"unit": "Nm s/rad", "values": [50, 50, 50, 50, 30, 25, 15]}},
     "signals": {
       "joint.position": {"kind": "observation", "unit": "deg", "columns": ["q1", "q2", "q3", "q4", "q5", "q6", "q7"]},
       "joint.command": {"kind": "action", "unit": "rad", "shape": [7]},
       "object.pose": {"kind": "observation", "frame": "base", "shape": [7],
                       "unit": ["mm", "mm", "mm", "qw", "qx", "qy", "qz"]}}}

``kind`` is observation, action, state or force; ``unit`` is one of ``UNITS``, for all components or for each, and
quaternions say their order by qx, qy, qz, qw; ``scale`` and ``offset`` turn counts into the unit; ``names``, ``rate``
and ``description`` may be added. Optional for the whole: ``description``, ``joints``, ``rows``, ``episodes`` (facts by
number: label, success, failure_mode, outcome) and ``extra``. Names that every log shares are ``CANONICAL``.

Row k has what the sensors said at ``time[k]`` and what was sent right after, in force until ``time[k + 1]``. An action
may be null in the last row of an episode; nothing else may.

    from sim2real.recordings import log

    for finding in log.check_log("arm.parquet"):
        print(finding)
    data = log.read_log("arm.parquet")                     # SI, quaternions xyzw, whatever the file's units are
    data.episodes[0]["joint.position"]                     # (t, n) rad
"""

from __future__ import annotations

import os
from pathlib import Path

from sim2real.errors import RecordingError
from sim2real.recordings.log.content import content_errors
from sim2real.recordings.log.findings import Finding, Findings, errors_of
from sim2real.recordings.log.names import CANONICAL, Canonical
from sim2real.recordings.log.records import KINDS, ORIGINS, Gains, Kind, Log, LogEpisode, Origin, Signal
from sim2real.recordings.log.response import lag_of, response_lags, response_warnings
from sim2real.recordings.log.storage import Loaded, load, pair, write
from sim2real.recordings.log.suspicion import content_warnings
from sim2real.units import UNITS, Unit

__all__ = [
    "CANONICAL",
    "KINDS",
    "ORIGINS",
    "UNITS",
    "Canonical",
    "Finding",
    "Gains",
    "Kind",
    "Log",
    "LogEpisode",
    "Origin",
    "Signal",
    "Unit",
    "check_log",
    "lag_of",
    "pair",
    "read_log",
    "response_lags",
    "write_log",
]


def read_log(path: str | os.PathLike[str]) -> Log:
    """Return a log in SI.

    Args:
        path: Its rows, its header, or what their names begin with.

    Raises:
        RecordingError: If anything is wrong that ``check_log`` calls an error; lists all of it.
    """
    loaded = load(path)
    findings = _errors(loaded)
    if findings:
        raise RecordingError(_listed(loaded.rows, findings))
    if loaded.log is None:
        raise RecordingError(f"{loaded.rows} cannot be read.")
    return loaded.log


def write_log(path: str | os.PathLike[str], log: Log) -> Path:
    """Write a log, both of its files whole or not at all, and return the path of its rows.

    Raises:
        RecordingError: If ``read_log`` would refuse it, or it cannot be written.
    """
    rows, _ = pair(path)
    findings = Findings(rows.name)
    content_errors(log, findings)
    if findings.found:
        raise RecordingError(_listed(rows, findings.found))
    return write(path, log)


def check_log(path: str | os.PathLike[str]) -> tuple[Finding, ...]:
    """Return everything that is wrong with a log or looks wrong, errors first; nothing of it raises."""
    loaded = load(path)
    found = [*loaded.findings]
    if loaded.log is not None:
        content = Findings(loaded.rows.name)
        content_errors(loaded.log, content, rate_known=loaded.rate_known)
        content_warnings(loaded.log, content)
        response_warnings(loaded.log, content)
        found += content.found
    return tuple(sorted(found, key=lambda finding: finding.level != "error"))


def _errors(loaded: Loaded) -> tuple[Finding, ...]:
    content = Findings(loaded.rows.name)
    if loaded.log is not None:
        content_errors(loaded.log, content, rate_known=loaded.rate_known)
    return (*errors_of(loaded.findings), *content.found)


def _listed(rows: Path, findings: tuple[Finding, ...] | list[Finding]) -> str:
    count = f"{len(findings)} error{'s' if len(findings) != 1 else ''}"
    lines = "\n".join(f"  - {str(finding).removeprefix('error: ')}" for finding in findings)
    return f"{rows}: {count}; `sim2real data check {rows}` says more.\n{lines}"
