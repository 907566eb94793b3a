"""One recorded motion of a real system, and the checks that every loader makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import RecordingError
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.base import Rig
from sim2real_envs.state import WorldState, frozen

UNIT_TOLERANCE = 1e-3
"""How far the length of a recorded quaternion may be from 1."""


@dataclass(frozen=True)
class Recording:
    """One recorded motion, SI, world frame, quaternions xyzw, arrays read-only.

    Args:
        name: Unique in its data set, such as ``"toss-17"``.
        times: Time of each sample from the first [s], (t,).
        values: Named trajectories such as ``"object.pose"`` (t, 7) m and xyzw, ``"object.twist"`` (t, 6) m/s and rad/s.
        actions: What was done between the samples, (t - 1, a); (t - 1, 0) for a passive system.
        rate: Nominal samples in a second [Hz].
        start: The state at the first sample as well as the recording tells it, with the spread of that estimate.
        motion: Name of the motion. Recordings of one motion are copies of each other, and a split keeps them together.
        group: What else a split keeps together, such as the rollout that it is a window of; by default the motion.
    """

    name: str
    times: Array
    values: Mapping[str, Array]
    actions: Array
    rate: float
    start: WorldState
    motion: str
    group: str = ""

    def __post_init__(self) -> None:
        for field in ("times", "actions"):
            object.__setattr__(self, field, frozen(getattr(self, field)))
        object.__setattr__(self, "values", MappingProxyType({k: frozen(v) for k, v in self.values.items()}))
        object.__setattr__(self, "group", self.group or self.motion)
        lengths = {"times": len(self.times), "actions": len(self.actions) + 1}
        lengths |= {name: len(array) for name, array in self.values.items()}
        if set(lengths.values()) != {len(self.times)}:
            raise RecordingError(
                f"{self.name!r}: times and values must have t rows and actions t - 1, but got "
                + ", ".join(f"{name}: {length}" for name, length in lengths.items())
            )

    def __reduce__(self) -> tuple[object, ...]:
        values = dict(self.values)
        return type(self), (self.name, self.times, values, self.actions, self.rate, self.start, self.motion, self.group)

    def to_episode(self, rig: Rig) -> Episode:
        """Return the recording as a real episode, its outcomes measured by ``rig`` as those of a simulated path."""
        return Episode(
            start=self.start,
            outcome=rig.measure(self.times, self.values),
            success=True,  # nothing was attempted, so nothing failed
            failure_mode="none",
            steps=len(self.times) - 1,
            total_reward=0.0,
            period=1.0 / self.rate,
            actions=self.actions,
            path=self.values,
            times=self.times,
            label=self.name,
            group=self.group,
        )


@dataclass(frozen=True)
class Rows:
    """Where rows of a table come from, to name a faulty one: the file, and the row there of the first one here."""

    path: Path
    first: int = 0

    def refuse(self, row: int, what: str) -> RecordingError:
        """Return the error for row ``row`` of the table at hand."""
        return RecordingError(f"{self.path}, row {self.first + row}: {what}")


def require_finite(rows: Rows, name: str, values: Array) -> None:
    """Raise RecordingError for the first row of ``values`` (n, …) that has NaN or infinity."""
    bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        raise rows.refuse(row, f"{name} must be finite, but is {values[row].tolist()}.")


def require_unit(rows: Rows, name: str, quaternions: Array) -> None:
    """Raise RecordingError for the first row of ``quaternions`` (n, 4) whose length is not 1."""
    lengths = np.linalg.norm(quaternions, axis=1)
    bad = np.abs(lengths - 1.0) > UNIT_TOLERANCE
    if bad.any():
        row = int(np.argmax(bad))
        raise rows.refuse(row, f"{name} must be a unit quaternion, but its length is {lengths[row]:.6g}.")


def require_increasing(rows: Rows, name: str, times: Array) -> None:
    """Raise RecordingError for the first row of ``times`` (n,) that is not later than the row before."""
    bad = np.diff(times) <= 0.0
    if bad.any():
        row = int(np.argmax(bad)) + 1
        raise rows.refuse(row, f"{name} must increase, but {times[row]:.6g} s follows {times[row - 1]:.6g} s.")
