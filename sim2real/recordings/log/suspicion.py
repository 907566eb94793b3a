"""What looks wrong in a log without being impossible: units, orders and sensors that a person should look at."""

from __future__ import annotations

import hashlib

import numpy as np

from sim2real.recordings.log.content import LIMIT_TOLERANCE, arm_of, component, flat, quaternions, spans
from sim2real.recordings.log.findings import Finding, Findings, counted, errors_of
from sim2real.recordings.log.records import Log
from sim2real_envs.parameters import Array

_FULL_TURN = 2.0 * np.pi
_FAR = 20.0  # [m]: no robot cell is larger
_FEWEST = 10  # rows, below which nothing is said of change
_STUCK = 0.05  # share of rows that stand at one extreme
_RUN = 4  # rows, from which on standing there is no chance
_JITTER = 0.25  # of a period
_LOST = 1.5  # periods
_SLIGHT = 0.05  # a component of a quaternion below it is none


def content_warnings(log: Log, findings: Findings) -> None:
    """Add a warning for everything in ``log`` that is seldom meant."""
    _times(log, findings)
    _magnitudes(log, findings, errors_of(findings.found))
    _quaternion_order(log, findings)
    _unchanging(log, findings)
    _clipped(log, findings)
    _command_limits(log, findings)
    _duplicates(log, findings)


def _times(log: Log, findings: Findings) -> None:
    lost = uneven = 0
    first_lost: Finding | None = None
    worst = 0.0
    steps = np.concatenate([np.diff(episode.times) for episode in log.episodes] or [np.empty(0)])
    steps = steps[steps > 0.0]
    if not steps.size:
        return
    period = float(np.median(steps))
    for episode, first in spans(log):
        step = np.diff(episode.times) / period
        told = step > 0.0
        told[1:] &= told[:-1]  # after a time that stood, the next step makes up for it
        gaps = told & (step > _LOST)
        lost += int(np.round(step[gaps] - 1.0).sum())
        if first_lost is None and gaps.any():
            row = int(np.argmax(gaps)) + 1
            gap = float(step[row - 1] * period)
            first_lost = Finding("warning", "dropped-samples", "", "", "", "time", episode.number, first + row, gap)
        off = np.abs(step[told & ~gaps] - 1.0)
        uneven += int((off > _JITTER).sum())
        worst = max(worst, float(off.max(initial=0.0)))
    if first_lost is not None:
        findings.warn(
            "dropped-samples",
            f"about {counted(lost, 'sample')} missing, the first before this row: "
            f"{first_lost.value:.4g} s without one.",
            "Filter and differentiate over the times, not the rows; or end an episode at each gap.",
            signal="time", episode=first_lost.episode, row=first_lost.row, value=first_lost.value,
        )  # fmt: skip
    if uneven:
        findings.warn(
            "irregular-times",
            f"{uneven} of {len(steps)} steps are more than {_JITTER:.0%} off the period of {period:.6g} s, "
            f"the worst by {worst:.0%}.",
            "Stamp samples where they are taken, not where they are written.", signal="time", value=worst * period,
        )  # fmt: skip


def _magnitudes(log: Log, findings: Findings, errors: tuple[Finding, ...]) -> None:
    said = {finding.signal for finding in errors if finding.rule == "joint-limits"}
    for name, signal in log.signals.items():
        values = np.abs(flat(log, name))
        for index, unit in enumerate(signal.units):
            column = values[:, index][np.isfinite(values[:, index])]
            most, place = float(column.max(initial=0.0)), component(signal, name, index)
            if unit == "rad" and most > _FULL_TURN and place not in said and f"{name}[" not in "".join(said):
                findings.warn(
                    "degrees", f"reaches {most:.4g} rad, more than a full turn.",
                    'If these are degrees, write "unit": "deg".', signal=place, value=most,
                )  # fmt: skip
                break
            if unit == "m" and most > _FAR:
                findings.warn(
                    "millimetres", f"reaches {most:.4g} m.", 'If these are millimetres, write "unit": "mm".',
                    signal=place, value=most,
                )  # fmt: skip
                break


def _quaternion_order(log: Log, findings: Findings) -> None:
    """Look for wxyz read as xyzw: something upright that turns about z then seems to turn about x, upside down."""
    for name, begin in quaternions(log):
        x, y, z, w = np.abs(flat(log, name)[:, begin : begin + 4]).T
        upright = bool(((y < _SLIGHT) & (z < _SLIGHT)).all() and np.median(x) > np.median(w))
        downward = bool(((x < _SLIGHT) & (w < _SLIGHT)).all() and np.median(y) > np.median(z))
        if len(x) and ((upright and not name.startswith("tool.")) or (downward and name.startswith("tool."))):
            findings.warn(
                "quaternion-order", "turns about its own x axis only, and lies upside down most of the time."
                if upright else "has neither x nor w, as a tool that points down would if w came first.",
                "If w is the first column, list the units in the order qw, qx, qy, qz.", signal=name,
            )  # fmt: skip


def _unchanging(log: Log, findings: Findings) -> None:
    if log.rows < _FEWEST:
        return
    for name, signal in log.signals.items():
        values = flat(log, name)
        still = np.array([len(np.unique(column[~np.isnan(column)])) <= 1 for column in values.T])
        each = name.startswith("joint.") and not still.all()
        if signal.kind == "state" or not (still.all() or (each and still.any())):
            continue
        places = name if still.all() else ", ".join(component(signal, name, i) for i in np.flatnonzero(still).tolist())
        value = float(values[0, int(np.argmax(still))])
        if signal.kind == "action":
            message, fix = "is never changed", "A joint that is not moved teaches nothing: record one that is."
            rule = "idle-command"
        else:
            message, fix, rule = "never changes", "Is the sensor read, and is it the right column?", "constant"
        findings.warn(rule, f"{message}: it is {value:g} in all {log.rows} rows.", fix, signal=places, value=value)


def _clipped(log: Log, findings: Findings) -> None:
    """Look for sensors at the end of their range; positions may rest at their extreme, and 0 is often one."""
    for name, signal in log.signals.items():
        if signal.kind not in ("observation", "force") or log.rows < _FEWEST:
            continue
        values = flat(log, name)
        for index, unit in enumerate(signal.units):
            column = values[:, index]
            if unit in ("m", "rad", "K", "-") or unit.startswith("q"):
                continue
            for extreme in (np.nanmin(column), np.nanmax(column)):
                at = column == extreme
                runs = _longest_run(at)
                if extreme != 0.0 and at.mean() > _STUCK and not at.all() and runs >= _RUN:
                    findings.warn(
                        "clipped", f"stands at its extreme of {extreme:.6g} {unit} in {at.mean():.0%} of the rows, "
                        f"up to {runs} in a row.", "Is it the end of the sensor's range? Widen it, or leave those out.",
                        signal=component(signal, name, index), row=int(np.argmax(at)), value=float(extreme),
                    )  # fmt: skip
                    break


def _longest_run(flags: Array) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _command_limits(log: Log, findings: Findings) -> None:
    named = arm_of(log)
    if named is None or "joint.command" not in log.signals or log.signals["joint.command"].size != named[1].size:
        return
    commands = flat(log, "joint.command")
    for index, joint in enumerate(named[1].joints):
        column = commands[:, index]
        wrong = (column < joint.lower - LIMIT_TOLERANCE) | (column > joint.upper + LIMIT_TOLERANCE)
        if wrong.any():
            row = int(np.argmax(wrong))
            findings.warn(
                "command-limits",
                f"asks for {column[row]:.4g} rad, beyond the {joint.lower:g} to {joint.upper:g} rad of {joint.name} "
                f"of the {named[0]}, in {counted(int(wrong.sum()), 'row')}.",
                "A robot clips it: log the command that was sent, after clipping.",
                signal=component(log.signals["joint.command"], "joint.command", index), row=row,
                value=float(column[row]),
            )  # fmt: skip


def _duplicates(log: Log, findings: Findings) -> None:
    seen: dict[bytes, int] = {}
    for episode, first in spans(log):
        moving = [episode[name] for name, signal in log.signals.items() if signal.kind != "state"]
        if len(episode.times) < 2 or not moving:
            continue
        digest = hashlib.sha256(b"".join(array.tobytes() for array in moving)).digest()
        before = seen.setdefault(digest, episode.number)
        if before != episode.number:
            findings.warn(
                "duplicate-episode", f"is the same as episode {before} to the last digit.",
                "Leave one of them out: a copy counts as evidence twice.", episode=episode.number, row=first,
            )  # fmt: skip
