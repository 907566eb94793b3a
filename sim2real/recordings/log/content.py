"""What must hold of the numbers of a log; whatever does not is an error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim2real.recordings.log.findings import Findings, counted
from sim2real.recordings.log.records import Log, LogEpisode, Signal
from sim2real.units import QUATERNION
from sim2real_envs.arms import ARMS, Arm
from sim2real_envs.parameters import Array

QUATERNION_TOLERANCE = 1e-2
"""How far the length of a quaternion may be from 1; robots print four digits."""
RATE_TOLERANCE = 0.05
"""How far the median step may be from the period, as a share of it."""
LIMIT_TOLERANCE = 0.02
"""How far a measured joint may stand beyond its limit [rad]."""


def component(signal: Signal, name: str, index: int) -> str:
    """Return how a component is named: ``"joint.position[2]"``, or the bare name of a plain number."""
    if not signal.shape:
        return name
    return f"{name}[{', '.join(str(int(i)) for i in np.unravel_index(index, signal.shape))}]"


def spans(log: Log) -> Iterator[tuple[LogEpisode, int]]:
    """Yield every episode with the file's row of its first sample."""
    first = 0
    for episode in log.episodes:
        yield episode, first
        first += len(episode.times)


def flat(log: Log, name: str) -> Array:
    """Return all rows of a signal (rows, size), one component a column."""
    signal = log.signals[name]
    parts = [episode[name].reshape(-1, signal.size) for episode in log.episodes]
    return np.concatenate(parts) if parts else np.empty((0, signal.size))


def arm_of(log: Log) -> tuple[str, Arm] | None:
    """Return the arm that the log names, where its limits are known."""
    wanted = log.robot.lower()
    return next(((name, arm) for name, arm in ARMS.items() if wanted in (name.lower(), arm.name)), None)


def content_errors(log: Log, findings: Findings, *, rate_known: bool = True) -> None:
    """Add an error for everything that keeps the numbers of ``log`` from being used."""
    if not log.episodes:
        findings.error("no-rows", "must have at least one row, but has none.", "Record something.")
    _finite(log, findings)
    _times(log, findings, rate_known)
    _quaternions(log, findings)
    _joints(log, findings)


def _finite(log: Log, findings: Findings) -> None:
    for name, signal in log.signals.items():
        bad = 0
        place: tuple[LogEpisode, int, int, float] | None = None
        for episode, first in spans(log):
            values = episode[name].reshape(len(episode.times), -1)
            wrong = ~np.isfinite(values)
            if signal.kind == "action" and len(values) > 1:
                wrong[-1] &= ~np.isnan(values[-1])  # nothing was sent any more
            bad += int(wrong.sum())
            if place is None and wrong.any():
                at, index = divmod(int(np.argmax(wrong)), wrong.shape[1])
                place = (episode, first + at, index, float(values[at, index]))
        if place is not None:
            episode, row, column, value = place
            more = f" {counted(bad, 'value')} are like that." if bad > 1 else ""
            findings.error(
                "not-finite", f"must be finite, but is {value}.{more}",
                "Leave such rows out, or end the episode there and begin another.",
                signal=component(signal, name, column), episode=episode.number, row=row, value=value,
            )  # fmt: skip


def _times(log: Log, findings: Findings, rate_known: bool) -> None:
    steps = []
    for episode, first in spans(log):
        good = np.isfinite(episode.times)
        if not good.all():
            row = int(np.argmin(good))
            findings.error(
                "not-finite", f"must be finite, but is {episode.times[row]}.", "Leave such rows out.",
                signal="time", episode=episode.number, row=first + row,
            )  # fmt: skip
            continue
        step = np.diff(episode.times)
        steps.append(step)
        if (step <= 0.0).any():
            row = int(np.argmax(step <= 0.0)) + 1
            findings.error(
                "time-order",
                f"must increase, but {episode.times[row]:.6g} s follows {episode.times[row - 1]:.6g} s.",
                "Sort the rows, leave doubled ones out, or use a clock that does not jump (monotonic).",
                signal="time", episode=episode.number, row=first + row, value=float(episode.times[row]),
            )  # fmt: skip
    together = np.concatenate(steps) if steps else np.empty(0)
    together = together[together > 0.0]
    if rate_known and together.size:
        _rate(log, float(np.median(together)), findings)


def _rate(log: Log, median: float, findings: Findings) -> None:
    ratio = median * log.rate
    if abs(ratio - 1.0) <= RATE_TOLERANCE:
        return
    unit = next(
        (name for name, scale in {"ms": 1e3, "us": 1e6, "ns": 1e9}.items() if abs(ratio / scale - 1.0) < 0.1), ""
    )
    fix = f'The times look like {unit}: write "time_unit": "{unit}".' if unit else f'Write "rate": {1.0 / median:.6g}.'
    findings.error(
        "rate", f"steps must be {1.0 / log.rate:.6g} s, as the rate of {log.rate:g} Hz says, but are {median:.6g} s.",
        fix, signal="time", value=median,
    )  # fmt: skip


def quaternions(log: Log) -> Iterator[tuple[str, int]]:
    """Yield every signal that has a quaternion, and the component where it begins."""
    for name, signal in log.signals.items():
        if QUATERNION[0] in signal.units:
            yield name, signal.units.index(QUATERNION[0])


def _quaternions(log: Log, findings: Findings) -> None:
    for name, begin in quaternions(log):
        for episode, first in spans(log):
            lengths = np.linalg.norm(episode[name][:, begin : begin + 4], axis=1)
            wrong = np.abs(lengths - 1.0) > QUATERNION_TOLERANCE  # NaN is another rule's
            if wrong.any():
                row = int(np.argmax(wrong))
                findings.error(
                    "quaternion-length", f"must be of length 1, but is of {lengths[row]:.4g}.",
                    "Check which columns are the quaternion, and their order in `unit`.",
                    signal=name, episode=episode.number, row=first + row, value=float(lengths[row]),
                )  # fmt: skip
                break


def _joints(log: Log, findings: Findings) -> None:
    named = arm_of(log)
    counts = {name: signal.size for name, signal in log.signals.items() if name.startswith("joint.")}
    wanted = named[1].size if named else len(log.joints) or next(iter(counts.values()), 0)
    words = f"the {named[0]}" if named else "`joints`" if log.joints else "the others"
    for name, count in counts.items():
        if count != wanted:
            findings.error(
                "joint-count", f"must have the {wanted} joints of {words}, but has {count}.",
                "Leave fingers and other axes out of joint.*, or correct `robot`.", signal=name, value=count,
            )  # fmt: skip
    gains = 0 if log.gains is None else len(log.gains.stiffness)
    if log.gains is not None and gains != wanted and (counts or named):
        fix = "Give one of each for every joint."
        findings.error("joint-count", f"must be {wanted} of each, but are {gains}.", fix, signal="gains", value=gains)
    if named and counts.get("joint.position") == wanted:
        _limits(log, *named, findings)


def _limits(log: Log, name: str, arm: Arm, findings: Findings) -> None:
    positions = flat(log, "joint.position")
    lower = np.array([joint.lower for joint in arm.joints]) - LIMIT_TOLERANCE
    upper = np.array([joint.upper for joint in arm.joints]) + LIMIT_TOLERANCE
    wrong = (positions < lower) | (positions > upper)
    columns = np.flatnonzero(wrong.any(axis=0)).tolist()
    degrees = bool(np.abs(positions[np.isfinite(positions)]).max(initial=0.0) > 2.0 * np.pi)
    for column in columns[:1] if degrees else columns:
        row, joint = int(np.argmax(wrong[:, column])), arm.joints[column]
        value, count = float(positions[row, column]), int(wrong[:, column].sum())
        fix = "Check order, sign, zero and unit of the joints."
        if degrees:
            fix = f'{counted(len(columns), "joint")} may be in degrees: then write "unit": "deg".'
        findings.error(
            "joint-limits",
            f"must lie in {joint.lower:g} to {joint.upper:g} rad, the limits of {joint.name} of the {name}, "
            f"but is {value:.4g}, and beyond them in {counted(count, 'row')}.",
            fix, signal=component(log.signals["joint.position"], "joint.position", column),
            episode=_episode_of(log, row), row=row, value=value,
        )  # fmt: skip


def _episode_of(log: Log, row: int) -> int:
    return next(episode.number for episode, first in spans(log) if row < first + len(episode.times))
