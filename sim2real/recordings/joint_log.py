"""Windows of a robot's own log, to be replayed open loop by the rig ``arm``.

A log with ``joint.command`` and ``joint.position`` is brought to an even control period and cut into windows. Each
begins with a lead-in, from the measured position, in which nothing is compared: an arm that follows its commands
forgets where it started within half a second, and encoders tell too little of its velocity to start from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim2real.errors import RecordingError
from sim2real.recordings.base import Recording
from sim2real.recordings.log import Log, LogEpisode, read_log
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

POSITION, VELOCITY, COMMAND = "joint.position", "joint.velocity", "joint.command"
RIG = "arm"
WINDOW = 1.0
"""Time that is compared in a window, by default [s]."""
LEAD_IN = 0.5
"""Time before that, in which the arm forgets its start to 0.1 mrad [s]."""
LONGEST_DELAY = 0.3
"""For so long before a window commands are kept, which may act in it [s]."""
MOST_RATE = 250.0
"""Logs with more rows a second are thinned to at most so many [Hz]; a simulator's control period is no shorter."""
GROUPS = 10
"""Fewer episodes than that are cut into stretches of time, so that some can be held out."""
_EVEN = 0.1  # of a period: times nearer to an even grid than that are taken as they are
_BREAK = 3.0  # periods: a longer pause between rows ends what can be replayed
_FEWEST = 5  # rows that are compared in a window at least


def is_log(name: str) -> bool:
    """Return whether ``name`` is the path of a log rather than the name of a data set."""
    return name.endswith((".parquet", ".json")) or "/" in name


def control_period(rate: float) -> float:
    """Return the control period [s] at which a log of ``rate`` [Hz] is replayed."""
    return math.ceil(rate / MOST_RATE - 1e-9) / rate


def load(path: Path, window: float = WINDOW) -> tuple[Recording, ...]:
    """Return the windows of a log.

    Args:
        path: Its rows or its header.
        window: Time that is compared in each [s].

    Raises:
        RecordingError: If it cannot be read, lacks joint commands or positions, or is too short.
    """
    return windows(read_log(path), window, str(path))


def windows(log: Log, window: float = WINDOW, source: str = "The log") -> tuple[Recording, ...]:
    """Return the windows of ``log``; those of an episode are one group, or of few episodes those of a stretch of time.

    Args:
        log: With ``joint.command`` [rad] and ``joint.position`` [rad]; ``joint.velocity`` helps.
        window: Time that is compared in each [s].
        source: How errors call the log.

    Raises:
        RecordingError: If the log lacks joint commands or positions, or no episode is long enough for one window.
    """
    for name in (POSITION, COMMAND):
        if name not in log.signals:
            raise RecordingError(
                f"{source}: an arm is replayed from {COMMAND!r} and {POSITION!r}, but the log lacks {name!r}; it has "
                f"{', '.join(log.signals)}."
            )
    if log.signals[POSITION].size != log.signals[COMMAND].size:
        raise RecordingError(
            f"{source}: there must be as many joint commands as positions, but got {log.signals[COMMAND].size} and "
            f"{log.signals[POSITION].size}."
        )
    period = control_period(log.rate)
    rows, lead = max(_FEWEST, round(window / period)), round(LEAD_IN / period)
    stretches = -(-GROUPS // max(len(log.episodes), 1))
    found: list[Recording] = []
    for episode in log.episodes:
        cut = [each for run in _even(episode, log.rate, period) for each in _cut(run, rows, lead, period)]
        parts = max(1, min(stretches, len(cut)))
        for index, (values, actions, start) in enumerate(cut):
            name = f"episode-{episode.number:04}-window-{index:03}"
            group = f"episode-{episode.number:04}-stretch-{index * parts // len(cut)}"
            times = period * np.arange(len(actions) + 1, dtype=np.float64)
            found.append(Recording(name, times, values, actions, 1.0 / period, start, name, group))
    if not found:
        raise RecordingError(
            f"{source}: no episode is as long as a lead-in of {LEAD_IN:g} s and {_FEWEST} rows to compare, "
            f"{LEAD_IN + _FEWEST * period:.2f} s."
        )
    return tuple(found)


_Run = tuple[Array, Array, Array]
"""Positions, velocities and commands at an even period, (t, n) each."""


def _even(episode: LogEpisode, rate: float, period: float) -> Iterator[_Run]:
    """Yield the stretches of an episode without a pause, at an even period."""
    pauses = np.flatnonzero(np.diff(episode.times) > _BREAK / rate) + 1
    for rows in np.split(np.arange(len(episode.times)), pauses):
        times = episode.times[rows] - episode.times[rows[0]]
        position, command = episode[POSITION][rows].astype(np.float64), episode[COMMAND][rows].astype(np.float64)
        if len(rows) < 3:
            continue
        if not np.isfinite(command[-1]).all():
            command[-1] = command[-2]
        if VELOCITY in episode:
            velocity = episode[VELOCITY][rows].astype(np.float64)
        else:
            velocity = np.gradient(position, times, axis=0)
        share = round(period * rate)
        even = np.arange(len(times)) / rate
        if np.abs(times - even).max() > _EVEN / rate:
            even = np.arange(math.floor(times[-1] * rate + 1e-6) + 1) / rate
            position, velocity = (_between(times, each, even) for each in (position, velocity))
            command = command[np.searchsorted(times, even + 1e-9, side="right") - 1]
        whole = len(even) // share * share
        mean_command = command[:whole].reshape(-1, share, command.shape[1]).mean(axis=1)  # held for a period
        yield position[:whole:share], velocity[:whole:share], mean_command


def _between(times: Array, values: Array, wanted: Array) -> Array:
    """Return ``values`` (t, n) at other times, linear between rows."""
    return np.stack([np.interp(wanted, times, column) for column in values.T], axis=1)


def _cut(run: _Run, rows: int, lead: int, period: float) -> Iterator[tuple[dict[str, Array], Array, WorldState]]:
    """Yield values, commands and start of each window."""
    position, velocity, command = run
    for first in range(lead, len(position) - 1, rows):
        begin, end = first - lead, min(first + rows, len(position) - 1)
        if end - first < min(_FEWEST, rows):
            return
        inside = slice(begin, end + 1)
        values = {POSITION: position[inside].copy(), VELOCITY: velocity[inside].copy()}
        for array in values.values():
            array[:lead] = np.nan
        before = command[max(0, begin - math.ceil(LONGEST_DELAY / period)) : begin]
        start = WorldState(
            {POSITION: position[begin], VELOCITY: velocity[begin]}, commands=before if len(before) else None
        )
        yield values, command[begin:end], start
