"""A data set is brought with git, converted, checked and written whole; what cannot be is refused with a remedy."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from sim2real import recordings
from sim2real.errors import DataSourceError, RecordingError
from sim2real.recordings import data_sets
from sim2real_envs.errors import UnknownNameError

FOLDER = "data/tosses_processed"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git was not found")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path, files: dict[str, bytes]) -> Path:
    """Make a git repository with one commit of ``files`` and something that is not wanted."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    for name, content in {**files, "notes/large.bin": bytes(1000)}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Tosses")
    return folder


def toss(tmp_path: Path, rows: int = 12) -> bytes:
    tensor = torch.zeros(1, rows, 19, dtype=torch.float64)
    tensor[0, :, 3] = 1.0
    torch.save(tensor, tmp_path / "toss.pt")
    return (tmp_path / "toss.pt").read_bytes()


@pytest.fixture
def clone_of_twelve(tmp_path: Path) -> Path:
    raw = Path(os.environ.get("SIM2REAL_DATA", "")) / "cube_toss" / "raw"
    if not raw.is_dir():
        pytest.skip("SIM2REAL_DATA does not name a folder with cube tosses as published")
    files = {f"{FOLDER}/{path.name}": path.read_bytes() for path in raw.glob("*.pt")}
    return repository(tmp_path / "clone", {**files, "LICENSE": b"BSD"})


def test_twelve_published_tosses_come_from_a_local_clone(clone_of_twelve: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    fetched = recordings.fetch(
        "cube-toss", tmp_path / "data", source=clone_of_twelve, progress=lambda *step: told.append(step)
    )
    assert (fetched.recordings, fetched.verified, fetched.pinned) == (12, 12, False)
    assert fetched.commit == git(clone_of_twelve, "rev-parse", "HEAD")
    assert told[0] == ("fetching", 0, 0)
    assert told[-1] == ("converting", 12, 12)
    loaded = recordings.load("cube_toss", tmp_path / "data")
    known = {each.name: each for each in recordings.load("cube_toss")}
    assert len(loaded) == 12
    for recording in loaded:
        np.testing.assert_array_equal(recording.values["object.pose"], known[recording.name].values["object.pose"])
    beside = sorted(path.name for path in fetched.path.parent.iterdir())
    assert beside == ["LICENSE", "cube_toss.npz", "source.json"]
    assert json.loads((fetched.path.parent / "source.json").read_text())["commit"] == fetched.commit


def test_two_fetches_write_the_same_table(clone_of_twelve: Path, tmp_path: Path) -> None:
    tables = []
    for name in ("one", "two"):
        fetched = recordings.fetch("cube-toss", tmp_path / name, source=clone_of_twelve)
        with np.load(fetched.path) as archive:
            tables.append({column: archive[column] for column in archive.files})
    for column, values in tables[0].items():
        np.testing.assert_array_equal(values, tables[1][column])


def test_the_commit_counts_not_what_was_changed_after_it(clone_of_twelve: Path, tmp_path: Path) -> None:
    (clone_of_twelve / FOLDER / "1.pt").write_bytes(b"changed, not committed")
    assert recordings.fetch("cube-toss", tmp_path / "data", source=clone_of_twelve).verified == 12


def test_a_toss_that_was_changed_fails_its_checksum_and_nothing_is_written(tmp_path: Path) -> None:
    clone = repository(tmp_path / "clone", {f"{FOLDER}/1.pt": toss(tmp_path)})
    with pytest.raises(DataSourceError, match=r"1\.pt from .* is not the published recording: the checksum") as caught:
        recordings.fetch("cube-toss", tmp_path / "data", source=clone)
    assert "c3dc21c9" in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_a_failed_fetch_leaves_the_old_table_alone(clone_of_twelve: Path, tmp_path: Path) -> None:
    fetched = recordings.fetch("cube-toss", tmp_path / "data", source=clone_of_twelve)
    before = fetched.path.read_bytes()
    broken = repository(tmp_path / "broken", {f"{FOLDER}/1.pt": b"not torch"})
    with pytest.raises(RecordingError, match=r"1\.pt"):
        recordings.fetch("cube-toss", tmp_path / "data", source=broken)
    assert fetched.path.read_bytes() == before


def test_the_pinned_commit_is_taken_where_the_clone_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = repository(tmp_path / "clone", {f"{FOLDER}/0.pt": toss(tmp_path)})
    pinned = git(clone, "rev-parse", "--short=8", "HEAD")
    (clone / FOLDER / "0.pt").write_bytes(b"a later fault")
    git(clone, "commit", "--quiet", "-a", "-m", "Later")
    _publish(monkeypatch, commit=pinned, count=1)
    fetched = recordings.fetch("cube-toss", tmp_path / "data", source=clone)
    assert fetched.pinned
    assert fetched.commit.startswith(pinned)
    assert (fetched.recordings, fetched.verified) == (1, 0)  # toss 0 has no known checksum


def test_the_pinned_commit_must_have_all_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = repository(tmp_path / "clone", {f"{FOLDER}/0.pt": toss(tmp_path)})
    _publish(monkeypatch, commit=git(clone, "rev-parse", "--short=8", "HEAD"))
    with pytest.raises(DataSourceError, match="must have 570 recordings in data/tosses_processed/, but has 1"):
        recordings.fetch("cube-toss", tmp_path / "data", source=clone)


def test_the_public_repository_is_fetched_without_its_history_of_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = repository(tmp_path / "public", {f"{FOLDER}/0.pt": toss(tmp_path)})
    git(public, "config", "uploadpack.allowFilter", "true")
    _publish(monkeypatch, commit=git(public, "rev-parse", "--short=8", "HEAD"), count=1, repository=f"file://{public}")
    fetched = recordings.fetch("cube-toss", tmp_path / "data")
    assert (fetched.pinned, fetched.recordings) == (True, 1)


def test_a_public_repository_without_the_commit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public = repository(tmp_path / "public", {f"{FOLDER}/0.pt": toss(tmp_path)})
    _publish(monkeypatch, repository=f"file://{public}")
    with pytest.raises(DataSourceError, match=r"must have the commit c3dc21c9, but has not.*--from PATH"):
        recordings.fetch("cube-toss", tmp_path / "data")


def test_a_repository_out_of_reach_is_refused_with_the_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(monkeypatch, repository=f"file://{tmp_path}/nowhere")
    with pytest.raises(DataSourceError, match=r"git could not read .*nowhere.*fetch cube-toss --from PATH"):
        recordings.fetch("cube-toss", tmp_path / "data")


def test_a_folder_that_is_no_clone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSourceError, match="It must be a git clone of https://github"):
        recordings.fetch("cube-toss", tmp_path / "data", source=tmp_path)
    with pytest.raises(DataSourceError, match="there is no such folder"):
        recordings.fetch("cube-toss", tmp_path / "data", source=tmp_path / "missing")


def test_a_clone_without_tosses_is_refused(tmp_path: Path) -> None:
    clone = repository(tmp_path / "clone", {"README": b"nothing here"})
    with pytest.raises(DataSourceError, match="must have recordings in data/tosses_processed/, but has 0"):
        recordings.fetch("cube-toss", tmp_path / "data", source=clone)


def test_without_git_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataSourceError, match="git must be installed"):
        recordings.fetch("cube-toss", tmp_path / "data", source=tmp_path)


def test_a_destination_that_cannot_be_written_is_said(clone_of_twelve: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(DataSourceError, match="cannot be written"):
        recordings.fetch("cube-toss", tmp_path / "data", source=clone_of_twelve)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'cube_toss'"):
        recordings.fetch("cube-tos", tmp_path)


def _publish(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    changed = dataclasses.replace(data_sets.DATA_SETS["cube_toss"], **changes)  # type: ignore[arg-type]
    monkeypatch.setattr(data_sets, "DATA_SETS", {"cube_toss": changed})
