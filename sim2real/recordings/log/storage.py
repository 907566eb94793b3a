"""The two files of a log: ``NAME.parquet``, one row a sample, and ``NAME.json``, the header.

A file is written beside its place and renamed into it. The old header goes first and the new one comes last, so that
a pair is never of two minds: a writer that is killed leaves the old log, the new one, or rows without a header, which
are refused.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sim2real.errors import RecordingError
from sim2real.recordings.log.findings import Finding, Findings
from sim2real.recordings.log.header import Header, header_to_json, read_header
from sim2real.recordings.log.header_signals import Stored
from sim2real.recordings.log.records import Log, LogEpisode
from sim2real_envs.parameters import Array

ROWS, HEADER = ".parquet", ".json"
_SHARED = ("episode", "time")


@dataclass(frozen=True)
class Loaded:
    """What could be read of two files: everything that is wrong with their form, and the log where there is one.

    ``rate_known`` says whether the header's rate could be used; where not, the log has the one that its times suggest.
    """

    rows: Path
    header: Path
    findings: tuple[Finding, ...]
    log: Log | None = None
    rate_known: bool = True


def pair(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Return the rows and the header of a log that is named by either of them, or without an ending."""
    place = Path(path)
    base = place.with_suffix("") if place.suffix in (ROWS, HEADER) else place
    return base.with_name(base.name + ROWS), base.with_name(base.name + HEADER)


def load(path: str | os.PathLike[str]) -> Loaded:
    """Read what can be read of a log; whatever is wrong is a finding, not an exception."""
    rows, header = pair(path)
    of_header, of_rows = Findings(header.name), Findings(rows.name)
    data: object = None
    if header.is_file():
        data = _read_json(header, of_header)
    else:
        fix = f"Write {header.name} beside {rows.name}: what every column is, its unit, and the rate."
        of_header.error("missing-file", "must be there, but is not.", fix)
    return assemble(data, _read_table(rows, of_rows), of_header, of_rows, rows, header)


def assemble(
    data: object, table: pa.Table | None, of_header: Findings, of_rows: Findings, rows: Path, header: Path
) -> Loaded:
    """Return what a header, as parsed JSON, makes of a table; either may be missing, and then was said to be."""
    head = None if data is None else read_header(data, of_header)
    log = None if head is None or table is None else _log(head, table, of_rows)
    known = head is not None and head.rate is not None
    return Loaded(rows, header, (*of_header.found, *of_rows.found), log, known)


def write(path: str | os.PathLike[str], log: Log) -> Path:
    """Write both files, each whole, and return the path of the rows.

    Raises:
        RecordingError: If they cannot be written.
    """
    rows, header = pair(path)
    text = json.dumps(header_to_json(log), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    try:
        rows.parent.mkdir(parents=True, exist_ok=True)
        header.unlink(missing_ok=True)
        with replacing(rows) as temporary:
            pq.write_table(_table(log), temporary, compression="zstd")
        with replacing(header) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"{rows} cannot be written: {error.strerror or error}. Name another place.") from error
    return rows


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it into place at the end."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_json(path: Path, findings: Findings) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        findings.error("not-json", f"must be JSON, but: {error}.", "Correct it at that place.")
        return None


def _read_table(path: Path, findings: Findings) -> pa.Table | None:
    try:
        return pq.ParquetFile(path).read()
    except FileNotFoundError:
        fix = "Give the name of the log, of its .parquet, or of its .json."
        findings.error("missing-file", "must be there, but is not.", fix)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        reason = (str(error).splitlines() or ["no reason given"])[0]
        findings.error("not-parquet", f"must be a Parquet file, but: {reason}", "Write it again.")
    return None


def _log(head: Header, table: pa.Table, findings: Findings) -> Log | None:
    """Return the log of all signals that can be read, or None where rows cannot be told apart."""
    if head.rows is not None and head.rows != table.num_rows:
        fix = "One of the two files is of another recording: write them together."
        findings.error("rows", f"must have the {head.rows} rows of the header, but has {table.num_rows}.", fix)
    if table.num_rows == 0:
        findings.error("no-rows", "must have at least one row, but has none.", "Record something.")
        return None
    for name in table.column_names:
        if head.named and name not in head.named and name not in _SHARED:
            fix = "Describe it under `signals`, or leave it out."
            findings.warn(
                "unused-column", "is a column that the header does not describe; it is not read.", fix, signal=name
            )
    episodes, times = _episodes(table, findings), _numbers(table, "time", 1, findings)
    values = {name: _values(table, name, stored, findings) for name, stored in head.stored.items()}
    if episodes is None or times is None:
        return None
    seconds = head.time.to_si(times[:, 0])
    read = {name: array for name, array in values.items() if array is not None}
    spans = _spans(episodes, findings)
    found = [
        LogEpisode(
            number,
            seconds[first:end],
            {name: array[first:end] for name, array in read.items()},
            **head.episodes.get(number, {}),
        )
        for number, first, end in spans
    ]
    for number in head.episodes.keys() - {number for number, *_ in spans}:
        fix = "Take it out of `episodes`, or add its rows."
        findings.error("rows", f"must have rows of episode {number}, which the header names, but has none.", fix)
    signals = {name: head.stored[name].signal for name in read}
    return Log(signals, tuple(found), head.rate or _rate_of(found), **head.about)


def _episodes(table: pa.Table, findings: Findings) -> NDArray[np.int64] | None:
    numbers = _numbers(table, "episode", 1, findings)
    if numbers is None:
        return None
    whole = np.isfinite(numbers[:, 0]) & (numbers[:, 0] == np.round(numbers[:, 0]))
    if not whole.all():
        row = int(np.argmin(whole))
        findings.error(
            "column-type", f"must be a whole number, but is {numbers[row, 0]}.", "Number the episodes from 0.",
            signal="episode", row=row,
        )  # fmt: skip
        return None
    return numbers[:, 0].astype(np.int64)


def _spans(episodes: NDArray[np.int64], findings: Findings) -> list[tuple[int, int, int]]:
    """Return (number, first row, row behind the last) of every stretch of one number."""
    firsts = [0, *(np.flatnonzero(np.diff(episodes)) + 1).tolist(), len(episodes)]
    spans = [(int(episodes[first]), first, end) for first, end in itertools.pairwise(firsts)]
    seen: set[int] = set()
    for number, first, _ in spans:
        if number in seen:
            fix = "Sort the rows by episode and time, or give the second stretch a number of its own."
            findings.error(
                "split-episode", f"the rows of an episode must be together, but {number} begins a second time.", fix,
                signal="episode", episode=number, row=first,
            )  # fmt: skip
        seen.add(number)
    return spans


def _values(table: pa.Table, name: str, stored: Stored, findings: Findings) -> Array | None:
    size = stored.signal.size
    if len(stored.columns) == 1:
        raw = _numbers(table, stored.columns[0], size, findings, scalar=not stored.signal.shape, signal=name)
    else:
        parts = [_numbers(table, column, 1, findings, signal=name) for column in stored.columns]
        raw = None if any(part is None for part in parts) else np.concatenate(parts, axis=1)  # type: ignore[arg-type]
    return None if raw is None else stored.to_si(raw)


def _numbers(
    table: pa.Table, column: str, size: int, findings: Findings, *, scalar: bool = True, signal: str = ""
) -> Array | None:
    """Return a column as (rows, size), what is null as NaN; None where it is no column of so many numbers."""
    if column not in table.column_names:
        fix = {
            "episode": "Add it: a whole number, 0 where there is one episode only.",
            "time": "Add it: when each row was measured, from any beginning.",
        }.get(column, 'Add it, or name its columns in the header, as in "columns": ["q1", "q2"].')
        there = ", ".join(table.column_names) or "none"
        findings.error(
            "missing-column", f"must be a column of the file, but there are only: {there}.", fix, signal=column
        )
        return None
    data = table.column(column).combine_chunks()
    kind = data.type
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    numbers = kind.value_type if listed else kind
    if not (pa.types.is_integer(numbers) or pa.types.is_floating(numbers)):
        fix = "Write numbers: a number a row, or a list of numbers."
        findings.error("column-type", f"must hold numbers, but holds {kind}.", fix, signal=signal or column)
        return None
    if not listed and size == 1:
        return np.asarray(data.to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, 1)
    if not listed:
        fix = f"Correct `shape`, or name {size} columns under `columns`."
        findings.error("shape", f"must hold {size} numbers a row, but holds one.", fix, signal=signal or column)
        return None
    return _listed(data, signal or column, size, findings)


def _listed(data: Any, name: str, size: int, findings: Findings) -> Array | None:
    lengths = np.asarray(pc.list_value_length(data).fill_null(-1).to_numpy(zero_copy_only=False))
    wrong = (lengths != size) & (lengths >= 0)
    if wrong.any():
        row = int(np.argmax(wrong))
        findings.error(
            "shape", f"must hold {size} numbers a row, but holds {lengths[row]}.",
            "Correct `shape` in the header, or the row.", signal=name, row=row, value=int(lengths[row]),
        )  # fmt: skip
        return None
    values = np.full((len(lengths), size), np.nan)
    flat = data.flatten().to_numpy(zero_copy_only=False)
    values[lengths >= 0] = np.asarray(flat, dtype=np.float64).reshape(-1, size)
    return values


def _rate_of(episodes: list[LogEpisode]) -> float:
    steps = np.concatenate([np.diff(episode.times) for episode in episodes])
    steps = steps[steps > 0.0]
    return 1.0 / float(np.median(steps)) if steps.size else 1.0


def _table(log: Log) -> pa.Table:
    columns: dict[str, pa.Array] = {
        "episode": pa.array(
            np.repeat([e.number for e in log.episodes], [len(e.times) for e in log.episodes]), pa.int64()
        ),
        "time": pa.array(_joined([episode.times for episode in log.episodes])),
    }
    for name, signal in log.signals.items():
        values = _joined([episode[name].reshape(len(episode.times), -1) for episode in log.episodes]).reshape(-1)
        flat = pa.array(values)
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, signal.size) if signal.shape else flat
    return pa.table(columns)


def _joined(parts: list[Array]) -> Array:
    return np.concatenate(parts) if parts else np.empty(0)
