"""Bringing a data set from its public repository: the pinned commit, converted, checked, and written whole."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sim2real.errors import DataSourceError
from sim2real.recordings import convert, git
from sim2real.recordings.data_sets import DataSet, data_folder, resolve

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, total); total is 0 where it is not known."""

_LICENCE, _ORIGIN = "LICENSE", "source.json"


@dataclass(frozen=True)
class Fetched:
    """What was brought.

    Args:
        path: The file that a loader reads.
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
        converted = Path(scratch) / "converted"
        converted.mkdir()
        count = convert.converter(data_set.converter).convert(
            checkout.folder / data_set.folder, converted, lambda done, total: tell("converting", done, total)
        )
        _require_count(data_set, checkout, count)
        verified = _verify(data_set, checkout.source, converted)
        _describe(converted, checkout, count)
        _move(converted, path)
    return Fetched(path, checkout.commit, checkout.pinned, count, verified)


def known_sums(name: str) -> Mapping[str, str]:
    """Return the known checksums of a converter's recordings by the names of their published files; may be empty."""
    listed = files("sim2real.recordings").joinpath(f"{name}.sums")
    text = listed.read_text(encoding="ascii") if listed.is_file() else ""
    return dict(line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))


def _require_count(data_set: DataSet, checkout: git.Checkout, count: int) -> None:
    known = data_set.count if checkout.pinned else None
    if count == 0 or known not in (None, count):
        wanted = "recordings" if known is None else f"{known} recordings"
        raise DataSourceError(
            f"{checkout.source} at {checkout.commit[:8]} must have {wanted} in {data_set.folder}/, but has {count}. "
            f"Is it a clone of {data_set.repository}?"
        )


def _verify(data_set: DataSet, source: str, converted: Path) -> int:
    """Return how many recordings match a known checksum."""
    known, verified = known_sums(data_set.converter), 0
    for name, digest in convert.checksums(data_set.converter, converted).items():
        if name not in known:
            continue
        if digest != known[name]:
            raise DataSourceError(
                f"{data_set.folder}/{name} from {source} is not the published recording: the checksum of its "
                f"values must be {known[name]}, but is {digest}. Fetch from {data_set.repository}, commit "
                f"{data_set.commit}."
            )
        verified += 1
    return verified


def _describe(converted: Path, checkout: git.Checkout, count: int) -> None:
    """Put the licence and the origin beside the converted files."""
    licence = checkout.folder / _LICENCE
    if licence.is_file():
        shutil.copyfile(licence, converted / _LICENCE)
    origin = {
        "source": checkout.source,
        "commit": checkout.commit,
        "pinned": checkout.pinned,
        "recordings": count,
    }
    (converted / _ORIGIN).write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")


def _move(converted: Path, path: Path) -> None:
    """Put each converted file whole into its place, ``path`` last: where it is, the rest is too."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in sorted(converted.iterdir(), key=lambda file: (file.name == path.name, file.name)):
            beside = path.parent / f".{file.name}.part"
            shutil.copyfile(file, beside)
            beside.replace(path.parent / file.name)
    except OSError as error:
        raise DataSourceError(
            f"{path} cannot be written: {error}. Name a folder that can with `--to`, or SIM2REAL_DATA."
        ) from error
