"""A journal survives a crash at any byte, and no damage passes for a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.errors import RunFolderError
from sim2real.trials.journal import Journal, parse, read_events, written

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=6)


def content_of(events: list[dict[str, Any]]) -> tuple[bytes, list[int]]:
    """Return a journal, and where each of its lines ends."""
    content, check, ends = b"", parse(b"")[1], []
    for event in events:
        line, check = written(event, check)
        content += line
        ends.append(len(content))
    return content, ends


@settings(max_examples=20, deadline=None)
@given(EVENTS)
def test_a_journal_cut_at_any_byte_has_every_event_that_was_whole(events: list[dict[str, Any]]) -> None:
    content, ends = content_of(events)
    for cut in range(len(content) + 1):
        found, _, whole = parse(content[:cut])
        count = sum(end <= cut for end in ends)
        assert list(found) == events[:count]
        assert whole == (ends[count - 1] if count else 0)


@settings(max_examples=50, deadline=None)
@given(EVENTS, st.data())
def test_a_byte_that_flips_never_passes_for_what_was_written(events: list[dict[str, Any]], data: st.DataObject) -> None:
    content, ends = content_of(events)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytes([content[at] ^ (1 << data.draw(st.integers(0, 7)))])
    try:
        found, _, _ = parse(content[:at] + flipped + content[at + 1 :])
    except RunFolderError:
        return
    assert list(found) == events[: sum(end <= at for end in ends)]


@given(st.lists(st.integers(), min_size=3, max_size=6, unique=True), st.data())
def test_a_line_that_is_missing_shows(numbers: list[int], data: st.DataObject) -> None:
    content, _ = content_of([{"number": number} for number in numbers])
    lines = content.splitlines(keepends=True)
    del lines[data.draw(st.integers(0, len(lines) - 2))]
    with pytest.raises(RunFolderError, match="does not follow from the line before"):
        parse(b"".join(lines))


def test_what_a_crash_left_of_a_line_is_cut_off_and_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with Journal(path) as journal:
        journal.append({"trial": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"check": "0123456789abcdef", "ev')
    with Journal(path) as journal:
        assert journal.events == ({"trial": 1},)
        journal.append({"trial": 2})
    assert path.read_bytes().startswith(whole)
    assert read_events(path) == ({"trial": 1}, {"trial": 2})


def test_zeros_that_a_power_cut_left_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with Journal(path) as journal:
        journal.append({"trial": 1})
    with path.open("ab") as file:
        file.write(b"\0" * 300)
    with Journal(path) as journal:
        assert journal.events == ({"trial": 1},)
        journal.append({"trial": 2})
    assert read_events(path) == ({"trial": 1}, {"trial": 2})


def test_one_process_at_a_time_writes(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with Journal(path):
        read_events(path)
        with pytest.raises(RunFolderError, match="is being written by another process"):
            Journal(path)
    Journal(path).close()
