"""A log without a fault, as a person would write it: an arm that follows its commands, and an object on a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim2real.recordings.log import Gains, Log, LogEpisode, Signal

RATE, ROWS, EPISODES, DELAY = 100.0, 80, 3, 4
POSE = ("m", "m", "m", "qx", "qy", "qz", "qw")
HOME = np.array([0.0, 0.15, 0.0, -2.4, 0.0, 2.55, 0.785])

Columns = dict[str, np.ndarray[Any, Any]]
Header = dict[str, Any]


def good_log() -> Log:
    """Return a log of a Panda that follows its commands four samples late."""
    return Log(
        signals={
            "joint.position": Signal("observation", "rad", (7,)),
            "joint.velocity": Signal("observation", "rad/s", (7,)),
            "joint.command": Signal("action", "rad", (7,)),
            "tool.force": Signal("force", "N", (3,), frame="base"),
            "object.pose": Signal("observation", POSE, (7,), frame="base"),
        },
        episodes=tuple(_episode(number) for number in range(EPISODES)),
        rate=RATE,
        origin="robot",
        description="Made up.",
        robot="Panda",
        joints=tuple(f"panda_joint{number}" for number in range(1, 8)),
        gains=Gains(np.full(7, 600.0), np.full(7, 50.0)),
        frames={"base": "origin at the robot's base, z up"},
        source="tests",
        licence="MIT",
        extra={"note": ["anything", 1, None]},
    )


def _episode(number: int) -> LogEpisode:
    rng = np.random.default_rng(number)
    times = number + np.arange(ROWS) / RATE
    command = HOME + 0.02 * np.cumsum(rng.normal(size=(ROWS, 7)), axis=0)
    position = np.concatenate([np.repeat(command[:1], DELAY, axis=0), command[:-DELAY]])
    command[-1] = np.nan  # nothing was sent after the last sample
    yaw = 0.5 + 0.01 * np.cumsum(rng.normal(size=ROWS))
    pose = np.zeros((ROWS, 7))
    pose[:, :3] = np.array([0.5, 0.0, 0.02]) + 0.001 * np.cumsum(rng.normal(size=(ROWS, 3)), axis=0)
    pose[:, 5], pose[:, 6] = np.sin(0.5 * yaw), np.cos(0.5 * yaw)
    values = {
        "joint.position": position,
        "joint.velocity": np.gradient(position, 1.0 / RATE, axis=0),
        "joint.command": command,
        "tool.force": rng.normal(size=(ROWS, 3)),
        "object.pose": pose,
    }
    return LogEpisode(number, times, values, f"try-{number}", number > 0, "" if number else "timeout", {"error": 0.01})


def parts(log: Log, folder: Path) -> tuple[Columns, Header]:
    """Return the columns and the header of a log as it is written, to change something in them."""
    from sim2real.recordings.log.storage import write

    path = write(folder / "parts", log)
    table = pq.ParquetFile(path).read()
    columns = {name: np.array(table.column(name).to_pylist()) for name in table.column_names}
    return columns, json.loads(path.with_suffix(".json").read_text())


def put(folder: Path, columns: Columns, header: Header | None, name: str = "log") -> Path:
    """Write columns and header as they are, whatever is wrong with them, and return the path of the rows."""
    arrays = {key: pa.array(list(column)) for key, column in columns.items()}
    pq.write_table(pa.table(arrays), folder / f"{name}.parquet")
    if header is not None:
        (folder / f"{name}.json").write_text(json.dumps(header))
    return folder / f"{name}.parquet"
