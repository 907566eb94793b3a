"""A log in memory: what was measured and what was commanded, SI, arrays read-only, quaternions xyzw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from numpy.typing import ArrayLike

from sim2real.errors import RecordingError
from sim2real.units import UNITS
from sim2real_envs.parameters import Array
from sim2real_envs.state import frozen

Kind: TypeAlias = Literal["observation", "action", "state", "force"]
Origin: TypeAlias = Literal["robot", "pseudo-real", "simulated"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ORIGINS: tuple[Origin, ...] = get_args(Origin)


@dataclass(frozen=True)
class Signal:
    """What one column of a log means.

    Args:
        kind: ``"observation"`` (a sensor said so), ``"action"`` (was sent), ``"force"`` (a sensor of forces or torques
            said so) or ``"state"`` (known otherwise, such as a goal).
        unit: SI unit of all components, or one for each.
        shape: Of one sample; () is a plain number.
        frame: Name of the frame that the numbers are in, such as ``"base"``.
        names: Names of the components, where they have any.
        rate: How often it was sampled [Hz], where that is less often than there are rows: its values are held between.
        description: In words.
    """

    kind: Kind
    unit: str | tuple[str, ...]
    shape: tuple[int, ...] = ()
    frame: str = ""
    names: tuple[str, ...] = ()
    rate: float | None = None
    description: str = ""

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        return math.prod(self.shape)

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each component, in C order."""
        return (self.unit,) * self.size if isinstance(self.unit, str) else self.unit


@dataclass(frozen=True)
class LogEpisode:
    """One stretch of a log without a break.

    Row k holds what the sensors said at ``times[k]`` and what was sent right after, which is in force until
    ``times[k + 1]``. In the last row an action may be NaN: nothing was sent any more.

    Args:
        number: As in the file.
        times: Time of each row [s], (t,).
        values: Signal to (t, ...), SI.
        label: A name.
        success: Whether it counts as a success; None where nobody said.
        failure_mode: One of ``sim2real_envs.tasks.base.FAILURE_MODES``, or empty.
        outcome: Named measurements of how it ended, SI; what could not be measured is left out.
    """

    number: int
    times: Array
    values: Mapping[str, Array]
    label: str = ""
    success: bool | None = None
    failure_mode: str = ""
    outcome: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", frozen(self.times))
        object.__setattr__(self, "values", MappingProxyType({k: frozen(v) for k, v in self.values.items()}))
        object.__setattr__(self, "outcome", MappingProxyType({k: float(v) for k, v in self.outcome.items()}))
        lengths = {name: len(array) for name, array in self.values.items()} | {"times": len(self.times)}
        if self.times.ndim != 1 or set(lengths.values()) != {len(self.times)}:
            raise RecordingError(
                f"Episode {self.number}: times and values must have the same number of rows, but got "
                + ", ".join(f"{name}: {length}" for name, length in lengths.items())
            )

    def __getitem__(self, name: str) -> Array:
        return self.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), _plain(self))


@dataclass(frozen=True)
class Gains:
    """Gains of the robot's own joint controller, (n,): stiffness [Nm/rad] and damping [Nm s/rad]."""

    stiffness: Array
    damping: Array

    def __post_init__(self) -> None:
        for name in ("stiffness", "damping"):
            object.__setattr__(self, name, frozen(_row(getattr(self, name))))
        if self.stiffness.shape != self.damping.shape:
            raise RecordingError(
                f"Gains must be one stiffness and one damping a joint, but got {len(self.stiffness)} and "
                f"{len(self.damping)}."
            )


@dataclass(frozen=True)
class Log:
    """Episodes of one robot, or of whatever was measured, and what the numbers mean.

    Args:
        signals: Every signal, in the order of the file.
        episodes: Each with every signal.
        rate: Nominal rows a second [Hz].
        origin: What was recorded: a ``"robot"`` or other real hardware, a ``"pseudo-real"`` or a ``"simulated"`` one.
        description: In words.
        robot: An arm of ``sim2real_envs.arms.ARMS``, whose limits are then checked, or any other name.
        joints: Names of the joints, in the order of ``joint.*``.
        gains: Of the robot's own joint controller, where they are known.
        frames: What each frame is, in words.
        source: Where it comes from.
        licence: Of the data.
        extra: Anything else, as plain JSON.

    Raises:
        RecordingError: If a unit is not SI, or an episode lacks a signal or has it in another shape.
    """

    signals: Mapping[str, Signal]
    episodes: tuple[LogEpisode, ...]
    rate: float
    origin: Origin
    description: str = ""
    robot: str = ""
    joints: tuple[str, ...] = ()
    gains: Gains | None = None
    frames: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    licence: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("signals", "frames", "extra"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "episodes", tuple(self.episodes))
        if not (math.isfinite(self.rate) and self.rate > 0.0):
            raise RecordingError(f"`rate > 0` must hold, but got rate={self.rate}.")
        for name, signal in self.signals.items():
            units = (signal.unit,) if isinstance(signal.unit, str) else signal.unit
            foreign = [unit for unit in units if unit not in UNITS or UNITS[unit].si != unit]
            if foreign or (not isinstance(signal.unit, str) and len(units) != signal.size):
                raise RecordingError(
                    f"Signal {name!r} must have one SI unit, or {signal.size} of them, but got {signal.unit!r}."
                )
        for episode in self.episodes:
            self._check(episode)

    def _check(self, episode: LogEpisode) -> None:
        if set(episode.values) != set(self.signals):
            raise RecordingError(
                f"Episode {episode.number} must have the signals {', '.join(self.signals)}, "
                f"but has {', '.join(episode.values) or 'none'}."
            )
        for name, signal in self.signals.items():
            if episode[name].shape[1:] != signal.shape:
                raise RecordingError(
                    f"Episode {episode.number}: {name!r} must have shape (t, {', '.join(map(str, signal.shape))}), "
                    f"but got {episode[name].shape}."
                )

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), _plain(self))

    @property
    def rows(self) -> int:
        """Rows of all episodes."""
        return sum(len(episode.times) for episode in self.episodes)


def _row(values: ArrayLike) -> Array:
    array = frozen(values)
    return array.reshape(1) if array.ndim == 0 else array


def _plain(record: Any) -> dict[str, Any]:
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    return {name: dict(value) if isinstance(value, MappingProxyType) else value for name, value in values.items()}


def _rebuild(kind: type[Any], values: dict[str, Any]) -> Any:
    return kind(**values)
