"""Bringing a data set from its public repository: the pinned commit, converted, checked, and written whole."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from sim2real.errors import DataSourceError
from sim2real.recordings import git
from sim2real.recordings.convert import cube_toss as convert
from sim2real.recordings.data_sets import DataSet, data_folder, resolve
from sim2real.recordings.tables import write_table

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, total); total is 0 where it is not known."""

_SUMS = "cube_toss.sums"
_LICENCE, _ORIGIN = "LICENSE", "source.json"


@dataclass(frozen=True)
class Fetched:
    """What was brought.

    Args:
        path: The table that was written.
        commit: Full hash of the commit that it comes from.
        pinned: Whether that is the commit that the toolkit was tested with.
        recordings: How many recordings it has.
        verified: How many of them have a known checksum, which they match.
    """

    path: Path
    commit: str
    pinned: bool
    recordings: int
    verified: int


def fetch(
    name: str,
    destination: Path | None = None,
    *,
    source: str | Path | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Bring a data set into a data folder.

    Args:
        name: Such as ``"cube-toss"``.
        destination: The data folder; None for ``data_folder()``.
        source: A local clone of its repository instead of the network. One without the pinned commit is taken as it
            is checked out, and then may have only some of the recordings.
        progress: Called as it goes.

    Raises:
        UnknownNameError: If there is no such data set.
        DataSourceError: If git is missing, the source cannot be reached or lacks the commit, the number of recordings
            is not the published one, a checksum does not match, or the destination cannot be written.
        RecordingError: If a file of the source cannot be read.
    """
    data_set = resolve(name)
    path = (data_folder() if destination is None else Path(destination)) / data_set.file
    tell = progress or (lambda what, done, total: None)
    with tempfile.TemporaryDirectory(prefix="sim2real-fetch-") as scratch:
        tell("fetching", 0, 0)
        checkout = git.check_out(data_set, Path(scratch) / "checkout", source)
        published = sorted((checkout.folder / data_set.folder).glob("*.pt"), key=convert.toss_number)
        _require_count(data_set, checkout, len(published))
        table = convert.convert(published, lambda done: tell("converting", done, len(published)))
        verified = _verify(data_set, checkout.source, table)
        licence = checkout.folder / _LICENCE
        _write(path, table, checkout, licence.read_bytes() if licence.is_file() else None)
    return Fetched(path, checkout.commit, checkout.pinned, len(published), verified)


def known_sums() -> Mapping[int, str]:
    """Return the known checksums of converted cube tosses by number."""
    text = files("sim2real.recordings").joinpath(_SUMS).read_text(encoding="ascii")
    pairs = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {int(number): digest for number, digest in pairs}


def _require_count(data_set: DataSet, checkout: git.Checkout, count: int) -> None:
    if count == 0 or (checkout.pinned and count != data_set.count):
        wanted = f"{data_set.count} recordings" if checkout.pinned else "recordings"
        raise DataSourceError(
            f"{checkout.source} at {checkout.commit[:8]} must have {wanted} in {data_set.folder}/, but has {count}. "
            f"Is it a clone of {data_set.repository}?"
        )


def _verify(data_set: DataSet, source: str, table: convert.Table) -> int:
    """Return how many recordings match a known checksum."""
    known, verified, numbers = known_sums(), 0, table["toss"]
    for number in dict.fromkeys(numbers.tolist()):
        if number not in known:
            continue
        digest = convert.checksum({name: column[numbers == number] for name, column in table.items()})
        if digest != known[number]:
            raise DataSourceError(
                f"{data_set.folder}/{number}.pt from {source} is not the published recording: the checksum of its "
                f"values must be {known[number]}, but is {digest}. Fetch from {data_set.repository}, commit "
                f"{data_set.commit}."
            )
        verified += 1
    return verified


def _write(path: Path, table: convert.Table, checkout: git.Checkout, licence: bytes | None) -> None:
    origin = {
        "source": checkout.source,
        "commit": checkout.commit,
        "pinned": checkout.pinned,
        "recordings": len(np.unique(table["toss"])),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if licence is not None:
            (path.parent / _LICENCE).write_bytes(licence)
        (path.parent / _ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
        write_table(path, table)  # last: where the table is, the rest is too
    except OSError as error:
        raise DataSourceError(
            f"{path} cannot be written: {error}. Name a folder that can with `--to`, or SIM2REAL_DATA."
        ) from error
