"""From the planar pushes as published, one text log for each set of feet, to three tables in SI units.

A log begins with the number of its pushes. Each push then has the pose of the object before and after it,
``x y z qw qx qy qz`` [mm], the right-angled corner of the triangle; the number of force samples, and as many lines
``t fx fy`` [s, N] as the sensor gave them; the number of robot poses, and as many lines ``t x y z qw qx qy qz`` [mm].

What the tables have is the centre of mass, 50 mm from either leg, and the force *on* the object without what the sensor
said at first, turned from the sensor to the tool, which is mounted at 45 degrees. The folder of a log is named for the
feet. Logs on other boards and with other undersides are left out.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from sim2real.errors import RecordingError
from sim2real.recordings.convert import Progress
from sim2real.recordings.planar_push import FILE, FORCE_FILE, FORCES, TIP_FILE
from sim2real_envs.parameters import Array

LISTED = (
    "push", "surface", "support", "log", "pre_x", "pre_y", "pre_theta", "post_x", "post_y", "post_theta", "dx", "dy",
    "dtheta", "force_peak_N", "force_mean_contact_N", "n_force", "n_tip",
)  # fmt: skip
"""Columns of the list of pushes."""
TIPPED = ("push", "t", "tip_x", "tip_y", "tip_z")
"""Columns of the places of the probe's tip."""

_FEET = re.compile(r"\d+(\.\d+)?(_\d+(\.\d+)?){5}")
_CORNER_TO_CENTRE = (50.0, 50.0, 0.0)  # mm
_SENSOR_TO_TOOL = np.sqrt(0.5) * np.array([[1.0, 1.0], [1.0, -1.0]])
_PLACE, _FORCE, _TIME = 6, 5, 5  # decimals: beyond what was measured
_TOUCHING = 0.5  # of the largest force


@dataclass(frozen=True)
class LoggedPush:
    """One push as it was logged, in m, rad, s and N."""

    pre: Array  # (3,): x, y of the centre of mass, angle
    post: Array
    force_times: Array  # (n,) from the first force sample
    forces: Array  # (n, 2) on the object, in the frame of the tool
    tip_times: Array  # (m,) on the same clock
    tips: Array  # (m, 3)


def convert(published: Path, destination: Path, progress: Progress) -> int:
    """Write the three tables: see ``sim2real.recordings.convert.Converter``; pushes are numbered by folder and log."""
    logs = sorted(
        (path for path in published.glob("*/exp_*.txt") if _FEET.fullmatch(path.parent.name)),
        key=lambda path: (path.parent.name, path.name),
    )
    listed: list[Sequence[object]] = []
    forces: list[Sequence[object]] = []
    tips: list[Sequence[object]] = []
    for done, path in enumerate(logs, start=1):
        for push in read_log(path):
            number = len(listed)
            listed.append((number, "blackboard", path.parent.name, path.name, *listed_numbers(push)))
            forces += force_rows(number, push)
            tips += tip_rows(number, push)
        progress(done, len(logs))
    if listed:
        _write(destination / FORCE_FILE, FORCES, forces)
        _write(destination / TIP_FILE, TIPPED, tips)
        _write(destination / Path(FILE).name, LISTED, listed)
    return len(listed)


def listed_numbers(push: LoggedPush) -> list[float]:
    """Return the numbers of a push in the list, from ``pre_x`` on."""
    pre, post = np.round(push.pre, _PLACE), np.round(push.post, _PLACE)
    moved = push.post - push.pre
    moved[2] = np.arctan2(np.sin(moved[2]), np.cos(moved[2]))
    size = np.hypot(push.forces[:, 0], push.forces[:, 1])
    mean = size[size > _TOUCHING * size.max()].mean()
    numbers = [*pre, *post, *np.round(moved, _PLACE), np.round(size.max(), _PLACE), np.round(mean, _PLACE)]
    return [*map(float, numbers), len(push.forces), len(push.tips)]


def force_rows(number: int, push: LoggedPush) -> list[Sequence[object]]:
    """Return the rows of a push in the table of forces."""
    times, forces = np.round(push.force_times, _TIME), np.round(push.forces, _FORCE)
    return [(number, *row) for row in np.column_stack([times, forces]).tolist()]


def tip_rows(number: int, push: LoggedPush) -> list[Sequence[object]]:
    """Return the rows of a push in the table of tips."""
    return [(number, *row) for row in np.round(np.column_stack([push.tip_times, push.tips]), _PLACE).tolist()]


def read_log(path: Path) -> list[LoggedPush]:
    """Return the pushes of a log.

    Raises:
        RecordingError: If it ends early or goes on behind its last push, or a line is not made of as many finite
            numbers as it should; names file and line.
    """
    lines = _Lines(path)
    pushes = [_push(lines) for _ in range(lines.count("the number of pushes"))]
    lines.require_end()
    return pushes


def _push(lines: _Lines) -> LoggedPush:
    pre, post = _planar(lines.rows(1, 7)[0]), _planar(lines.rows(1, 7)[0])
    sensed = lines.rows(lines.count("the number of force samples"), 3)
    robot = lines.rows(lines.count("the number of robot poses"), 8)
    forces = -sensed[:, 1:] @ _SENSOR_TO_TOOL
    first = sensed[0, 0]
    return LoggedPush(pre, post, sensed[:, 0] - first, forces - forces[0], robot[:, 0] - first, robot[:, 1:4] / 1000.0)


def _planar(pose: Array) -> Array:
    """Return x, y [m] of the centre of mass and the angle [rad] of a corner's pose (7,) ``x y z qw qx qy qz`` [mm]."""
    turned = Rotation.from_quat(pose[[4, 5, 6, 3]])
    centre = (pose[:3] + turned.apply(_CORNER_TO_CENTRE)) / 1000.0
    across = turned.as_matrix()[:, 0]
    return np.array([centre[0], centre[1], np.arctan2(across[1], across[0])])


class _Lines:
    """The lines of a log, read one after the other."""

    def __init__(self, path: Path) -> None:
        try:
            self._lines = path.read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise RecordingError(
                f"{path}: cannot be read as text: {error}. Is it one of the published logs?"
            ) from error
        self._path, self._next = path, 0

    def count(self, what: str) -> int:
        """Return a whole number, at least 1, alone on the next line."""
        (text,) = self._take(1)
        if not (text.strip().isdecimal() and int(text) > 0):
            raise self._refused(self._next - 1, f"{what} must stand here, 1 or more, but there is {text.strip()!r}.")
        return int(text)

    def rows(self, count: int, width: int) -> Array:
        """Return the numbers of the next lines, (count, width)."""
        first = self._next
        rows = []
        for index, text in enumerate(self._take(count), start=first):
            try:
                numbers = [float(part) for part in text.split()]
            except ValueError:
                numbers = []
            if len(numbers) != width or not np.isfinite(numbers).all():
                raise self._refused(index, f"there must be {width} finite numbers, but there is {text.strip()!r}.")
            rows.append(numbers)
        return np.array(rows)

    def require_end(self) -> None:
        """Raise RecordingError if a line is left that is not empty."""
        for index in range(self._next, len(self._lines)):
            if self._lines[index].strip():
                raise self._refused(index, f"the log must end here, but goes on: {self._lines[index].strip()[:60]!r}.")

    def _take(self, count: int) -> Sequence[str]:
        taken = self._lines[self._next : self._next + count]
        if len(taken) < count:
            raise self._refused(
                len(self._lines), f"{count - len(taken)} more lines must follow, but the log ends. Is it cut off?"
            )
        self._next += count
        return taken

    def _refused(self, index: int, what: str) -> RecordingError:
        return RecordingError(f"{self._path}, row {index + 1}: {what}")


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table; the same rows give the same bytes, compressed or not."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *rows])
    data = buffer.getvalue().encode("ascii")
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
