"""A clock around functions that corrects for itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sim2real_envs.parameters import Array

_CALIBRATION_CALLS = 2_000
_CALIBRATION_ROUNDS = 15


class Clocked(NamedTuple):
    """What a watch has seen, by name: (p,) seconds, calls, and calls of others that were timed inside of them."""

    seconds: Array
    calls: Array
    inner_calls: Array

    def plus(self, other: Clocked) -> Clocked:
        """Return both together."""
        return Clocked(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Stopwatch:
    """Times calls by name; the time of a call inside another one counts for the inner one only.

    A clock around a call lengthens it: a part of that falls into the time of the call, the rest into its caller's.
    Who knows how long the same work took without a clock tells ``own_seconds``, which takes the difference off again,
    every call having the same share in it. In which proportion a share falls inside and outside of the call is
    measured on a function that does nothing.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._calls: dict[str, int] = {}
        self._clocked_inside: dict[str, int] = {}
        self._places: list[tuple[Any, str, bool, Any, Any]] = []
        self._frames = [[0.0, 0]]  # of the calls in progress: seconds and number of the calls inside
        self._inside = _share_inside()

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

    def take(self) -> Clocked:
        """Return what was timed since the last call, and forget it."""
        taken = Clocked(
            np.array(list(self._seconds.values())),
            np.array(list(self._calls.values()), dtype=np.float64),
            np.array(list(self._clocked_inside.values()), dtype=np.float64),
        )
        for numbers in (self._seconds, self._calls, self._clocked_inside):
            numbers.update(dict.fromkeys(numbers, 0))
        return taken

    def own_seconds(self, clocked: Clocked, added: float) -> dict[str, float]:
        """Return the seconds by name, less what the clock added to all of them together [s]."""
        each = max(0.0, added) / max(1.0, float(clocked.calls.sum()))
        own = clocked.seconds - each * (self._inside * clocked.calls + (1.0 - self._inside) * clocked.inner_calls)
        return dict(zip(self._seconds, np.maximum(own, 0.0).tolist(), strict=True))


def _share_inside() -> float:
    """Return which share of what the clock adds falls into the time of the call itself: the middle of a few tries."""
    watch = Stopwatch.__new__(Stopwatch)
    watch._seconds, watch._calls, watch._clocked_inside = {"": 0.0}, {"": 0}, {"": 0}
    watch._frames = [[0.0, 0]]
    timed, clock = watch._timed("", _nothing), time.perf_counter
    shares = []
    for _ in range(_CALIBRATION_ROUNDS):
        watch._seconds[""] = 0.0
        began = clock()
        for _ in range(_CALIBRATION_CALLS):
            _nothing(0, key=0)
        bare = clock() - began
        began = clock()
        for _ in range(_CALIBRATION_CALLS):
            timed(0, key=0)
        whole = clock() - began
        shares.append((watch._seconds[""] - bare) / max(whole - bare, 1e-9))
    return min(max(statistics.median(shares), 0.0), 1.0)


def _nothing(value: int, *, key: int) -> None:
    """Do nothing."""
