"""A log as a LeRobotDataset v3."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sim2real.errors import RecordingError
from sim2real.recordings.lerobot import layout
from sim2real.recordings.lerobot.stats import stats_of
from sim2real.recordings.log import Log, LogEpisode, Signal
from sim2real.recordings.log.header import header_to_json

_STATE, _ACTION = "observation.state", "action"
_STATES, _ACTIONS = ("observation", "joint.position"), ("action", "joint.command")
_MEGABYTE = 2**20
_INDEX_BYTES = 36  # the five features of LeRobot's own


def default_features(log: Log) -> dict[str, str]:
    """Return the feature that each signal becomes.

    What a policy saw, or else the joint positions, is ``observation.state``; what it gave, or else the joint commands,
    is ``action``. The others keep their names, which LeRobot's policies do not take for inputs.
    """
    features = {name: name for name in log.signals}
    for feature, candidates in ((_STATE, _STATES), (_ACTION, _ACTIONS)):
        chosen = next((name for name in candidates if name in log.signals), None)
        if chosen is not None:
            features[chosen] = feature
    return features


def write_lerobot(
    folder: str | os.PathLike[str],
    log: Log,
    *,
    task: str = "",
    features: Mapping[str, str] | None = None,
    dtype: str = "float32",
) -> Path:
    """Write a log as a LeRobotDataset v3 of numbers: SI, one task, whole or not at all.

    A frame of LeRobot is an observation and the action that follows it. The last row of an episode, after which
    nothing was sent, has none and is left out where its actions are NaN. Timestamps are multiples of the period, as
    LeRobot wants them; where the log's are not, they are the feature ``time``. Arrays are flattened in C order.
    What the numbers are (units, kinds, frames, outcomes) stands in the names of the components and, completely, in
    ``meta/sim2real.json``.

    Args:
        folder: Where it goes; must not be there yet.
        log: The log.
        task: What the robot was doing, in words; the log's description by default.
        features: Signal to the name of its feature, where it differs from ``default_features``.
        dtype: Of the signals; ``"float32"`` is LeRobot's habit, ``"float64"`` loses nothing.

    Raises:
        RecordingError: If the folder is there, cannot be written, a name cannot be, or an action is missing within an
            episode.
    """
    place = Path(folder)
    if place.exists():
        raise RecordingError(f"{place} is there already: name a new folder.")
    names = default_features(log) | dict(features or {})
    _check_names(log, names)
    words = task or log.description or "recorded"
    temporary = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        _write(temporary, log, names, words, dtype)
        temporary.rename(place)
    except OSError as error:
        raise RecordingError(f"{place} cannot be written: {error.strerror or error}. Name another place.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place


def frames(log: Log) -> int:
    """Return how many rows of a log have an action and become frames of LeRobot.

    Raises:
        RecordingError: If an action is missing within an episode.
    """
    return sum(len(_kept(log, episode)[0]) for episode in log.episodes)


def _check_names(log: Log, names: Mapping[str, str]) -> None:
    unknown = [name for name in names if name not in log.signals]
    taken = [
        name for name in names.values() if name in (*layout.OWN_FEATURES, "time", "task") or "/" in name or not name
    ]
    double = len(set(names.values())) < len(names)
    if unknown or taken or double:
        raise RecordingError(
            f"Features must be new names without '/', each once, for signals of the log ({', '.join(log.signals)}), "
            f"but got {dict(names)}."
        )


def _write(root: Path, log: Log, names: Mapping[str, str], task: str, dtype: str) -> None:
    kept = [_kept(log, episode) for episode in log.episodes]
    regular = all(_is_regular(times, log.rate) for times, _ in kept)
    described = _described(log, names, dtype, regular)
    schema = _schema(described)
    per_file = max(1, layout.DATA_FILE_MB * _MEGABYTE // (_INDEX_BYTES + _row_bytes(described)))
    rows: list[dict[str, Any]] = []
    whole: list[dict[str, NDArray[Any]]] = []
    writer: pq.ParquetWriter | None = None
    number = in_file = first = 0
    try:
        for index, (times, values) in enumerate(kept):
            columns = {names[name]: array.astype(dtype) for name, array in values.items()}
            if not regular:
                columns["time"] = times[:, None]
            columns |= _own(index, len(times), first, log.rate)
            if writer is None or in_file + len(times) > per_file:
                number += writer is not None
                in_file, writer = 0, _next_file(writer, root, number, schema)
            writer.write_table(_table(columns, schema))  # one episode a row group, as LeRobot's own recorder does
            rows.append(_episode_row(index, len(times), first, number, task, columns))
            whole.append(columns)
            in_file, first = in_file + len(times), first + len(times)
    finally:
        if writer is not None:
            writer.close()
    _write_meta(root, log, described, rows, whole, task, first)
    mapping = _mapping(log, names, regular)
    _json(root / layout.MAPPING, mapping)


def _kept(log: Log, episode: LogEpisode) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Return the times and flat signals of the rows that have an action."""
    values = {name: episode[name].reshape(len(episode.times), -1) for name in log.signals}
    actions = [values[name] for name, signal in log.signals.items() if signal.kind == "action"]
    there = np.all([np.isfinite(array).all(axis=1) for array in actions], axis=0) if actions else np.array(True)
    end = len(episode.times) - (1 if actions and not there[-1] else 0)
    if actions and not there[:end].all():
        raise RecordingError(f"Episode {episode.number} must have an action in every row but the last.")
    if end == 0:
        raise RecordingError(f"Episode {episode.number} must have a row with an action, but has none.")
    return episode.times[:end], {name: array[:end] for name, array in values.items()}


def _is_regular(times: NDArray[np.float64], rate: float) -> bool:
    ideal = times[0] + np.arange(len(times)) / rate
    return bool((np.abs(times - ideal) <= layout.TIME_TOLERANCE).all())


def _own(episode: int, length: int, first: int, rate: float) -> dict[str, NDArray[Any]]:
    frames = np.arange(length)
    own: dict[str, NDArray[Any]] = {
        "timestamp": (frames / rate).astype(np.float32),
        "frame_index": frames,
        "episode_index": np.full(length, episode),
        "index": first + frames,
        "task_index": np.zeros(length, dtype=np.int64),
    }
    return {name: own[name][:, None] for name in layout.OWN_FEATURES}


def _described(log: Log, names: Mapping[str, str], dtype: str, regular: bool) -> dict[str, dict[str, Any]]:
    features = {
        names[name]: {
            "dtype": dtype,
            "shape": [signal.size],
            "names": _component_names(name, signal, log.joints),
        }
        for name, signal in log.signals.items()
    }
    if not regular:
        features["time"] = {"dtype": "float64", "shape": [1], "names": ["time [s]"]}
    return {**features, **layout.OWN_FEATURES}


def _component_names(name: str, signal: Signal, joints: tuple[str, ...]) -> list[str]:
    """Return a name with its unit for every component."""
    plain = list(signal.names)
    if not plain and name.startswith("joint.") and len(joints) == signal.size:
        plain = list(joints)
    if not plain:
        plain = [name] if signal.size == 1 else [f"{name}_{index}" for index in range(signal.size)]
    return [f"{each} [{unit}]" for each, unit in zip(plain, signal.units, strict=True)]


def _schema(features: Mapping[str, Mapping[str, Any]]) -> pa.Schema:
    def kind(feature: Mapping[str, Any]) -> pa.DataType:
        number, size = pa.from_numpy_dtype(np.dtype(feature["dtype"])), feature["shape"][0]
        return number if size == 1 else pa.list_(number, size)

    return pa.schema([(name, kind(feature)) for name, feature in features.items()])


def _table(columns: Mapping[str, NDArray[Any]], schema: pa.Schema) -> pa.Table:
    arrays = []
    for field in schema:
        flat = pa.array(np.ascontiguousarray(columns[field.name]).reshape(-1))
        listed = pa.types.is_fixed_size_list(field.type)
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, field.type.list_size) if listed else flat)
    return pa.table(arrays, schema=schema)


def _row_bytes(features: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(int(np.dtype(each["dtype"]).itemsize) * int(each["shape"][0]) for each in features.values())


def _next_file(writer: pq.ParquetWriter | None, root: Path, number: int, schema: pa.Schema) -> pq.ParquetWriter:
    if writer is not None:
        writer.close()
    path = root / layout.DATA.format(**_indices(number))
    path.parent.mkdir(parents=True, exist_ok=True)
    return pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=True)


def _indices(number: int) -> dict[str, int]:
    chunk, file = divmod(number, layout.CHUNK_SIZE)
    return {"chunk_index": chunk, "file_index": file}


def _episode_row(
    index: int, length: int, first: int, file: int, task: str, columns: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"episode_index": index, "tasks": [task], "length": length}
    row |= {f"data/{name}": value for name, value in _indices(file).items()}
    row |= {"dataset_from_index": first, "dataset_to_index": first + length}
    for feature, stats in stats_of(columns).items():
        row |= {f"stats/{feature}/{name}": value for name, value in stats.items()}
    return row | {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}


def _write_meta(
    root: Path,
    log: Log,
    features: Mapping[str, Mapping[str, Any]],
    rows: list[dict[str, Any]],
    whole: list[dict[str, NDArray[Any]]],
    task: str,
    frames: int,
) -> None:
    info = {
        "codebase_version": layout.VERSION,
        "robot_type": log.robot or None,
        "total_episodes": len(rows),
        "total_frames": frames,
        "total_tasks": 1,
        "chunks_size": layout.CHUNK_SIZE,
        "data_files_size_in_mb": layout.DATA_FILE_MB,
        "video_files_size_in_mb": layout.VIDEO_FILE_MB,
        "fps": int(log.rate) if log.rate == int(log.rate) else log.rate,
        "splits": {"train": f"0:{len(rows)}"},
        "data_path": layout.DATA,
        "video_path": None,
        "features": features,
    }
    _json(root / layout.INFO, info)
    _json(root / layout.STATS, stats_of({name: np.concatenate([each[name] for each in whole]) for name in features}))
    pd.DataFrame({"task_index": [0]}, index=pd.Index([task], name="task")).to_parquet(root / layout.TASKS)
    path = root / layout.EPISODES.format(**_indices(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, compression="snappy")


def _mapping(log: Log, names: Mapping[str, str], regular: bool) -> dict[str, Any]:
    """Return what ``read_lerobot`` needs to make the same log again."""
    head = header_to_json(log)
    for key in ("format", "schema", "rate", "time_unit", "rows"):
        del head[key]
    for name, entry in head["signals"].items():
        entry["columns"] = [names[name]]
    for index, facts in enumerate(head["episodes"]):
        facts["episode"] = index
    return head if regular else head | {"time": "time"}


def _json(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=4, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
