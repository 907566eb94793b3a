"""LeRobotDataset v3: the layout as published, back to the same log, and no unit ever guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim2real.errors import RecordingError
from sim2real.recordings.lerobot import default_features, layout, read_lerobot, write_lerobot
from sim2real.recordings.log import Log, LogEpisode, Signal
from tests.support.logs import ROWS, good_log

# As published: huggingface/lerobot 0.4.4, datasets/utils.py (constants, create_empty_dataset_info) and
# datasets/lerobot_dataset.py (episode rows, dtypes of the five own features).
INFO_KEYS = [
    "codebase_version", "robot_type", "total_episodes", "total_frames", "total_tasks", "chunks_size",
    "data_files_size_in_mb", "video_files_size_in_mb", "fps", "splits", "data_path", "video_path", "features",
]  # fmt: skip
OWN_DTYPES = {
    "timestamp": "float", "frame_index": "int64", "episode_index": "int64", "index": "int64", "task_index": "int64",
}  # fmt: skip
EPISODE_KEYS = [
    "episode_index", "tasks", "length", "data/chunk_index", "data/file_index", "dataset_from_index", "dataset_to_index",
    "meta/episodes/chunk_index", "meta/episodes/file_index",
]  # fmt: skip
STATISTICS = ["min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"]


def without_last_rows(log: Log) -> Log:
    """Return what LeRobot can hold of ``good_log``: its last rows have no action."""
    episodes = [
        LogEpisode(
            each.number, each.times[:-1], {name: array[:-1] for name, array in each.values.items()},
            each.label, each.success, each.failure_mode, each.outcome,
        )
        for each in log.episodes
    ]  # fmt: skip
    fields = {name: getattr(log, name) for name in log.__dataclass_fields__}
    return Log(**{**fields, "episodes": tuple(episodes)})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return write_lerobot(tmp_path / "arm", good_log(), task="follow", dtype="float64")


# -- What is written ----------------------------------------------------------------------------------------------


def test_the_files_are_where_the_format_puts_them(written: Path) -> None:
    files = sorted(str(path.relative_to(written)) for path in written.rglob("*") if path.is_file())
    assert files == [
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/info.json",
        "meta/sim2real.json",
        "meta/stats.json",
        "meta/tasks.parquet",
    ]


def test_the_description_has_the_published_keys_and_templates(written: Path) -> None:
    info = json.loads((written / "meta/info.json").read_text())
    assert list(info) == INFO_KEYS
    assert info["codebase_version"] == "v3.0"
    assert info["data_path"] == "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    assert (info["video_path"], info["robot_type"], info["fps"]) == (None, "Panda", 100)
    assert (info["chunks_size"], info["data_files_size_in_mb"], info["video_files_size_in_mb"]) == (1000, 100, 200)
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, 3 * (ROWS - 1), 1)
    assert info["splits"] == {"train": "0:3"}
    own = {
        name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
        for name in OWN_DTYPES
    }
    assert {name: info["features"][name] for name in OWN_DTYPES} == own
    assert list(info["features"])[-5:] == list(OWN_DTYPES)


def test_units_stand_in_the_names_of_the_components(written: Path) -> None:
    features = json.loads((written / "meta/info.json").read_text())["features"]
    assert features["observation.state"]["names"][0] == "panda_joint1 [rad]"
    assert features["action"]["names"][6] == "panda_joint7 [rad]"
    assert features["object.pose"]["names"][2:4] == ["object.pose_2 [m]", "object.pose_3 [qx]"]
    assert features["tool.force"] == {
        "dtype": "float64",
        "shape": [3],
        "names": ["tool.force_0 [N]", "tool.force_1 [N]", "tool.force_2 [N]"],
    }


def test_the_rows_have_the_published_types(written: Path) -> None:
    schema = pq.read_schema(written / "data/chunk-000/file-000.parquet")
    assert {name: str(schema.field(name).type) for name in OWN_DTYPES} == OWN_DTYPES
    assert schema.field("action").type == pa.list_(pa.float64(), 7)
    frame = pd.read_parquet(written / "data/chunk-000/file-000.parquet")
    assert frame["index"].tolist() == list(range(3 * (ROWS - 1)))
    assert frame.groupby("episode_index")["frame_index"].max().tolist() == [ROWS - 2] * 3
    np.testing.assert_array_equal(frame["timestamp"], (frame["frame_index"] / 100.0).astype(np.float32))


def test_an_episode_is_a_row_group(written: Path) -> None:
    metadata = pq.read_metadata(written / "data/chunk-000/file-000.parquet")
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [ROWS - 1] * 3


def test_a_task_is_found_by_its_words(written: Path) -> None:
    tasks = pd.read_parquet(written / "meta/tasks.parquet")
    assert tasks.columns.tolist() == ["task_index"]
    assert tasks.loc["follow"].to_dict() == {"task_index": 0}
    assert tasks.iloc[0].name == "follow"


def test_episodes_say_where_they_are_and_have_statistics(written: Path) -> None:
    rows = pd.read_parquet(written / "meta/episodes/chunk-000/file-000.parquet")
    assert [name for name in map(str, rows) if not name.startswith("stats/")] == EPISODE_KEYS
    assert rows["dataset_from_index"].tolist() == [0, ROWS - 1, 2 * (ROWS - 1)]
    assert rows["dataset_to_index"].tolist() == [ROWS - 1, 2 * (ROWS - 1), 3 * (ROWS - 1)]
    assert list(rows["tasks"].iloc[0]) == ["follow"]
    features = json.loads((written / "meta/info.json").read_text())["features"]
    assert {name for name in map(str, rows) if name.startswith("stats/")} == {
        f"stats/{f}/{s}" for f in features for s in STATISTICS
    }
    assert all(len(rows[f"stats/action/{name}"].iloc[1]) == (1 if name == "count" else 7) for name in STATISTICS)


def test_statistics_are_those_of_the_numbers(written: Path) -> None:
    stats = json.loads((written / "meta/stats.json").read_text())
    values = np.concatenate([episode["joint.command"][:-1] for episode in good_log().episodes])
    assert list(stats["action"]) == STATISTICS
    np.testing.assert_allclose(stats["action"]["mean"], values.mean(axis=0))
    np.testing.assert_allclose(stats["action"]["std"], values.std(axis=0))
    np.testing.assert_allclose(stats["action"]["q90"], np.quantile(values, 0.9, axis=0))
    assert stats["action"]["max"] == values.max(axis=0).tolist()
    assert stats["action"]["count"] == [len(values)]


def test_large_data_goes_into_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "DATA_FILE_MB", 0.05)
    folder = write_lerobot(tmp_path / "arm", good_log(), dtype="float64")
    assert len(list((folder / "data/chunk-000").glob("*.parquet"))) == 2
    rows = pd.read_parquet(folder / "meta/episodes/chunk-000/file-000.parquet")
    assert rows["data/file_index"].tolist() == [0, 0, 1]
    assert_same_numbers(read_lerobot(folder), without_last_rows(good_log()))


# -- There and back -----------------------------------------------------------------------------------------------


def assert_same_numbers(found: Log, wanted: Log, rtol: float = 0.0) -> None:
    assert found.signals == wanted.signals
    assert len(found.episodes) == len(wanted.episodes)
    for a, b in zip(found.episodes, wanted.episodes, strict=True):
        np.testing.assert_allclose(a.times, b.times - b.times[0], atol=1e-9)
        for name in wanted.signals:
            np.testing.assert_allclose(a[name], b[name], rtol=rtol, atol=rtol)


def test_a_log_comes_back_with_everything_that_it_said(written: Path) -> None:
    log, wanted = read_lerobot(written), without_last_rows(good_log())
    assert_same_numbers(log, wanted)
    for name in ("rate", "origin", "description", "robot", "joints", "frames", "source", "licence", "extra"):
        assert getattr(log, name) == getattr(wanted, name), name
    assert log.gains is not None
    assert log.gains.stiffness.tolist() == [600.0] * 7
    assert [(e.label, e.success, e.failure_mode, e.outcome) for e in log.episodes] == [
        (e.label, e.success, e.failure_mode, e.outcome) for e in wanted.episodes
    ]


def test_its_usual_single_precision_costs_seven_digits(tmp_path: Path) -> None:
    folder = write_lerobot(tmp_path / "arm", good_log())
    schema = pq.read_schema(folder / "data/chunk-000/file-000.parquet")
    assert schema.field("action").type == pa.list_(pa.float32(), 7)
    assert_same_numbers(read_lerobot(folder), without_last_rows(good_log()), rtol=1e-6)


def test_times_that_are_no_multiples_of_the_period_are_kept(tmp_path: Path) -> None:
    log = good_log()
    moved = [each.times + 0.002 * np.sin(np.arange(ROWS)) for each in log.episodes]
    episodes = [LogEpisode(e.number, t, e.values) for e, t in zip(log.episodes, moved, strict=True)]
    fields = {name: getattr(log, name) for name in log.__dataclass_fields__}
    folder = write_lerobot(tmp_path / "arm", Log(**{**fields, "episodes": tuple(episodes)}))
    for found, times in zip(read_lerobot(folder).episodes, moved, strict=True):
        np.testing.assert_array_equal(found.times, times[:-1])


def test_plain_numbers_and_tables_survive(tmp_path: Path) -> None:
    signals = {"x": Signal("observation", "m"), "finger.force": Signal("force", "N", (2, 3), frame="base")}
    rng = np.random.default_rng(0)
    values = {"x": rng.normal(size=5), "finger.force": rng.normal(size=(5, 2, 3))}
    log = Log(signals, (LogEpisode(4, np.arange(5) / 7.5, values),), 7.5, "robot")
    folder = write_lerobot(tmp_path / "arm", log, dtype="float64")
    assert json.loads((folder / "meta/info.json").read_text())["fps"] == 7.5
    assert_same_numbers(read_lerobot(folder), log)


def test_what_a_policy_saw_and_gave_are_the_state_and_the_action() -> None:
    signals = {
        "joint.position": Signal("observation", "rad", (7,)),
        "joint.command": Signal("action", "rad", (7,)),
        "observation": Signal("observation", "m", (4,)),
        "action": Signal("action", "-", (2,)),
    }
    assert default_features(Log(signals, (), 10.0, "robot")) == {
        "joint.position": "joint.position",
        "joint.command": "joint.command",
        "observation": "observation.state",
        "action": "action",
    }


# -- What others have written -------------------------------------------------------------------------------------

NAMES = ["shoulder_pan.pos", "elbow_flex.pos", "gripper.pos"]


def foreign(folder: Path, **changes: Any) -> Path:
    """Write a data set as LeRobot's own recorder does: degrees and per cent, float32, two files, a video beside."""
    rng, frames = np.random.default_rng(3), 20
    state = {"dtype": "float32", "shape": [3], "names": NAMES}
    picture = {"dtype": "video", "shape": [48, 64, 3], "names": ["height", "width", "channels"]}
    done = {"dtype": "bool", "shape": [1], "names": None}
    features = {"observation.state": state, "action": state, "observation.images.top": picture, "next.done": done}
    info: dict[str, Any] = {
        "codebase_version": "v3.0",
        "robot_type": "so101",
        "total_episodes": 2,
        "total_frames": 2 * frames,
    }
    info |= {"fps": 30, "data_path": layout.DATA, "features": features | layout.OWN_FEATURES} | changes
    (folder / "meta").mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(info))
    (folder / "data/chunk-000").mkdir(parents=True)
    for episode in range(2):
        rows = rng.uniform(-90.0, 90.0, size=(frames, 3)).astype(np.float32)
        columns: dict[str, Any] = {
            "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 3),
            "action": pa.array([list(row) for row in rows + 1.0], pa.list_(pa.float32())),
            "next.done": pa.array(np.arange(frames) == frames - 1),
            "timestamp": pa.array((np.arange(frames) / 30).astype(np.float32)),
            "frame_index": np.arange(frames),
            "episode_index": np.full(frames, episode),
            "index": episode * frames + np.arange(frames),
            "task_index": np.zeros(frames, dtype=np.int64),
        }
        pq.write_table(pa.table(columns), folder / f"data/chunk-000/file-{episode:03d}.parquet")
    return folder


def mapping() -> dict[str, Any]:
    joints = [f"observation.state/{name}" for name in NAMES[:2]]
    asked = [f"action/{index}" for index in range(2)]
    return {
        "origin": "robot",
        "robot": "so101",
        "signals": {
            "joint.position": {"kind": "observation", "unit": "deg", "columns": joints},
            "joint.command": {"kind": "action", "unit": "deg", "columns": asked},
            "gripper": {"kind": "observation", "unit": "%", "columns": ["observation.state/gripper.pos"]},
        },
        "ignore": ["next.done"],
    }


def test_a_data_set_of_others_is_read_by_a_mapping_of_its_components(tmp_path: Path) -> None:
    log = read_lerobot(foreign(tmp_path / "so101"), mapping())
    frame = pd.read_parquet(tmp_path / "so101/data")
    stored = np.stack(list(frame["observation.state"])).astype(np.float64)
    assert (log.rate, log.robot, [len(e.times) for e in log.episodes]) == (30.0, "so101", [20, 20])
    np.testing.assert_allclose(
        np.concatenate([e["joint.position"] for e in log.episodes]), np.radians(stored[:, :2]), rtol=1e-12
    )
    np.testing.assert_allclose(np.concatenate([e["gripper"] for e in log.episodes]), 0.01 * stored[:, 2], rtol=1e-12)
    np.testing.assert_array_equal(log.episodes[1].times, np.arange(20) / 30.0)


def test_a_whole_feature_may_be_one_signal(tmp_path: Path) -> None:
    given = mapping()
    given["signals"]["motors"] = {"kind": "action", "unit": "deg", "shape": [3], "columns": ["action"]}
    del given["signals"]["joint.command"]
    assert read_lerobot(foreign(tmp_path / "so101"), given).episodes[0]["motors"].shape == (20, 3)


def test_no_unit_is_guessed(tmp_path: Path) -> None:
    folder = foreign(tmp_path / "so101")
    with pytest.raises(RecordingError, match="says no units, as LeRobot has none, and they are not guessed"):
        read_lerobot(folder)
    given = mapping()
    del given["signals"]["gripper"]["unit"]
    with pytest.raises(RecordingError, match=r"signals\.gripper\.unit: must be there: a unit"):
        read_lerobot(folder, given)


def test_a_feature_that_is_left_open_is_said_with_its_components(tmp_path: Path) -> None:
    given = mapping()
    del given["signals"]["joint.command"], given["ignore"]
    with pytest.raises(RecordingError) as refused:
        read_lerobot(foreign(tmp_path / "so101"), given)
    assert str(refused.value).splitlines()[1:] == [
        "  - action: ['shoulder_pan.pos', 'elbow_flex.pos', 'gripper.pos']",
        "  - next.done: ['0']",
    ]


def test_an_older_version_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    folder = foreign(tmp_path / "so101", codebase_version="v2.1")
    with pytest.raises(RecordingError, match=r"must be v3\.x, but is v2\.1.*convert_dataset_v21_to_v30"):
        read_lerobot(folder, mapping())


def test_a_data_set_with_a_file_left_out_is_refused(tmp_path: Path) -> None:
    folder = foreign(tmp_path / "so101")
    (folder / "data/chunk-000/file-001.parquet").unlink()
    with pytest.raises(RecordingError, match=r"must have the 40 frames of meta/info\.json, but has 20"):
        read_lerobot(folder, mapping())


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"only logs and LeRobotDatasets are read"):
        read_lerobot(tmp_path, mapping())


# -- What is refused ----------------------------------------------------------------------------------------------


def test_nothing_is_overwritten_and_nothing_is_left_half_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(RecordingError, match="is there already"):
        write_lerobot(tmp_path / "there", good_log())
    log = good_log()
    values = dict(log.episodes[0].values)
    values["joint.command"] = values["joint.command"].copy()
    values["joint.command"][5] = np.nan
    fields = {name: getattr(log, name) for name in log.__dataclass_fields__}
    broken = Log(**{**fields, "episodes": (LogEpisode(0, log.episodes[0].times, values),)})
    with pytest.raises(RecordingError, match="an action in every row but the last"):
        write_lerobot(tmp_path / "new", broken)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize(
    "features", [{"joint.position": "a/b"}, {"joint.position": "index"}, {"no": "x"}, {"tool.force": "action"}]
)
def test_names_that_cannot_be_features_are_refused(features: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Features must be new names"):
        write_lerobot(tmp_path / "arm", good_log(), features=features)
