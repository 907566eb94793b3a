"""A clock around functions that corrects for itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_CALIBRATION_CALLS = 2_000
_CALIBRATION_ROUNDS = 15


class Stopwatch:
    """Times calls by name; the time of a call inside another one counts for the inner one only.

    A clock around a call lengthens it: a part of that falls into the time of the call, the rest into its caller's.
    Both are measured on a function that does nothing, and taken off by the number of calls.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._calls: dict[str, int] = {}
        self._clocked_inside: dict[str, int] = {}
        self._places: list[tuple[Any, str, bool, Any, Any]] = []
        self._frames = [[0.0, 0]]  # of the calls in progress: seconds and number of the calls inside
        self._inside, self._outside = _overhead()

    def add(self, name: str, owner: Any, attribute: str) -> None:
        """Time every call of ``owner.attribute`` under ``name``, whenever the watch is on."""
        original = getattr(owner, attribute)
        self._seconds.setdefault(name, 0.0)
        self._calls.setdefault(name, 0)
        self._clocked_inside.setdefault(name, 0)
        own = attribute in vars(owner)
        self._places.append((owner, attribute, own, original, self._timed(name, original)))

    def __enter__(self) -> None:
        for owner, attribute, _, _, timed in self._places:
            setattr(owner, attribute, timed)

    def __exit__(self, *_: object) -> None:
        for owner, attribute, own, original, _ in reversed(self._places):
            if own:
                setattr(owner, attribute, original)
            else:
                delattr(owner, attribute)

    def _timed(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        frames, seconds, calls, clocked = self._frames, self._seconds, self._calls, self._clocked_inside
        clock = time.perf_counter

        def timed(*args: Any, **kwargs: Any) -> Any:
            frame = [0.0, 0]
            frames.append(frame)
            began = clock()
            try:
                return original(*args, **kwargs)
            finally:
                taken = clock() - began
                frames.pop()
                seconds[name] += taken - frame[0]
                calls[name] += 1
                clocked[name] += frame[1]  # type: ignore[assignment]
                outer = frames[-1]
                outer[0] += taken
                outer[1] += 1

        return timed

    def overhead(self) -> float:
        """Return the seconds that the clock itself has taken so far."""
        return (self._inside + self._outside) * sum(self._calls.values())

    def own_seconds(self) -> dict[str, float]:
        """Return the seconds by name, the clock's own taken off."""
        return {
            name: max(0.0, seconds - self._inside * self._calls[name] - self._outside * self._clocked_inside[name])
            for name, seconds in self._seconds.items()
        }


def _overhead() -> tuple[float, float]:
    """Return what the clock adds to the time of a call and, beyond that, to its caller's [s], the least of a few."""
    watch = Stopwatch.__new__(Stopwatch)
    watch._seconds, watch._calls, watch._clocked_inside = {"": 0.0}, {"": 0}, {"": 0}
    watch._frames = [[0.0, 0]]
    timed, clock = watch._timed("", _nothing), time.perf_counter
    inside, whole, bare = [], [], []
    for _ in range(_CALIBRATION_ROUNDS):
        watch._seconds[""] = 0.0
        began = clock()
        for _ in range(_CALIBRATION_CALLS):
            timed(0, key=0)
        whole.append(clock() - began)
        inside.append(watch._seconds[""])
        began = clock()
        for _ in range(_CALIBRATION_CALLS):
            _nothing(0, key=0)
        bare.append(clock() - began)
    call, each = min(bare), _CALIBRATION_CALLS
    return max(0.0, min(inside) - call) / each, (min(whole) - min(inside)) / each


def _nothing(value: int, *, key: int) -> None:
    """Do nothing."""
