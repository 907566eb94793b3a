"""Comma-separated tables: what was written is read, and whatever happens to a file is either read or named."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.errors import RecordingError
from sim2real.recordings.delimited import read_columns, read_texts

FINITE = st.floats(allow_nan=False, allow_infinity=False)
WHOLE = b"a,b\n1,2\n3,4.5\n-6e3,7\n"


def read(content: bytes, *, name: str = "table.csv", may_end_empty: tuple[str, ...] = ()) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return {
            key: column.tolist() for key, column in read_columns(path, ("a", "b"), may_end_empty=may_end_empty).items()
        }


def read_or_message(content: bytes, name: str) -> dict[str, object] | str:
    try:
        return read(content, name=name)
    except RecordingError as error:
        return str(error)


@given(st.lists(st.tuples(FINITE, FINITE, st.text(alphabet="xyz", max_size=3)), min_size=1, max_size=20), st.booleans())
def test_numbers_are_read_as_they_were_written(rows: list[tuple[float, float, str]], compressed: bool) -> None:
    text = "\n".join(["b,other,a", *(f"{b!r},{other},{a!r}" for a, b, other in rows), ""]).encode("ascii")
    table = read(gzip.compress(text), name="table.csv.gz") if compressed else read(text)
    assert table == {"a": [a for a, _, _ in rows], "b": [b for _, b, _ in rows]}


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_numbers_or_an_error_that_names_the_file(place: int, value: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] = value
    found = read_or_message(bytes(damaged), "table.csv")
    if isinstance(found, str):
        assert "table.csv" in found
    else:
        assert all(np.isfinite(column).all() for column in found.values())  # type: ignore[call-overload]


@given(st.data())
def test_a_compressed_file_that_was_damaged_is_never_read_wrong(data: st.DataObject) -> None:
    whole = bytearray(gzip.compress(WHOLE, mtime=0))
    place = data.draw(st.integers(10, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    found = read_or_message(bytes(whole), "table.csv.gz")
    if isinstance(found, str):
        assert "table.csv.gz: cannot be read" in found
    else:
        assert found == {"a": [1.0, 3.0, -6000.0], "b": [2.0, 4.5, 7.0]}


def test_only_the_last_row_may_lack_what_may_be_missing() -> None:
    table = read(b"a,b\n1,2\n3,\n", may_end_empty=("b",))
    assert table["a"] == [1.0, 3.0]
    assert str(table["b"]) == "[2.0, nan]"
    with pytest.raises(RecordingError, match="row 3: 'b' must be a finite number, but is ''"):
        read(b"a,b\n1,2\n3,\n")
    with pytest.raises(RecordingError, match="row 2: 'b' must be a finite number, but is ''"):
        read(b"a,b\n1,\n3,4\n", may_end_empty=("b",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "row 1: 'a', 'b' must be among the columns, but there are only: none"),
        (b"a,c\n1,2\n", "row 1: 'b' must be among the columns, but there are only: a, c"),
        (b"a,b\n", "there must be at least one row below the names of the columns"),
        (b"a,b\n1,2\n3\n", "row 3: must have 2 cells like the first line, but has 1. Is the file cut off?"),
        (b"a,b\n1,1e999\n", "row 2: 'b' must be a finite number, but is '1e999'"),
        (b"a,b\n1,\xff\n", "cannot be read: "),
    ],
)
def test_a_fault_is_named(content: bytes, message: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read(content)
    assert message in str(caught.value)


def test_texts_are_read_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n1,True\n2,no\n")
    assert read_texts(path, "b") == ["True", "no"]
    with pytest.raises(RecordingError, match="'c' must be among the columns"):
        read_texts(path, "c")
