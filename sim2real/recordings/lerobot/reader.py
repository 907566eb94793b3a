"""A LeRobotDataset v3 as a log, given what its numbers are: LeRobot itself has no units."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim2real.errors import RecordingError
from sim2real.recordings.lerobot import layout
from sim2real.recordings.log import Log
from sim2real.recordings.log.content import content_errors
from sim2real.recordings.log.findings import Findings, errors_of
from sim2real.recordings.log.header import FORMAT, SCHEMA
from sim2real.recordings.log.storage import assemble

_OF_MAPPING = ("ignore", "time")


def read_lerobot(folder: str | os.PathLike[str], mapping: Mapping[str, Any] | None = None) -> Log:
    """Return the numbers of a LeRobotDataset v3 as a log in SI.

    Args:
        folder: The data set: the folder that has ``meta`` and ``data``.
        mapping: The part of a log's header that LeRobot does not have: ``origin``, ``signals`` and, if known,
            ``robot``, ``joints``, ``gains``, ``frames``, ``source``, ``licence``. The ``columns`` of a signal are a
            feature, or components of one by name or number: ``["observation.state/shoulder_pan.pos"]``,
            ``["observation.state/0"]``. ``ignore`` lists features that are not wanted; a feature that is in neither is
            an error. ``time`` names a feature with better times than LeRobot's [s]. None where the data set was
            written by ``write_lerobot``, which says all this.

    Raises:
        RecordingError: If the data set is of another version or damaged, or the mapping leaves something open.
    """
    root = Path(folder)
    info = _info(root)
    given = _own_mapping(root) if mapping is None else dict(mapping)
    table = _rows(root, info)
    _require_all_mapped(root, info, given)
    head = {name: value for name, value in given.items() if name not in _OF_MAPPING}
    head |= {"format": FORMAT, "schema": SCHEMA, "rate": info["fps"], "time_unit": "s"}
    of_header, of_rows = Findings("the mapping"), Findings(str(root))
    wide = _with_components(table, info, given.get("time"), float(info["fps"]))
    loaded = assemble(head, wide, of_header, of_rows, root, root / layout.MAPPING)
    if loaded.log is not None:
        content_errors(loaded.log, of_rows)
    errors = errors_of((*of_header.found, *of_rows.found))
    if errors or loaded.log is None:
        raise RecordingError(f"{root}: {len(errors)} errors\n" + "\n".join(f"  - {error}" for error in errors))
    return loaded.log


def _info(root: Path) -> dict[str, Any]:
    path = root / layout.INFO
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        version = str(info["codebase_version"])
        info["fps"], info["features"] = float(info["fps"]), dict(info["features"])
    except FileNotFoundError:
        raise RecordingError(f"{path} must be there, but is not: only logs and LeRobotDatasets are read.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{path} is not the description of a LeRobotDataset: {error!r}.") from None
    if not version.startswith("v3."):
        raise RecordingError(
            f"{path}: codebase_version must be v3.x, but is {version}. Convert it with LeRobot's own "
            "`python -m lerobot.datasets.v30.convert_dataset_v21_to_v30`."
        )
    return dict(info)


def _own_mapping(root: Path) -> dict[str, Any]:
    path = root / layout.MAPPING
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RecordingError(
            f"{root} says no units, as LeRobot has none, and they are not guessed: give a mapping of its features to "
            "signals with their units."
        ) from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path} cannot be read: {error}.") from None


def _rows(root: Path, info: Mapping[str, Any]) -> pa.Table:
    paths = sorted(root.glob("data/*/*.parquet"))
    wanted = [*layout.OWN_FEATURES, *_numeric(info)]
    try:
        tables = [pq.ParquetFile(path).read(columns=list(dict.fromkeys(wanted))) for path in paths]
        table = pa.concat_tables(tables)
        order = table.column("index").to_numpy()
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are ValueErrors
        raise RecordingError(f"{root}/data cannot be read: {error}.") from None
    if not np.array_equal(order, np.arange(len(order))):
        table = table.take(np.argsort(order, kind="stable"))
    if table.num_rows != info.get("total_frames"):
        raise RecordingError(
            f"{root}/data must have the {info.get('total_frames')} frames of {layout.INFO}, but has {table.num_rows}: "
            "is it still being written, or was a file left out?"
        )
    return table


def _numeric(info: Mapping[str, Any]) -> list[str]:
    """Return the features that hold numbers and are not LeRobot's own."""
    features = info["features"].items()
    return [n for n, each in features if n not in layout.OWN_FEATURES and each.get("dtype") not in layout.PICTURES]


def _require_all_mapped(root: Path, info: Mapping[str, Any], mapping: Mapping[str, Any]) -> None:
    signals = mapping.get("signals")
    entries = signals.values() if isinstance(signals, Mapping) else ()
    columns = [str(column) for entry in entries if isinstance(entry, Mapping) for column in entry.get("columns", ())]
    used = {column.partition("/")[0] for column in columns} | set(mapping.get("ignore", ())) | {mapping.get("time")}
    left = [name for name in _numeric(info) if name not in used]
    if left:
        lines = "\n".join(f"  - {name}: {_components(info, name)}" for name in left)
        raise RecordingError(
            f"{root}: the mapping must give every feature to a signal, with its unit, or list it under `ignore`, but "
            f"leaves open:\n{lines}"
        )


def _components(info: Mapping[str, Any], feature: str) -> list[str]:
    """Return the names of a feature's components, their numbers where they have none."""
    names = info["features"][feature].get("names")
    if isinstance(names, Mapping):  # {"motors": [...]}, from older data sets
        names = next(iter(names.values()), None)
    size = int(np.prod(info["features"][feature]["shape"]))
    return (
        [str(name) for name in names] if isinstance(names, list) and len(names) == size else list(map(str, range(size)))
    )


def _with_components(table: pa.Table, info: Mapping[str, Any], time: str | None, rate: float) -> pa.Table:
    """Return the rows as those of a log, each component as a column of its own beside the features."""
    columns: dict[str, pa.Array] = {"episode": table.column("episode_index").combine_chunks()}
    columns["time"] = table.column(time) if time else pa.array(_times(table, rate))
    for feature in _numeric(info):
        data = table.column(feature).combine_chunks()
        columns[feature] = data
        if not (pa.types.is_list(data.type) or pa.types.is_fixed_size_list(data.type)):
            continue
        size = int(np.prod(info["features"][feature]["shape"]))
        flat = data.flatten().to_numpy(zero_copy_only=False)
        if flat.size != size * len(data):
            raise RecordingError(f"{feature!r} must have {size} numbers a row, but has {flat.size / len(data):g}.")
        for index, name in enumerate(_components(info, feature)):
            values = pa.array(flat.reshape(-1, size)[:, index])
            columns[f"{feature}/{index}"] = columns[f"{feature}/{name}"] = values
    return pa.table(columns)


def _times(table: pa.Table, rate: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return timestamps [s], exact multiples of the period where they are meant to be."""
    stamps = table.column("timestamp").to_numpy().astype(np.float64)
    exact: np.ndarray[Any, np.dtype[np.float64]] = table.column("frame_index").to_numpy() / rate
    return exact if (np.abs(stamps - exact) <= layout.TIME_TOLERANCE).all() else stamps
