"""What can go wrong between a robot and who commands it, as a schedule that is drawn from a seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from sim2real_envs.errors import OptionError, UnknownNameError

FaultKind = Literal["silence", "nan", "jump", "reorder", "disconnect", "late"]
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

_LONGEST_S = {"silence": 0.6, "nan": 0.4, "jump": 0.3, "reorder": 0.4, "disconnect": 0.0, "late": 0.5}
_LARGEST = {"silence": 0.0, "nan": 0.0, "jump": 2.0, "reorder": 0.0, "disconnect": 0.0, "late": 0.4}


@dataclass(frozen=True)
class Fault:
    """One fault.

    ``silence``: neither reads nor commands are answered, and commands are lost; ``nan``: some measurements are NaN;
    ``jump``: all joints are measured ``size`` [rad] away; ``reorder``: an old measurement is given again;
    ``disconnect``: the connection is gone until somebody connects anew; ``late``: answers come ``size`` [s] later.

    Args:
        kind: One of ``FAULT_KINDS``.
        start_s: When it begins, on the robot's clock since it was connected.
        duration_s: How long it lasts; of no matter to a ``disconnect``.
        size: See above.
    """

    kind: FaultKind
    start_s: float
    duration_s: float = 0.0
    size: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            raise UnknownNameError(str(self.kind), "a fault", FAULT_KINDS)
        for name in ("start_s", "duration_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0.0):
                raise OptionError(f"`{name} >= 0` must hold for a fault, but got {getattr(self, name)!r}.")

    def acts(self, time_s: float) -> bool:
        """Return whether it acts at a time."""
        return self.start_s <= time_s < self.start_s + self.duration_s


def as_faults(faults: Iterable[Fault | Mapping[str, Any]]) -> tuple[Fault, ...]:
    """Return faults that may be given as mappings, as in a file.

    Raises:
        OptionError: If one has a word that a fault has not.
        UnknownNameError: If its kind does not exist.
    """
    made = []
    for fault in faults:
        try:
            made.append(fault if isinstance(fault, Fault) else Fault(**fault))
        except TypeError as error:
            raise OptionError(f"A fault has kind, start_s, duration_s and size, but got {fault!r} ({error}).") from None
    return tuple(made)


def random_faults(rng: np.random.Generator, span_s: float, count: int) -> tuple[Fault, ...]:
    """Draw ``count`` faults of any kind that begin within ``span_s`` [s]."""
    drawn = []
    for _ in range(count):
        kind = FAULT_KINDS[int(rng.integers(len(FAULT_KINDS)))]
        start, duration, size = rng.random(3)
        drawn.append(Fault(kind, start * span_s, duration * _LONGEST_S[kind], (2.0 * size - 1.0) * _LARGEST[kind]))
    return tuple(sorted((_positive(fault) for fault in drawn), key=lambda fault: fault.start_s))


def _positive(fault: Fault) -> Fault:
    return Fault(fault.kind, fault.start_s, fault.duration_s, abs(fault.size)) if fault.kind == "late" else fault
