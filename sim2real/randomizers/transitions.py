"""Stretches of real episodes from one measured state to another, and how far simulated ends are from the real ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Segment
from sim2real.randomizers.base import BoolArray
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

COMPARED = ("joint.position", "joint.velocity", "finger.position", "object.pose", "support.pose")
"""What of a state is compared: all that is measured; a twist is a difference of two measured poses."""
SMALLEST = {"position": 1e-3, "rotation": 1e-2, "joint.position": 1e-3, "joint.velocity": 1e-2, "finger.position": 1e-4}
"""The least that is taken for the motion of a quantity [m], [rad], [rad/s], so that none is divided by nothing."""


@dataclass(frozen=True)
class Transitions:
    """Real transitions (s_t, a_t ... a_{t + length - 1}, s_{t + length}), in an order that depends on them alone.

    Differences are measured in the root mean square of each quantity's own change over all transitions, one for all
    joints, one for an object's position and one for its rotation: c coordinates.

    Args:
        segments: Where they are, (n,).
        ends: Where they end, as measured (n,).
        names: What is compared, in the order of the coordinates.
        scale: What differences are divided by (c,).
    """

    segments: tuple[Segment, ...]
    ends: tuple[WorldState, ...]
    names: tuple[str, ...]
    scale: Array

    @property
    def noise(self) -> Array:
        """Variance that the sensors have at the ends, in units of ``scale``, (n, c)."""
        return np.stack([_spread_of(end, self.names) for end in self.ends]) ** 2 / self.scale**2

    def subset(self, kept: BoolArray) -> Transitions:
        """Return those transitions for which ``kept`` (n,) is true."""
        rows = np.flatnonzero(kept).tolist()
        return replace(self, segments=tuple(self.segments[r] for r in rows), ends=tuple(self.ends[r] for r in rows))

    def differences(self, path: Mapping[str, Array]) -> Array:
        """Return (simulated - real) / scale at the ends (k, n, c) of paths (k, n, 1, t + 1, d); NaN of none at all.

        Of an episode that ended before, the last state counts.
        """
        parts = []
        for name in self.names:
            real = np.stack([end.values[name] for end in self.ends])  # (n, d)
            parts.append(_apart(name, _last(path[name][:, :, 0]), real))
        differences: Array = np.concatenate(parts, axis=-1) / self.scale
        return differences


def choose(episodes: Sequence[Episode], available: Collection[str], length: int, per_episode: int) -> Transitions:
    """Return of each episode the transitions of ``length`` steps that lie end to end and move most.

    Args:
        episodes: With states.
        available: Names that a replay's path has.
        length: Control steps.
        per_episode: How many at most.

    Raises:
        InsufficientEvidence: If an episode has no states, or none is as long as a transition.
    """
    found: list[tuple[Segment, WorldState, WorldState]] = []
    for index, episode in enumerate(episodes):
        states = episode.states
        if states is None:
            raise InsufficientEvidence(
                f"Real episode {index} has no states to start a replay from; use a target that offers Need.STATES."
            )
        for first in range(0, episode.steps - length + 1, length):
            found.append((Segment(index, first, length, drive="actions"), states[first], states[first + length]))
    if not found:
        longest = max((episode.steps for episode in episodes), default=0)
        raise InsufficientEvidence(
            f"A transition has {length} control steps, but the longest of {len(episodes)} real episodes has {longest}."
        )
    names = tuple(n for n in COMPARED if n in available and all(n in end.values for _, _, end in found))
    if not names:
        raise InsufficientEvidence(f"Real states and simulated paths must share one of {', '.join(COMPARED)}.")
    change = np.stack([_change(begin, end, names) for _, begin, end in found])  # (m, c)
    scale = _scale(change, names, found[0][2])
    moved = ((change / scale) ** 2).sum(axis=1)
    chosen: list[int] = []
    for index in range(len(episodes)):
        own = [row for row, (segment, _, _) in enumerate(found) if segment.episode == index]
        chosen += sorted(own, key=lambda row: -moved[row])[:per_episode]
    chosen.sort(key=lambda row: (change[row].tolist(), *(found[row][2].values[name].tolist() for name in names)))
    segments = tuple(found[row][0] for row in chosen)
    return Transitions(segments, tuple(found[row][2] for row in chosen), names, scale)


def _change(begin: WorldState, end: WorldState, names: Sequence[str]) -> Array:
    """Return how far ``end`` is from ``begin`` (c,); what is not known of the beginning was at rest."""
    parts = []
    for name in names:
        after = end.values[name]
        before = begin.values.get(name, np.zeros_like(after))
        parts.append(_apart(name, after[None, None], before[None])[0, 0])
    return np.concatenate(parts)


def _apart(name: str, simulated: Array, real: Array) -> Array:
    """Return differences (k, n, d) of values (k, n, d) and (n, d); of poses position and rotation vector (k, n, 6)."""
    if not name.endswith(".pose"):
        return simulated - real
    known = np.asarray(np.isfinite(simulated).all(axis=-1), dtype=np.bool_)
    flat = np.where(known[..., None], simulated, real)[..., 3:]
    inverse = Rotation.from_quat(np.broadcast_to(real[:, 3:], flat.shape).reshape(-1, 4)).inv()
    turned = (Rotation.from_quat(flat.reshape(-1, 4)) * inverse).as_rotvec().reshape(*flat.shape[:-1], 3)
    return np.concatenate([simulated[..., :3] - real[:, :3], np.where(known[..., None], turned, np.nan)], axis=-1)


def _last(path: Array) -> Array:
    """Return the last finite row of each path (k, n, t, d): (k, n, d); NaN where there is none."""
    known = np.asarray(np.isfinite(path).all(axis=-1), dtype=np.bool_)  # (k, n, t)
    row = path.shape[2] - 1 - np.argmax(known[..., ::-1], axis=-1)
    last: Array = np.take_along_axis(path, row[..., None, None], axis=2)[:, :, 0]
    return last


def _scale(change: Array, names: Sequence[str], end: WorldState) -> Array:
    """Return what each coordinate of changes (m, c) is measured in (c,)."""
    scales: list[Array] = []
    first = 0
    for name in names:
        parts = [("position", 3), ("rotation", 3)] if name.endswith(".pose") else [(name, len(end.values[name]))]
        for quantity, size in parts:
            mean = float(np.sqrt((change[:, first : first + size] ** 2).mean()))
            scales.append(np.full(size, max(mean, SMALLEST[quantity])))
            first += size
    return np.concatenate(scales)


def _spread_of(end: WorldState, names: Sequence[str]) -> Array:
    """Return one standard deviation of each coordinate of a measured state (c,); 0 of what is exact."""
    parts = []
    for name in names:
        size = 6 if name.endswith(".pose") else len(end.values[name])
        parts.append(end.spread.get(name, np.zeros(size)))
    return np.concatenate(parts)
