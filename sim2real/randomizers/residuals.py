"""How simulated paths differ from recorded ones, as one vector a domain: what least squares makes small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import InsufficientEvidence
from sim2real.randomizers.base import BoolArray
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.parameters import Array

OBSERVATIONS = "observations"
SMALL_COLUMN = 1e-3  # a column that moves less than this share of its signal's largest one counts for nothing more
SMALL_RESIDUAL = 1e-3  # a column fitted better than this share of its own motion gets no more weight
CAP = 50.0  # no residual counts for more than this many spreads of its column
_INNER_90 = 3.2897  # width of the central 90 % of a normal in standard deviations


@dataclass(frozen=True)
class Comparison:
    """Recorded signals side by side, and what a difference in each of their columns is measured in.

    Args:
        signals: Name of each signal and its columns, such as ``("object.pose", slice(0, 7))``.
        real: What was recorded (s, t, c), NaN where nothing is to be compared.
        spread: Spread of each column's motion (c,); infinite for a column that does not move.
        scale: What residuals are divided by (c,).
    """

    signals: tuple[tuple[str, slice], ...]
    real: Array
    spread: Array
    scale: Array

    @property
    def counted(self) -> BoolArray:
        """Where there is something to compare (s, t, c)."""
        counted: BoolArray = np.isfinite(self.real) & np.isfinite(self.scale)
        return counted

    def residuals(self, path: Mapping[str, Array]) -> Array:
        """Return (simulated - recorded) / scale of paths (k, s, 1, t', d), flat (k, s t c); 0 where nothing counts.

        Where a simulated episode ended before the recorded one its last values are held. NaN that is left, as where a
        world diverged at once, counts as ``CAP`` spreads.
        """
        episodes, length, columns = self.real.shape
        first = path[self.signals[0][0]]
        difference = np.zeros((len(first), episodes, length, columns))
        for name, where in self.signals:
            simulated = _held(_resized(path[name][:, :, 0], length))
            difference[..., where] = _turned(name, simulated, self.real[..., where]) - self.real[..., where]
        spreads = difference / self.spread
        bounded = np.where(np.isfinite(spreads), np.clip(spreads, -CAP, CAP), CAP)
        scaled = np.where(self.counted, bounded * _ratio(self.spread, self.scale), 0.0)
        flat: Array = scaled.reshape(len(first), -1)
        return flat

    def held(self, length: int) -> Comparison:
        """Return this comparison with each recording's last values held up to ``length`` samples."""
        return replace(self, real=_held(_resized(self.real[None], length))[0])

    def weighted(self, residual: Array) -> Comparison:
        """Return this comparison with each column measured in the root mean square that ``residual`` (m,) has there.

        Of independent normal errors of unknown size in each column this is the maximum-likelihood weight.
        """
        cube, counted = residual.reshape(self.real.shape), self.counted
        count = np.maximum(counted.sum(axis=(0, 1)), 1)
        size = np.sqrt((cube**2).sum(axis=(0, 1)) / count) * np.where(np.isfinite(self.scale), self.scale, 0.0)
        return replace(self, scale=np.maximum(size, SMALL_RESIDUAL * self.spread))

    def rms(self, residual: Array) -> dict[str, float]:
        """Return each signal's root mean square difference in units of its columns' spread."""
        cube, counted = residual.reshape(self.real.shape), self.counted
        spreads, found = cube * _ratio(self.scale, self.spread), {}
        for name, where in self.signals:
            total = (spreads[..., where] ** 2).sum()
            found[name] = float(np.sqrt(total / max(counted[..., where].sum(), 1)))
        return found

    def autocorrelation(self, residual: Array) -> float:
        """Return the correlation of a residual with the next sample's in the same column and recording."""
        cube, counted = residual.reshape(self.real.shape), self.counted
        both = counted[:, 1:] & counted[:, :-1]
        early, late = (np.where(both, part, 0.0) for part in (cube[:, :-1], cube[:, 1:]))
        power = float(np.sqrt((early**2).sum() * (late**2).sum()))
        return float((early * late).sum()) / power if power > 0.0 else 0.0


def compare(real: Sequence[Episode], available: Sequence[str], wanted: Sequence[str] | None = None) -> Comparison:
    """Return what is compared of real episodes, residuals measured in the spread of each column's own motion.

    Args:
        real: Recordings with a ``path``, or episodes with ``observations``.
        available: Signals of simulated paths.
        wanted: Names of those to compare; None for all that the recordings have.

    Raises:
        UnknownNameError: If one of ``wanted`` is not recorded and simulated.
        InsufficientEvidence: If there is nothing in common, or nothing moves.
    """
    recorded = [_signals_of(episode) for episode in real]
    common = [name for name in available if all(name in signals for signals in recorded)]
    for name in wanted or ():
        if name not in common:
            raise UnknownNameError(name, "a signal that is both recorded and simulated", common)
    names = [name for name in common if wanted is None or name in wanted]
    if not names:
        raise InsufficientEvidence(
            f"Recorded and simulated paths must share a signal, but simulated are {', '.join(available) or 'none'} and "
            f"recorded {', '.join(recorded[0]) if recorded else 'none'}."
        )
    length = max(len(signals[names[0]]) for signals in recorded)
    parts, spreads, signals, first = [], [], [], 0
    for name in names:
        stacked = _stacked([_smooth_turns(name, signals[name]) for signals in recorded], length)
        stacked[:, 0] = np.nan  # the start is given, not predicted
        parts.append(stacked)
        spreads.append(_spread(stacked))
        signals.append((name, slice(first, first + stacked.shape[2])))
        first += stacked.shape[2]
    spread = np.concatenate(spreads)
    if not np.isfinite(spread).any():
        raise InsufficientEvidence(f"Nothing moves in the {len(real)} recordings of {', '.join(names)}.")
    return Comparison(tuple(signals), np.concatenate(parts, axis=2), spread, spread)


def _signals_of(episode: Episode) -> dict[str, Array]:
    if episode.path:
        return dict(episode.path)
    return {} if episode.observations is None else {OBSERVATIONS: episode.observations}


def _stacked(rows: Sequence[Array], length: int) -> Array:
    stacked = np.full((len(rows), length, rows[0].reshape(len(rows[0]), -1).shape[1]), np.nan)
    for index, row in enumerate(rows):
        stacked[index, : len(row)] = row.reshape(len(row), -1)
    return stacked


def _spread(values: Array) -> Array:
    """Return the spread of each column of (s, t, c) about each episode's mean (c,); infinite where nothing moves."""
    counted = np.isfinite(values)
    count = np.maximum(counted.sum(axis=1, keepdims=True), 1)
    mean = np.where(counted, values, 0.0).sum(axis=1, keepdims=True) / count
    moved = np.where(counted, values - mean, np.nan).reshape(-1, values.shape[2])
    spread = np.zeros(values.shape[2])
    for column, offsets in enumerate(moved.T):
        known = offsets[np.isfinite(offsets)]
        if len(known):
            inner = float(np.subtract(*np.quantile(known, [0.95, 0.05]))) / _INNER_90
            spread[column] = inner if inner > 0.0 else float(known.std())
    floored = np.maximum(spread, SMALL_COLUMN * spread.max(initial=0.0))
    result: Array = np.where(spread > 1e-12, floored, np.inf)
    return result


def _ratio(one: Array, other: Array) -> Array:
    """Return one / other (c,); 0 for a column that does not move."""
    ratio = np.zeros(len(one))
    np.divide(one, other, out=ratio, where=np.isfinite(one) & np.isfinite(other))
    return ratio


def _resized(values: Array, length: int) -> Array:
    """Return (k, s, t', d) with ``length`` rows, NaN behind the end."""
    sized = np.full((*values.shape[:2], length, values.shape[3]), np.nan)
    sized[:, :, : values.shape[2]] = values[:, :, :length]
    return sized


def _held(values: Array) -> Array:
    """Return (k, s, t, d) with each NaN replaced by the last finite value before it."""
    known = np.isfinite(values)
    rows = np.where(known, np.arange(values.shape[2])[None, None, :, None], 0)
    held: Array = np.take_along_axis(values, np.maximum.accumulate(rows, axis=2), axis=2)
    return held


def _is_pose(name: str, columns: int) -> bool:
    return name.endswith(".pose") and columns == 7


def _smooth_turns(name: str, values: Array) -> Array:
    """Return a pose whose quaternion never changes its sign from one sample to the next: q and -q are one rotation."""
    if not _is_pose(name, values.reshape(len(values), -1).shape[1]):
        return values
    smooth = values.copy()
    flips = np.sign((values[1:, 3:] * values[:-1, 3:]).sum(axis=1))
    smooth[1:, 3:] *= np.cumprod(np.where(flips < 0.0, -1.0, 1.0))[:, None]
    return smooth


def _turned(name: str, simulated: Array, real: Array) -> Array:
    """Return simulated poses (k, s, t, 7) with the sign of the quaternion that is nearer to the recorded one."""
    if not _is_pose(name, real.shape[-1]):
        return simulated
    turned = simulated.copy()
    along = (simulated[..., 3:] * real[..., 3:]).sum(axis=-1)
    turned[..., 3:] *= np.where(along < 0.0, -1.0, 1.0)[..., None]
    return turned
