"""The checker of logs: each fault gives exactly its finding, in words that are held fast, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2real.errors import RecordingError
from sim2real.recordings.log import Finding, check_log, read_log, write_log
from tests.support.log_faults import FAULTS
from tests.support.logs import good_log, parts, put

SNAPSHOT = Path(__file__).with_name("log_findings.txt")


def snapshot() -> dict[str, str]:
    """Return the finding that each fault must give."""
    blocks = SNAPSHOT.read_text(encoding="utf-8").split("\n\n")
    return {block.splitlines()[0].removeprefix("# "): block.splitlines()[1] for block in blocks if block.strip()}


def findings_of(name: str, folder: Path) -> tuple[Finding, ...]:
    columns, header = parts(good_log(), folder)
    FAULTS[name](columns, header)
    return check_log(put(folder, columns, header))


def test_a_log_without_a_fault_has_no_findings(tmp_path: Path) -> None:
    assert check_log(write_log(tmp_path / "log", good_log())) == ()


def test_every_fault_has_its_finding_written_down() -> None:
    assert list(snapshot()) == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_gives_exactly_its_finding(name: str, tmp_path: Path) -> None:
    assert [str(finding) for finding in findings_of(name, tmp_path)] == [snapshot()[name]]


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_called_an_error_is_refused_and_a_warning_is_read(name: str, tmp_path: Path) -> None:
    (finding,) = findings_of(name, tmp_path)
    if finding.level == "warning":
        read_log(tmp_path / "log")
        return
    with pytest.raises(RecordingError) as refused:
        read_log(tmp_path / "log")
    assert finding.message in str(refused.value)


def test_many_faults_are_all_said_errors_first(tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    together = (
        "no_frame",
        "nan_in_a_sensor",
        "millimetres",
        "misspelt_key",
        "unknown_unit",
        "lost_samples",
        "no_origin",
    )
    for name in together:
        if name != "nan_in_a_sensor":
            FAULTS[name](columns, header)
    columns["joint.position"][100, 4] = np.nan
    found = check_log(put(tmp_path, columns, header))
    assert [finding.rule for finding in found if finding.level == "error"] == [
        "unknown-key",
        "value",
        "unknown-unit",
        "not-finite",
    ]
    assert {finding.rule for finding in found if finding.level == "warning"} == {
        "no-frame",
        "millimetres",
        "dropped-samples",
    }
    assert [finding.level for finding in found] == sorted(finding.level for finding in found)


def test_a_finding_says_its_place_to_a_program(tmp_path: Path) -> None:
    (finding,) = findings_of("nan_in_a_sensor", tmp_path)
    said = json.loads(json.dumps(finding.to_json(), allow_nan=False))
    assert (said["file"], said["signal"], said["episode"], said["row"], said["value"]) == (
        "log.parquet",
        "joint.velocity[4]",
        1,
        100,
        "nan",
    )
    assert said["rule"] == "not-finite"


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (None, "missing-file", "log.json: must be there, but is not. Write log.json beside log.parquet"),
        ("{", "not-json", "log.json: must be JSON, but: Expecting property name"),
        ("[1]", "value", "log.json: must be an object with the keys format, schema"),
        ('{"format": "sim2real log", "schema": "1"}', "value", "schema: must be a number, but is '1'."),
    ],
)
def test_a_header_that_is_none_is_said(content: str | None, rule: str, words: str, tmp_path: Path) -> None:
    path = write_log(tmp_path / "log", good_log())
    path.with_suffix(".json").unlink()
    if content is not None:
        path.with_suffix(".json").write_text(content)
    found = check_log(path)
    assert any(finding.rule == rule and words in str(finding) for finding in found), found


def test_rows_that_are_no_parquet_are_said(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log", good_log())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (finding,) = check_log(path)
    assert (finding.rule, finding.file) == ("not-parquet", "log.parquet")
    path.unlink()
    (finding,) = check_log(path)
    assert (finding.rule, finding.file) == ("missing-file", "log.parquet")


def test_a_log_without_rows_is_said(tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    header["rows"] = 0
    header["episodes"] = []
    path = put(tmp_path, columns, header)
    import pyarrow.parquet as pq

    pq.write_table(pq.ParquetFile(path).read().slice(0, 0), path)
    (finding,) = check_log(path)
    assert str(finding) == "error: log.parquet: must have at least one row, but has none. Record something."


def test_a_number_of_turns_is_no_error(tmp_path: Path) -> None:
    """A wheel turns on and on: a warning, and the log can be read."""
    columns, header = parts(good_log(), tmp_path)
    header["robot"] = "wheel"
    columns["joint.position"][:, 0] += np.arange(len(columns["time"]))
    path = put(tmp_path, columns, header)
    assert [finding.rule for finding in check_log(path)] == ["degrees"]
    read_log(path)


# -- Nothing that is in the files raises ------------------------------------------------------------------------------

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**6)
    | st.floats()
    | st.sampled_from(["", "rad", "m", "qx", "robot", "é/["]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["unit", "kind", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
COLUMN = st.one_of(
    st.lists(st.floats() | st.none(), min_size=240, max_size=240),
    st.lists(st.lists(st.floats(), max_size=3) | st.none(), min_size=240, max_size=240),
    st.just([[1.0] * 7] * 239 + [None]),
    st.just(["text"] * 240),
    st.just([True] * 240),
    st.just([[None] * 3] * 240),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@settings(suppress_health_check=list(HealthCheck), max_examples=25)
@given(data=st.data())
def test_whatever_is_in_the_files_the_checker_answers(data: st.DataObject, tmp_path: Path) -> None:
    columns, header = parts(good_log(), tmp_path)
    for _ in range(data.draw(st.integers(1, 3))):
        at = header
        *before, last = data.draw(st.sampled_from(sorted(places(header), key=repr)))
        for key in before:
            at = at[key]
        if data.draw(st.booleans()):
            at[last] = data.draw(JUNK)
        elif isinstance(at, dict):
            del at[last]
    if data.draw(st.booleans()):
        replaced = data.draw(st.sampled_from(sorted(columns)))
        columns[replaced] = data.draw(COLUMN)
    path = put(tmp_path, columns, header)
    found = check_log(path)
    if any(finding.level == "error" for finding in found):
        with pytest.raises(RecordingError):
            read_log(path)
    else:
        read_log(path)
    json.dumps([finding.to_json() for finding in found], allow_nan=False)
