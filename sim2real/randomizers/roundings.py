"""Which parameters the simulator rounds, such as a delay to whole physics steps, and to what width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim2real.randomizers.base import BoolArray
from sim2real_envs.parameters import Array

Changes = Callable[[Array], Array]
"""Something that depends on points (k, d), (k, m); compared bit for bit."""

TINY = 1e-3  # of the range: a parameter that does nothing within it, but does something beyond, is rounded
FAR = 0.25
PLACES = 4
_GRID = 100


def roundings(respond: Changes, size: int, rng: np.random.Generator) -> tuple[Array, BoolArray]:
    """Return the width of each parameter's rounding in units of its range (d,), 0 for most, and which do nothing (d,).

    Args:
        respond: What depends on points (k, d).
        size: d.
        rng: Draws the places at which parameters are tried.
    """
    places = rng.random((PLACES, size))
    away = np.where(places < 0.5, 1.0, -1.0)
    points = [places]
    for column in range(size):
        for distance in (TINY, FAR):
            moved = places.copy()
            moved[:, column] += distance * away[:, column]
            points.append(moved)
    base, *rows = np.split(respond(np.concatenate(points)), len(points))
    same = np.array([_same(base, row) for row in rows]).reshape(size, 2, PLACES)
    near, far = same[:, 0], same[:, 1]
    rounded = np.flatnonzero((near.sum(axis=1) >= PLACES - 1) & ~far.all(axis=1))
    widths: Array = np.zeros(size)
    idle = np.asarray((near & far).all(axis=1), dtype=np.bool_)
    for column in rounded.tolist():
        place = int(np.argmin(far[column]))  # where it does something
        line = np.tile(places[place], (_GRID + 1, 1))
        line[:, column] += np.linspace(0.0, FAR, _GRID + 1) * away[place, column]
        answer = respond(line)
        changes = np.flatnonzero(~_same(answer[1:], answer[:-1]))
        if len(changes) > 1 and (np.diff(changes) > 1).mean() > 0.5:
            widths[column] = FAR / _GRID * (changes[-1] - changes[0]) / (len(changes) - 1)
        elif len(changes) == 1:
            widths[column] = FAR
    return widths, idle


def centred(respond: Changes, point: Array, widths: Array) -> Array:
    """Return ``point`` (d,) in the middle of what is rounded to the same value."""
    result = point.copy()
    for column in np.flatnonzero(widths):
        line = np.linspace(-widths[column], widths[column], 2 * _GRID // 2 + 1)
        points = np.tile(point, (len(line), 1))
        points[:, column] = np.clip(points[:, column] + line, 0.0, 1.0)
        answer = respond(points)
        middle = len(line) // 2
        alike = _same(answer, answer[middle : middle + 1])
        first = middle - int(np.argmin(np.append(alike[middle::-1], False))) + 1
        last = middle + int(np.argmin(np.append(alike[middle:], False))) - 1
        result[column] = 0.5 * (points[first, column] + points[last, column])
    return result


def _same(one: Array, other: Array) -> BoolArray:
    """Return which rows are equal bit for bit, NaN equal to NaN, (k,)."""
    equal: BoolArray = ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
    return equal
