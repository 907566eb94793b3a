"""What a learner has seen, and what the expert would have done there: in one block of memory and in shards on disk."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.errors import RunFolderError
from sim2real.training.labels import Floats, Packing
from sim2real_envs.errors import OptionError

_FOLDER = "labelled"
_MOST_BYTES = 4 * 2**30


class Labels:
    """Observations (n, ...) in their own type and labels (n, a), growing up to a length known beforehand.

    Args:
        packing: Shapes and types.
        most: Rows that there will be.

    Raises:
        OptionError: If they take more than 4 GiB.
    """

    def __init__(self, packing: Packing, most: int) -> None:
        row = int(np.prod(packing.shape)) * packing.kind.itemsize
        if row * most > _MOST_BYTES:
            raise OptionError(
                f"{most} observations of shape {packing.shape} take {row * most / 2**30:.1f} GiB, at most 4 are kept "
                "in memory: train for fewer steps, or with smaller images."
            )
        self._observations: NDArray[Any] = np.empty((most, *packing.shape), packing.kind)
        self._labels: Floats = np.empty((most, packing.actions), np.float32)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def observations(self) -> NDArray[Any]:
        """All observations so far, (n, ...)."""
        return self._observations[: self._size]

    @property
    def labels(self) -> Floats:
        """All labels so far, (n, a)."""
        return self._labels[: self._size]

    def add(self, observations: NDArray[Any], labels: Floats) -> None:
        """Take up (k, ...) and (k, a)."""
        rows = slice(self._size, self._size + len(labels))
        self._observations[rows], self._labels[rows] = observations, labels
        self._size = rows.stop

    def save(self, folder: Path, chunk: int, first: int) -> None:
        """Write the rows from ``first`` on as the shard of a chunk, whole and renamed into place.

        Raises:
            RunFolderError: If that is not possible.
        """
        path = _shard(folder, chunk)
        temporary = path.with_name(path.name + ".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                arrays = {"observations": self.observations[first:], "labels": self.labels[first:]}
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror or error}.") from error

    def load(self, folder: Path, chunks: int) -> None:
        """Take up the shards of the first ``chunks`` chunks.

        Raises:
            RunFolderError: If one is missing or damaged.
        """
        for chunk in range(chunks):
            path = _shard(folder, chunk)
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as shard:
                    self.add(shard["observations"], shard["labels"])
            except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
                raise RunFolderError(
                    f"{path}: is missing or damaged ({error}); remove {folder} to train from the start."
                ) from None


def discard(folder: Path) -> None:
    """Remove the shards of a training that is over."""
    place = folder / _FOLDER
    if place.is_dir():
        for path in place.iterdir():
            path.unlink()
        place.rmdir()


def _shard(folder: Path, chunk: int) -> Path:
    return folder / _FOLDER / f"chunk-{chunk:04d}.npz"
