"""Which measurements are believed: pure functions between a robot's answers and what a loop acts on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim2real.robots.safety import Reading, SafetyLimits
from sim2real_envs.parameters import Array

_FASTER = 2.0  # times the speed limit of commands: a joint may overshoot


def believed(
    limits: SafetyLimits, before: Reading | None, now: Reading, problems: tuple[str, ...]
) -> tuple[Reading | None, str]:
    """Return the reading to act on, ``now`` or else ``before``, and why ``now`` is not believed.

    Not believed is what has problems of its own (missing, NaN, beyond what can be), what is not newer than the last by
    the robot's own time (late, repeated or out of order), and a joint further from the last than its speed allows.

    Args:
        limits: ``speed`` and ``jump``.
        before: The last believed reading, or None.
        now: The newest one.
        problems: What is wrong with its numbers.

    Returns:
        The reading, None where there is nothing to act on yet; and the reason, empty where ``now`` is believed.
    """
    problem = "; ".join(problems) or _doubt(limits, before, now)
    if not problem:
        return now, ""
    return None if before is None else replace(before, problem=problem), problem


def _doubt(limits: SafetyLimits, before: Reading | None, now: Reading) -> str:
    if not np.isfinite(now.commands).all() or not np.isfinite(now.force):
        return "a measurement is not finite"
    if before is None:
        return ""
    if now.stamp is not None and before.stamp is not None and now.stamp <= before.stamp:
        return f"not newer than the last: robot time {now.stamp:.3f} s after {before.stamp:.3f} s"
    return _jump(limits, before.commands, now.commands, now.time - before.time)


def _jump(limits: SafetyLimits, before: Array, now: Array, elapsed: float) -> str:
    n = limits.joints
    way = np.abs(now - before)[:n]
    most = limits.jump + _FASTER * limits.speed[:n] * max(0.0, elapsed)
    worst = int(np.argmax(way - most))
    if way[worst] <= most[worst]:
        return ""
    return f"joint {worst + 1} jumped by {way[worst]:.3f} rad in {elapsed:.3f} s"
