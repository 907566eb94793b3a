"""The published logs of the servo become exactly the known tables, and a fault is named by file and row."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from sim2real import recordings
from sim2real.errors import RecordingError
from sim2real.recordings.convert import servo as convert
from tests.sim2real.recordings.test_fetch import repository

ENTRY = {
    "position": -0.003067961575771161, "speed": 0.0, "load": 65534, "input_volts": 7.3, "temp": 28,
    "timestamp": 0.003500699996948242, "goal_position": 7.864772933845965e-06, "torque_enable": True,
}  # fmt: skip
SETTINGS = {"mass": 0.49, "length": 0.1, "kp": 100, "vin": 7.4, "motor": "xl330", "trajectory": "sin_sin"}


@pytest.fixture
def raw() -> Path:
    folder = Path(os.environ.get("SIM2REAL_DATA", "")) / "servo_bam" / "raw"
    if not folder.is_dir():
        pytest.skip("SIM2REAL_DATA does not name a folder with logs of the servo as published")
    return folder


def write(folder: Path, log: Any, name: str = "2026-01-15_10h28m10.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(log), encoding="utf-8")
    return path


def test_a_log_becomes_a_table_and_its_settings(tmp_path: Path) -> None:
    published, destination = tmp_path / "published", tmp_path / "destination"
    published.mkdir()
    destination.mkdir()
    write(published, {**SETTINGS, "entries": [ENTRY, ENTRY]})
    seen: list[tuple[int, int]] = []
    assert convert.convert(published, destination, lambda *done: seen.append(done)) == 1
    assert seen == [(1, 1)]
    name = "xl330__sin_sin__kp100__m0.49__l0.1__2026-01-15_10h28m10"
    table = gzip.decompress((destination / f"{name}.csv.gz").read_bytes()).decode("ascii").splitlines()
    assert table[0] == "position,speed,load,input_volts,temp,timestamp,goal_position,torque_enable"
    assert table[1:] == ["-0.00306796,0,65534,7.3,28,0.0035007,7.86477e-06,True"] * 2
    assert json.loads((destination / f"{name}.json").read_text(encoding="utf-8")) == SETTINGS


def test_a_clone_of_the_repository_can_be_fetched_and_loaded(tmp_path: Path) -> None:
    entries = [{**ENTRY, "timestamp": 0.0035 + 0.0053 * row} for row in range(190)]
    log = json.dumps({**SETTINGS, "entries": entries}).encode("utf-8")
    clone = repository(tmp_path / "bam", {"bam/data.bak/raw/2026-01-15_10h28m10.json": log, "LICENSE": b"Apache"})
    fetched = recordings.fetch("servo", tmp_path / "data", source=clone)
    assert (fetched.recordings, fetched.pinned) == (1, False)
    (window,) = recordings.load("servo", tmp_path / "data")
    assert window.name == "sin_sin at gain 100, 0.0 s"


def test_the_published_logs_give_the_known_tables(raw: Path) -> None:
    paths = sorted(raw.glob("*.json"))
    assert paths
    for path in paths:
        name, settings, table = convert.convert_file(path)
        known = raw.parent / name
        assert gzip.decompress(known.with_name(f"{name}.csv.gz").read_bytes()).decode("ascii") == table
        assert json.loads(known.with_name(f"{name}.json").read_text(encoding="utf-8")) == settings


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({**ENTRY, "position": None}, "row 1: 'position' must be a number, but is None"),
        ({**ENTRY, "torque_enable": 1}, "row 1: 'torque_enable' must be true or false, but is 1"),
        ({key: ENTRY[key] for key in ENTRY if key != "load"}, "row 1: 'load' must be a number, but is None"),
        ([], "row 1: 'position' must be a number, but is None"),
    ],
)
def test_a_faulty_entry_is_named(tmp_path: Path, entry: object, message: str) -> None:
    path = write(tmp_path, {**SETTINGS, "entries": [ENTRY, entry]})
    with pytest.raises(RecordingError) as caught:
        convert.convert_file(path)
    assert str(caught.value).startswith(f"{path}, {message}")


def test_a_file_that_is_cut_off_or_lacks_something_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, {**SETTINGS, "entries": [ENTRY]})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordingError, match=r"10h28m10\.json: cannot be read as JSON"):
        convert.convert_file(path)
    with pytest.raises(RecordingError, match="'kp' must be there"):
        convert.convert_file(write(tmp_path, {**{k: v for k, v in SETTINGS.items() if k != "kp"}, "entries": [ENTRY]}))
    with pytest.raises(RecordingError, match="'entries' must be a list"):
        convert.convert_file(write(tmp_path, {**SETTINGS, "entries": []}))


def test_an_empty_folder_has_no_recordings(tmp_path: Path) -> None:
    assert convert.convert(tmp_path / "none", tmp_path, lambda done, total: None) == 0
