"""How late a robot's joints follow their commands, as the log tells without any model."""

from __future__ import annotations

import numpy as np

from sim2real.recordings.log.content import component
from sim2real.recordings.log.findings import Findings
from sim2real.recordings.log.records import Log, LogEpisode
from sim2real_envs.parameters import Array

_PAIRS = {
    "joint.command": "joint.position",
    "joint.velocity_command": "joint.velocity",
    "tool.command": "tool.pose",
    "finger.command": "finger.position",
}
_LONGEST = 0.6  # [s] of lag that is looked for
_LATE = 0.35  # [s]: a compliant arm trails slow motion by more than its delay
_CLEAR = 0.5  # correlation from which on a lag is told
_FEWEST = 20  # rows of an episode


def lag_of(command: Array, response: Array, rate: float) -> tuple[float, float]:
    """Return how late ``response`` (t,) follows ``command`` (t,) [s], and the correlation at that lag.

    Both are differentiated, and the lag is where the normalized cross-correlation of the two is greatest, refined by
    the parabola through its neighbours (Jacovitti, Scarano, "Discrete time techniques for time delay estimation", IEEE
    Transactions on Signal Processing 1993). It is the delay and the controller's own lag together.
    """
    a, b = np.diff(command), np.diff(response)
    most = min(int(_LONGEST * rate) + 1, len(a) // 3)
    lags = range(-most, most + 1)
    scores = np.array([_correlation(*_shifted(a, b, lag)) for lag in lags])
    best = int(np.argmax(scores))
    shift = 0.0
    if 0 < best < len(scores) - 1:
        left, top, right = scores[best - 1 : best + 2]
        bend = left - 2.0 * top + right
        shift = 0.5 * float(left - right) / float(bend) if bend < 0.0 else 0.0
    return (float(lags[best]) + shift) / rate, float(scores[best])


def _shifted(a: Array, b: Array, lag: int) -> tuple[Array, Array]:
    """Return what of both overlaps where ``b`` is ``lag`` rows late."""
    return (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[:lag])


def _correlation(a: Array, b: Array) -> float:
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0.0 else 0.0


def response_lags(log: Log) -> dict[str, float]:
    """Return how late each component of a response follows its command [s], where the log tells."""
    lags: dict[str, float] = {}
    for command, response in _PAIRS.items():
        if command not in log.signals or response not in log.signals:
            continue
        signal = log.signals[command]
        if signal.size != log.signals[response].size:
            continue
        for index, unit in enumerate(signal.units):
            lag = None if unit.startswith("q") else _median_lag(log, command, response, index)
            if lag is not None:
                lags[component(log.signals[response], response, index)] = lag
    return lags


def response_warnings(log: Log, findings: Findings) -> None:
    """Warn of a response that comes before its command, or very late; once a signal."""
    said: set[str] = set()
    for place, lag in response_lags(log).items():
        signal = place.partition("[")[0]
        if signal in said or -1.0 / log.rate < lag < _LATE:
            continue
        said.add(signal)
        if lag < 0.0:
            findings.warn(
                "response-early", f"moves {-lag:.3f} s before its command asks for it.",
                "Was the command logged late, or is its clock another?", signal=place, value=lag,
            )  # fmt: skip
        else:
            findings.warn(
                "response-late", f"follows its command {lag:.3f} s late, delay and the controller's lag together.",
                "If that is not the robot's, look at the clocks.", signal=place, value=lag,
            )  # fmt: skip


def _median_lag(log: Log, command: str, response: str, index: int) -> float | None:
    lags = []
    for episode in log.episodes:
        a, b = _column(episode, command, index), _column(episode, response, index)
        good = np.isfinite(a) & np.isfinite(b)
        if good.sum() < _FEWEST or not good[: int(good.sum())].all():
            continue
        lag, score = lag_of(a[good], b[good], log.rate)
        if score > _CLEAR:
            lags.append(lag)
    return float(np.median(lags)) if lags else None


def _column(episode: LogEpisode, name: str, index: int) -> Array:
    column: Array = episode[name].reshape(len(episode.times), -1)[:, index]
    return column
