"""The published files are converted without running anything in them, to the bits of the known table."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from sim2real.errors import RecordingError
from sim2real.recordings.convert import cube_toss as convert
from sim2real.recordings.fetch import known_sums


@pytest.fixture
def raw() -> Path:
    folder = Path(os.environ.get("SIM2REAL_DATA", "")) / "cube_toss" / "raw"
    if not folder.is_dir():
        pytest.skip("SIM2REAL_DATA does not name a folder with cube tosses as published")
    return folder


def published(path: Path, rows: int = 12) -> Path:
    """Write a made-up toss as the published ones are."""
    tensor = torch.zeros(1, rows, 19, dtype=torch.float64)
    tensor[0, :, :3] = torch.arange(rows * 3, dtype=torch.float64).reshape(rows, 3)
    tensor[0, :, 3] = 1.0
    tensor[0, :, 7:10] = 2.0
    torch.save(tensor, path)
    return path


def test_lengths_become_metres_and_rows_get_their_time(tmp_path: Path) -> None:
    table = convert.convert_file(published(tmp_path / "17.pt"))
    assert set(table["toss"].tolist()) == {17}
    np.testing.assert_array_equal(table["t"], np.arange(12) / 148.0)
    np.testing.assert_allclose(table["pos"][1], 0.0524 * np.array([3.0, 4.0, 5.0]), rtol=1e-15)
    np.testing.assert_allclose(table["vel"], 0.1048, rtol=1e-15)
    np.testing.assert_array_equal(table["quat_wxyz"], np.tile([1.0, 0.0, 0.0, 0.0], (12, 1)))


def test_files_are_joined_by_number_not_by_name(tmp_path: Path) -> None:
    paths = [published(tmp_path / name) for name in ("10.pt", "9.pt", "100.pt")]
    counts: list[int] = []
    table = convert.convert_files(paths, counts.append)
    assert list(dict.fromkeys(table["toss"].tolist())) == [9, 10, 100]
    assert counts == [1, 2, 3]


def test_the_published_files_give_the_known_table_bit_for_bit(raw: Path) -> None:
    table = convert.convert_files(raw.glob("*.pt"))
    with np.load(raw.parent / "cube_toss.npz") as known:
        rows = np.isin(known["toss"], table["toss"])
        assert rows.sum() == len(table["toss"])
        for name, column in table.items():
            np.testing.assert_array_equal(column, known[name][rows])


def test_the_published_files_have_the_shipped_checksums(raw: Path) -> None:
    sums = known_sums("cube_toss")
    for path in raw.glob("*.pt"):
        table = convert.convert_file(path)
        assert convert.checksum(table) == sums[path.name]
        table["vel"][3, 1] = np.nextafter(table["vel"][3, 1], 9.0)
        assert convert.checksum(table) != sums[path.name]


class _Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.mark,)  # type: ignore[return-value]


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "1.pt"
    path.write_bytes(pickle.dumps(_Trap(mark), protocol=2))
    with pytest.raises(RecordingError, match=r"1\.pt: cannot be read from row 0"):
        convert.convert_file(path)
    assert not mark.exists()


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    path = published(tmp_path / "3.pt")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RecordingError, match=r"3\.pt: cannot be read from row 0 on as a torch tensor"):
        convert.convert_file(path)


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "3.pt"
    torch.save(torch.zeros(1, 12, 7), path)
    with pytest.raises(RecordingError, match=r"\(1, t, 19\), but got \(1, 12, 7\)"):
        convert.convert_file(path)


def test_a_row_with_nan_is_named(tmp_path: Path) -> None:
    path = published(tmp_path / "3.pt")
    tensor = torch.load(path, weights_only=True)
    tensor[0, 5, 8] = float("nan")
    torch.save(tensor, path)
    with pytest.raises(RecordingError, match=r"3\.pt, row 5"):
        convert.convert_file(path)


def test_a_file_without_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"17\.pt"):
        convert.toss_number(tmp_path / "best.pt")
