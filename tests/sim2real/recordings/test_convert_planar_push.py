"""Published logs of planar pushes become exactly the known tables; damaged ones are named by line."""

from __future__ import annotations

import csv
import gzip
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim2real import recordings
from sim2real.errors import DataSourceError, RecordingError
from sim2real.recordings import data_sets
from sim2real.recordings.convert import planar_push as convert
from tests.sim2real.recordings.test_fetch import repository

LOG = "\n".join(
    [
        "1",
        "600 20 10 0.70710678 0 0 0.70710678",
        "610 20 10 0.70710678 0 0 0.70710678",
        "3",
        *("100.0 0.1 0.2", "100.01 -0.9 0.2", "100.02 -0.9 -0.8"),
        "2",
        *("100.0 500 20 30 1 0 0 0", "100.03 510 20 30 1 0 0 0"),
        "",
    ]
)


@pytest.fixture
def known() -> Path:
    folder = Path(os.environ.get("SIM2REAL_DATA", "")) / "push_cmu_mlab"
    if not (folder / "raw" / "exp_08_17_50.txt.gz").is_file():
        pytest.skip("SIM2REAL_DATA does not name a folder with a log of planar pushes as published")
    return folder


def logged(folder: Path, text: str = LOG, support: str = "10_130_10_10_10_130", name: str = "exp_1.txt") -> Path:
    path = folder / support / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def silent(done: int, total: int) -> None:
    pass


def table(path: Path) -> list[list[str]]:
    opened: Callable[[Path], bytes] = (
        (lambda p: gzip.decompress(p.read_bytes())) if path.suffix == ".gz" else Path.read_bytes
    )
    return list(csv.reader(opened(path).decode().splitlines()))


def test_the_published_log_gives_the_known_rows_to_the_last_digit(known: Path, tmp_path: Path) -> None:
    text = gzip.decompress((known / "raw" / "exp_08_17_50.txt.gz").read_bytes()).decode()
    logged(tmp_path / "published", text, name="exp_08_17_50.txt")
    (tmp_path / "out").mkdir()
    assert convert.convert(tmp_path / "published", tmp_path / "out", silent) == 50
    listed = table(known / "pushes.csv")
    numbers = {row[0] for row in listed[1:] if row[3] == "exp_08_17_50.txt"}
    assert len(numbers) == 40
    for name in ("pushes.csv", "force.csv.gz", "tip.csv.gz"):
        mine, expected = table(tmp_path / "out" / name), table(known / name)
        assert mine[0] == expected[0]
        assert [row for row in mine[1:] if row[0] in numbers] == [row for row in expected[1:] if row[0] in numbers]


def test_a_log_is_turned_into_metres_of_the_centre_and_force_on_the_object(tmp_path: Path) -> None:
    (push,) = convert.read_log(logged(tmp_path))
    np.testing.assert_allclose(push.pre, [0.55, 0.07, math.pi / 2], atol=1e-8)  # 50, 50 mm from the corner, turned
    np.testing.assert_allclose(push.post - push.pre, [0.01, 0.0, 0.0], atol=1e-12)
    root = math.sqrt(0.5)
    np.testing.assert_allclose(push.forces, [[0.0, 0.0], [root, root], [2.0 * root, 0.0]], atol=1e-12)
    np.testing.assert_allclose(push.tip_times, [0.0, 0.03], atol=1e-6)
    np.testing.assert_allclose(push.tips, [[0.5, 0.02, 0.03], [0.51, 0.02, 0.03]])


def test_logs_are_numbered_by_feet_and_name_and_other_undersides_left_out(tmp_path: Path) -> None:
    published, out = tmp_path / "published", tmp_path / "out"
    out.mkdir()
    for support in ("30_90_30_30_30_90", "10_130_10_10_10_130", "wood_30_90_30_30_30_90", "patch"):
        logged(published, support=support)
    logged(published, name="exp_0.txt")
    told: list[tuple[int, int]] = []
    assert convert.convert(published, out, lambda *step: told.append(step)) == 3
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [row[:4] for row in table(out / "pushes.csv")[1:]] == [
        ["0", "blackboard", "10_130_10_10_10_130", "exp_0.txt"],
        ["1", "blackboard", "10_130_10_10_10_130", "exp_1.txt"],
        ["2", "blackboard", "30_90_30_30_30_90", "exp_1.txt"],
    ]


def test_two_conversions_give_the_same_bytes(tmp_path: Path) -> None:
    logged(tmp_path / "published")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        convert.convert(tmp_path / "published", tmp_path / name, silent)
    for name in ("pushes.csv", "force.csv.gz", "tip.csv.gz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_nothing_published_gives_nothing(tmp_path: Path) -> None:
    assert convert.convert(tmp_path / "missing", tmp_path, silent) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: 1 more lines must follow, but the log ends. Is it cut off"),
        (
            LOG.replace("1\n", "many\n", 1),
            "row 1: the number of pushes must stand here, 1 or more, but there is 'many'",
        ),
        (LOG.replace("1\n", "2\n", 1), "row 11: 1 more lines must follow"),
        (LOG.replace(" 0.70710678\n", "\n", 1), "row 2: there must be 7 finite numbers, but there is '600 20 10"),
        (LOG.replace("-0.9 0.2", "nan 0.2"), "row 6: there must be 3 finite numbers, but there is '100.01 nan 0.2'"),
        (LOG + "4 5 6\n", "row 11: the log must end here, but goes on: '4 5 6'"),
    ],
)
def test_a_damaged_log_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecordingError, match=rf"exp_1\.txt, {message}"):
        convert.read_log(logged(tmp_path, text))


@pytest.mark.skipif(shutil.which("git") is None, reason="git was not found")
def test_pushes_come_from_a_local_clone_for_both_data_sets(known: Path, tmp_path: Path) -> None:
    inside = data_sets.resolve("planar_push").folder
    log = gzip.decompress((known / "raw" / "exp_08_17_50.txt.gz").read_bytes())
    clone = repository(
        tmp_path / "clone", {f"{inside}/10_130_10_10_10_130/exp_08_17_50.txt": log, "LICENSE": b"Apache"}
    )
    fetched = recordings.fetch("planar-push", tmp_path / "data", source=clone)
    assert (fetched.recordings, fetched.verified) == (50, 0)
    beside = sorted(path.name for path in fetched.path.parent.iterdir())
    assert beside == ["LICENSE", "force.csv.gz", "pushes.csv", "source.json", "tip.csv.gz"]
    assert len(recordings.load("planar_push", tmp_path / "data")) == 50
    assert len(recordings.load("planar_push_forces", tmp_path / "data")) == 50


@pytest.mark.skipif(shutil.which("git") is None, reason="git was not found")
def test_a_clone_without_pushes_is_refused(tmp_path: Path) -> None:
    clone = repository(tmp_path / "clone", {"README": b"nothing here"})
    with pytest.raises(DataSourceError, match=r"must have recordings in .*SensorLogs/, but has 0"):
        recordings.fetch("planar-push", tmp_path / "data", source=clone)
