"""Recorded tosses are read as they are, and a fault is named by file and row."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim2real import recordings
from sim2real.errors import MissingDataError, RecordingError
from sim2real.recordings import cube_toss, data_sets
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.rigs.cube_toss import RATE, CubeTossRig
from tests.support import tosses

ROWS = 40  # of one toss of ``flight_table``


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get(data_sets.FOLDER_VARIABLE)
    if not folder or not (Path(folder) / cube_toss.FILE).is_file():
        pytest.skip("SIM2REAL_DATA does not name a folder with the recorded cube tosses")
    return Path(folder)


def test_a_table_becomes_one_recording_a_toss(tmp_path: Path) -> None:
    table = tosses.flight_table((1, 2, 4))
    tosses.write(tmp_path, table)
    loaded = recordings.load("cube-toss", tmp_path)
    assert [recording.name for recording in loaded] == ["toss-1", "toss-2", "toss-4"]
    second = loaded[1]
    assert second.rate == RATE
    np.testing.assert_array_equal(second.times, table["t"][ROWS : 2 * ROWS])
    np.testing.assert_array_equal(second.values["object.pose"][:, :3], table["pos"][ROWS : 2 * ROWS])
    np.testing.assert_array_equal(second.values["object.pose"][:, 6], table["quat_wxyz"][ROWS : 2 * ROWS, 0])
    np.testing.assert_array_equal(second.values["object.twist"][:, :3], table["vel"][ROWS : 2 * ROWS])
    assert second.actions.shape == (ROWS - 1, 0)


def test_angular_velocity_is_turned_from_the_cubes_frame_to_the_world(tmp_path: Path) -> None:
    tosses.write(tmp_path, tosses.flight_table((2,)))
    (recording,) = recordings.load("cube_toss", tmp_path)
    # The made-up toss turns about an axis that is fixed in the world: [0.5 * 2, 2, -1] rad/s.
    np.testing.assert_allclose(recording.values["object.twist"][:, 3:], np.tile([1.0, 2.0, -1.0], (ROWS, 1)), atol=1e-9)


def test_a_recording_is_an_episode_of_its_rig(tmp_path: Path) -> None:
    tosses.write(tmp_path, tosses.flight_table((1,)))
    (recording,) = recordings.load("cube_toss", tmp_path)
    rig = CubeTossRig()
    episode = recording.to_episode(rig)
    rig.close()
    assert (episode.label, episode.steps, episode.period) == ("toss-1", ROWS - 1, 1.0 / RATE)
    assert episode.domain is None
    assert episode.outcome == rig.measure(recording.times, recording.values)
    assert episode.outcome["fall_acceleration"] == pytest.approx(9.6)


def test_a_recording_survives_the_way_to_a_worker(tmp_path: Path) -> None:
    tosses.write(tmp_path, tosses.flight_table((1,)))
    (recording,) = recordings.load("cube_toss", tmp_path)
    copy = pickle.loads(pickle.dumps(recording))
    assert copy.name == recording.name
    np.testing.assert_array_equal(copy.values["object.pose"], recording.values["object.pose"])
    with pytest.raises(ValueError, match="read-only"):
        recording.times[0] = 1.0


def test_copies_of_one_motion_share_its_name(tmp_path: Path) -> None:
    table = tosses.flight_table((1, 2, 7))
    copy = slice(2 * ROWS, 3 * ROWS)  # toss 7 becomes toss 1 turned about the vertical
    table["pos"][copy] = table["pos"][:ROWS] @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    tosses.write(tmp_path, table)
    assert [each.motion for each in recordings.load("cube_toss", tmp_path)] == ["toss-1", "toss-2", "toss-1"]


def _nan(table: tosses.Table) -> None:
    table["pos"][ROWS + 7, 1] = np.nan


def _long_quaternion(table: tosses.Table) -> None:
    table["quat_wxyz"][ROWS + 7] *= 1.01


def _time_stands(table: tosses.Table) -> None:
    table["t"][ROWS + 7] = table["t"][ROWS + 6]


def _gap(table: tosses.Table) -> None:
    table["t"][ROWS + 7 : 2 * ROWS] += 0.5 / RATE


def _late(table: tosses.Table) -> None:
    table["t"][ROWS : 2 * ROWS] += 1.0


def _twice(table: tosses.Table) -> None:
    table["toss"][2 * ROWS :] = table["toss"][0]


def _column_ends(table: tosses.Table) -> None:
    table["vel"] = table["vel"][: ROWS + 7]


def _short_toss(table: tosses.Table) -> None:
    for name, column in table.items():
        table[name] = np.concatenate([column[:ROWS], column[2 * ROWS - 8 : 2 * ROWS], column[2 * ROWS :]])


@pytest.mark.parametrize(
    ("fault", "row", "message"),
    [
        (_nan, ROWS + 7, "pos must be finite"),
        (_long_quaternion, ROWS + 7, "quat_wxyz must be a unit quaternion, but its length is 1.01"),
        (_time_stands, ROWS + 7, "t must increase"),
        (_gap, ROWS + 7, "samples must be 0.006757 s apart"),
        (_late, ROWS, "the time of toss 2 must start at 0"),
        (_twice, 2 * ROWS, "toss 1 begins a second time"),
        (_column_ends, ROWS + 7, "'vel' ends here"),
        (_short_toss, ROWS + 7, "toss 2 must have 10 rows, but ends after 8"),
    ],
)
def test_a_faulty_row_is_named(tmp_path: Path, fault: Callable[[tosses.Table], None], row: int, message: str) -> None:
    table = tosses.flight_table((1, 2, 4))
    fault(table)
    path = tosses.write(tmp_path, table)
    with pytest.raises(RecordingError) as caught:
        recordings.load("cube_toss", tmp_path)
    assert str(caught.value).startswith(f"{path}, row {row}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, share: float) -> None:
    path = tosses.write(tmp_path, tosses.flight_table())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(RecordingError, match=r"cube_toss\.npz: .* row 0 .*cut off") as caught:
        recordings.load("cube_toss", tmp_path)
    assert "sim2real data fetch" in str(caught.value)


def test_a_flipped_byte_is_found_and_its_column_named(tmp_path: Path) -> None:
    path = tosses.write(tmp_path, tosses.flight_table())
    whole = bytearray(path.read_bytes())
    position = whole.index(b"pos.npy") + 200  # within the compressed column
    whole[position] ^= 0xFF
    path.write_bytes(bytes(whole))
    with pytest.raises(RecordingError, match=r"column 'pos' cannot be read"):
        recordings.load("cube_toss", tmp_path)


def test_columns_of_another_kind_are_refused(tmp_path: Path) -> None:
    table = tosses.flight_table((1,))
    path = tosses.write(tmp_path, {**table, "vel": table["vel"][:, :2]})
    with pytest.raises(RecordingError, match=r"'vel' must hold numbers of shape \(n, 3\)"):
        recordings.load("cube_toss", tmp_path)
    tosses.write(tmp_path, {name: column for name, column in table.items() if name != "angvel"})
    with pytest.raises(RecordingError, match=r"'angvel' must be in the archive, but it has only: toss, t, pos"):
        recordings.load("cube_toss", tmp_path)
    np.savez(path, **{**table, "pos": np.array([object()] * ROWS)}, allow_pickle=True)
    with pytest.raises(RecordingError, match="pos"):  # nothing in a recording is ever unpickled
        recordings.load("cube_toss", tmp_path)


def test_without_data_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"`sim2real data fetch cube-toss`.*SIM2REAL_DATA"):
        recordings.load("cube_toss", tmp_path)


def test_an_unknown_data_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cube_toss'"):
        recordings.load("cube_tos")


def test_the_data_folder_is_the_named_one_then_the_one_here_then_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM2REAL_DATA", str(tmp_path / "named"))
    assert recordings.data_folder() == tmp_path / "named"
    monkeypatch.delenv("SIM2REAL_DATA")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert recordings.data_folder() == tmp_path / "share" / "sim2real"
    (tmp_path / "data").mkdir()
    assert recordings.data_folder() == Path("data")


def test_status_tells_what_is_there(tmp_path: Path) -> None:
    absent = {each.data_set.name: each for each in recordings.status(tmp_path)}["cube_toss"]
    assert not absent.present
    tosses.write(tmp_path, tosses.flight_table((1,)))
    there = {each.data_set.name: each for each in recordings.status(tmp_path)}["cube_toss"]
    assert there.present
    assert there.path == recordings.data_path("cube-toss", tmp_path)


def test_the_real_tosses_have_the_faults_that_are_known_of_them(real_data: Path) -> None:
    loaded = recordings.load("cube_toss", real_data)
    rig = CubeTossRig()
    outcomes = [recording.to_episode(rig).outcome for recording in loaded]
    rig.close()
    median = {name: float(np.median([outcome[name] for outcome in outcomes])) for name in outcomes[0]}
    assert median["fall_acceleration"] == pytest.approx(9.61, abs=0.01)  # 2 % less than gravity
    assert 0.0004 < 0.0524 - median["rest_height"] < 0.0017  # lower than half an edge
    assert len({recording.motion for recording in loaded}) < len(loaded)


def test_the_start_is_known_better_than_one_difference_of_samples(real_data: Path) -> None:
    loaded = recordings.load("cube_toss", real_data)
    spread = np.median([recording.start.spread["object.twist"] for recording in loaded], axis=0)
    assert spread[:3].max() < 0.002  # m/s
    apart = [each.start.values["object.pose"][:3] - each.values["object.pose"][0, :3] for each in loaded]
    assert np.median(np.linalg.norm(apart, axis=1)) < 2e-4  # m
