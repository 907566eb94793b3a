"""144 and more real pushes of a metal triangle on three feet over a board, with the force that pushed it.

From robinzhoucmu/MLab_EXP, ``sensor_log`` (Zhou, Paolini, Bagnell, Mason: "A Convex Polynomial Force-Motion Model for
Planar Sliding: Identification and Application", ICRA 2016, arXiv:1602.06056), Apache-2.0. Any subset of the pushes can
be loaded. ``pushes.csv`` has a row for each: where the triangle stood before and after it; ``force.csv.gz`` the force
on it at 100 Hz, and ``tip.csv.gz`` the place of the probe's tip at 33 Hz.

What is known of the recordings: the poses are of the centre of mass, 50 mm from either leg. They were measured before
and after a push, not during it: as its authors did, what needs one between takes it in proportion to the time of
contact. The force is in the frame of the *tool*, whose x points along the probe's way (its recorded heading and its way
agree to 0.5 degrees, and read as forces in the world they contradict the motion: 92 degrees between load and motion on
average, instead of 15). The board's friction is given as 4.2 N, which is 0.282 of the weight; the pushes themselves say
more, 0.309 on average over 144 of them, and differ by 0.028 (one standard deviation) from each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import RecordingError
from sim2real.recordings.base import Recording, Rows
from sim2real.recordings.delimited import FIRST, read_columns, read_texts
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.planar_push import RATE, displacement, motion_direction, poses
from sim2real_envs.state import WorldState

FILE = "push_cmu_mlab/pushes.csv"
"""Place of the list of pushes in the data folder; the other tables are beside it."""
FORCE_FILE, TIP_FILE = "force.csv.gz", "tip.csv.gz"

PUSHES = ("push", "pre_x", "pre_y", "pre_theta", "post_x", "post_y", "post_theta")
"""Numbers of the list: of the push, m and rad before and after; beside them ``support``, the feet."""
FORCES = ("push", "t", "fx", "fy")
"""Columns of the forces: number, s, N on the object along the probe's way and to its left."""
TIPS = ("push", "t", "tip_x", "tip_y")
"""Columns of the probe's tip: number, s, m in the world."""

_CENTRE = 0.05  # m from either leg: where the feet's coordinates, from the right-angled corner, have the centre of mass
_TOUCHING = 0.5  # of the largest force of a push: from the first to the last sample above it there is contact
_SHORTEST = 2.0  # s: two samples a second at least
_WAY = 0.002  # m: a shorter way of the probe has no clear direction
_STRAIGHT = 0.001  # m: the probe goes straight


def load(path: Path) -> tuple[Recording, ...]:
    """Return all pushes of a list with their forces, in the order of its rows.

    Raises:
        RecordingError: If a table is damaged or breaks the layout: a number that is none, feet that are not six lengths
            in mm, pushes without forces or tips, rows of a push that are not consecutive, time that goes back,
            a probe that does not move, or a push without force; names file and row.
    """
    return tuple(_recording(push, with_forces=True) for push in _read(path))


def load_poses(path: Path) -> tuple[Recording, ...]:
    """Return all pushes as if no force had been measured: as ``load``, with NaN for everything that needs one."""
    return tuple(_recording(push, with_forces=False) for push in _read(path))


@dataclass(frozen=True)
class _Push:
    """What the three tables have of one push."""

    number: int
    feet: Array  # (3, 2) m, from the centre of mass
    pre: Array  # (3,) m, m, rad
    post: Array
    force_times: Array  # (n,) s
    forces: Array  # (n, 2) N, along the probe's way and to its left
    tip_times: Array  # (m,) s
    tips: Array  # (m, 2) m
    contact: slice  # of the forces


def _read(path: Path) -> list[_Push]:
    table, supports = read_columns(path, PUSHES), read_texts(path, "support")
    forces, tips = _Series(path.with_name(FORCE_FILE), FORCES), _Series(path.with_name(TIP_FILE), TIPS)
    rows = Rows(path, FIRST)
    numbers = _whole(rows, table["push"])
    pushes = []
    for row, number in enumerate(numbers):
        if number in numbers[:row]:
            raise rows.refuse(row, f"each push must be listed once, but {number} is listed a second time.")
        (force_rows, force), (tip_rows, tip) = forces.of(number, rows, row), tips.of(number, rows, row)
        tip[:, 1:] = _on_line(tip_rows, number, tip[:, 1:])
        pre, post = (
            np.array([table[f"{when}_{name}"][row] for name in ("x", "y", "theta")]) for when in ("pre", "post")
        )
        post[2] = pre[2] + math.remainder(post[2] - pre[2], math.tau)
        pushes.append(
            _Push(
                number=number,
                feet=_feet(rows, row, supports[row]),
                pre=pre,
                post=post,
                force_times=force[:, 0],
                forces=force[:, 1:],
                tip_times=tip[:, 0],
                tips=tip[:, 1:],
                contact=_contact(force_rows, number, force[:, 1:]),
            )
        )
    return pushes


def _whole(rows: Rows, values: Array) -> list[int]:
    bad = values != np.rint(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise rows.refuse(row, f"'push' must be a whole number, but is {values[row]:g}.")
    return [int(value) for value in values]


class _Series:
    """A table of samples whose first column says which push each is of."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        if not path.is_file():
            raise RecordingError(f"{path} must be there, but is not; bring it again with `sim2real data fetch`.")
        table = read_columns(path, columns)
        self._path = path
        self._values = np.column_stack([table[name] for name in columns[1:]])
        numbers = _whole(Rows(path, FIRST), table[columns[0]])
        firsts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        self._rows: dict[int, slice] = {}
        for first, end in itertools.pairwise(firsts):
            number = numbers[first]
            if number in self._rows:
                raise Rows(path, FIRST + first).refuse(
                    0, f"the rows of one push must be consecutive, but push {number} begins a second time."
                )
            self._rows[number] = slice(first, end)

    def of(self, number: int, listed: Rows, row: int) -> tuple[Rows, Array]:
        """Return the samples of a push (n, columns without the number), the time first."""
        if number not in self._rows:
            raise listed.refuse(row, f"push {number} must have samples in {self._path.name}, but has none.")
        rows = Rows(self._path, FIRST + self._rows[number].start)
        values = self._values[self._rows[number]].copy()
        if values[-1, 0] < _SHORTEST:
            raise rows.refuse(
                len(values) - 1, f"push {number} must last {_SHORTEST:g} s, but ends at {values[-1, 0]:.6g} s."
            )
        back = (
            np.diff(values[:, 0]) < 0.0
        )  # two samples may share a time: it is rounded, and the sensor's clock jitters
        if back.any():
            row = int(np.argmax(back)) + 1
            raise rows.refuse(row, f"t must not go back, but {values[row, 0]:g} s follows {values[row - 1, 0]:g} s.")
        return rows, values


def _feet(rows: Rows, row: int, text: str) -> Array:
    """Return where the feet are (3, 2) [m] from ``x1_x2_x3_y1_y2_y3`` [mm], seen from the right-angled corner."""
    try:
        numbers = [float(part) for part in text.split("_")]
    except ValueError:
        numbers = []
    if len(numbers) != 6 or not np.isfinite(numbers).all():
        raise rows.refuse(
            row,
            f"support must be six lengths in mm, x of three feet and then y, as 10_130_10_10_10_130, but is {text!r}.",
        )
    feet: Array = np.array(numbers).reshape(2, 3).T / 1000.0 - _CENTRE
    return feet


def _on_line(rows: Rows, number: int, tips: Array) -> Array:
    """Return the places of the tip (n, 2) on the straight line that fits them best: it leaves only their rounding.

    They are given to 0.1 mm, which would turn the way of a quarter of a second by up to ten degrees.
    """
    way = float(np.hypot(*(tips[-1] - tips[0])))
    if way < _WAY:
        raise rows.refuse(
            len(tips) - 1, f"the probe must go {_WAY * 1000:g} mm in push {number}, but goes {way * 1000:.3g} mm."
        )
    centre = tips.mean(axis=0)
    along = np.linalg.svd(tips - centre, full_matrices=False)[2][0]
    off = tips - centre - np.outer((tips - centre) @ along, along)
    if (size := np.hypot(off[:, 0], off[:, 1])).max() > _STRAIGHT:
        row = int(np.argmax(size))
        raise rows.refuse(
            row,
            f"the probe must go straight, but in push {number} it is {size[row] * 1000:.3g} mm off its line, more than "
            f"{_STRAIGHT * 1000:g} mm.",
        )
    straight: Array = tips - off
    return straight


def _contact(rows: Rows, number: int, forces: Array) -> slice:
    size = np.hypot(forces[:, 0], forces[:, 1])
    if size.max() <= 0.0:
        raise rows.refuse(0, f"push {number} must have a force, but all are zero.")
    touching = np.flatnonzero(size > _TOUCHING * size.max())
    return slice(int(touching[0]), int(touching[-1]) + 1)


def _recording(push: _Push, *, with_forces: bool) -> Recording:
    last = min(push.tip_times[-1], push.force_times[-1])
    intervals = round(last * RATE)
    times = np.linspace(0.0, last, intervals + 1)
    tips = _at(times, push.tip_times, push.tips)
    forces, loads = np.full((len(times), 2), np.nan), np.full((intervals, 3), np.nan)
    if with_forces:
        place = np.clip(np.searchsorted(times, push.force_times) - 1, 0, intervals - 1)  # interval of each sample
        forces = np.vstack([np.zeros(2), _means(place, push.forces, intervals)])
        loads = _means(place[push.contact], _loads(push), intervals)
    angle = np.full(len(times), np.nan)
    pose = np.full((len(times), 7), np.nan)
    angle[[0, -1]], pose[[0, -1]] = (push.pre[2], push.post[2]), poses(np.stack([push.pre, push.post]), height=0.0)
    values = {"object.pose": pose, "object.angle": angle[:, None], "pusher.force": forces}
    values["object.direction"] = np.tile(motion_direction(displacement(values)), (len(times), 1))
    return Recording(
        name=f"push-{push.number}",
        times=times,
        values=values,
        actions=np.concatenate([tips[1:], loads], axis=1),
        rate=RATE,
        start=WorldState({"object.pose": pose[0], "object.feet": push.feet, "pusher.position": tips[0]}),
        motion=f"push-{push.number}",
    )


def _loads(push: _Push) -> Array:
    """Return the load in the frame of the object, (fx, fy [N], moment about its centre [Nm]), of each in contact.

    The object is taken to go from its first to its last pose in proportion to the time in contact, as its authors did.
    """
    times, forces = push.force_times[push.contact], push.forces[push.contact]
    share = (times - times[0]) / max(times[-1] - times[0], 1e-9)
    pose = push.pre + share[:, None] * (push.post - push.pre)  # (n, 3)
    way = push.tips[-1] - push.tips[0]
    heading = math.atan2(way[1], way[0])
    pressed = _turned(forces, heading - pose[:, 2])
    arm = _turned(_at(times, push.tip_times, push.tips) - pose[:, :2], -pose[:, 2])
    moment = arm[:, 0] * pressed[:, 1] - arm[:, 1] * pressed[:, 0]
    return np.column_stack([pressed, moment])


def _turned(vectors: Array, angle: Array | float) -> Array:
    """Return vectors (n, 2) turned by an angle each [rad]."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * vectors[:, 0] - sin * vectors[:, 1], sin * vectors[:, 0] + cos * vectors[:, 1]], axis=1)


def _at(times: Array, known: Array, values: Array) -> Array:
    return np.stack([np.interp(times, known, column) for column in values.T], axis=1)


def _means(place: NDArray[np.intp], values: Array, count: int) -> Array:
    """Return the mean of the rows (n, d) in each of ``count`` intervals, NaN in one without any."""
    number = np.bincount(place, minlength=count)
    sums = np.stack([np.bincount(place, weights=column, minlength=count) for column in values.T], axis=1)
    means: Array = np.where(number[:, None] > 0, sums / np.maximum(number, 1)[:, None], np.nan)
    return means
