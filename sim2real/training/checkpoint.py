"""Where a training stands between two chunks, in one file that is written whole or not at all."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import torch

from sim2real.errors import RunFolderError
from sim2real.randomizers.base import Json
from sim2real.training.base import CurvePoint
from sim2real.training.normalizer import Arrays

FILE = "checkpoint.pt"
_SCHEMA = 1


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after ``chunks`` chunks.

    Args:
        fingerprint: Of everything that the result depends on; a checkpoint of another training is refused.
        chunks: Chunks done.
        env_steps: Env steps done.
        model: Tensors of networks, optimizers and replay buffer.
        normalizer: Running statistics.
        randomizer: ``Randomizer.to_dict`` after this chunk.
        curve: The learning curve so far.
    """

    fingerprint: str
    chunks: int
    env_steps: int
    model: Mapping[str, Any]
    normalizer: Arrays
    randomizer: Mapping[str, Json]
    curve: tuple[CurvePoint, ...]

    def save(self, folder: Path) -> None:
        """Write into ``folder``: to a temporary name, to the disk, then renamed into place.

        Raises:
            RunFolderError: If that is not possible.
        """
        content = {
            "schema": _SCHEMA,
            "fingerprint": self.fingerprint,
            "chunks": self.chunks,
            "env_steps": self.env_steps,
            "model": dict(self.model),
            "normalizer": {name: torch.from_numpy(array) for name, array in self.normalizer.items()},
            "randomizer": json.dumps(self.randomizer),
            "curve": [list(astuple(point)) for point in self.curve],
        }
        temporary = folder / (FILE + ".tmp")
        try:
            with temporary.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(folder / FILE)
        except OSError as error:
            raise RunFolderError(f"{folder}: the checkpoint cannot be written: {error.strerror or error}.") from error


def prepare(folder: Path) -> None:
    """Make the folder, so that one that cannot be written is said before training starts.

    Raises:
        RunFolderError: If it cannot be made or written.
    """
    probe = folder / (FILE + ".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise RunFolderError(f"{folder}: cannot be written: {error.strerror or error}.") from error


def load(folder: Path, fingerprint: str) -> Checkpoint | None:
    """Return the checkpoint in ``folder``, or None where there is none yet; half-written temporaries are ignored.

    Raises:
        RunFolderError: If it is damaged, or belongs to another training.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise RunFolderError(f"{path}: is damaged ({error}); remove it to train from the start.") from None
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        raise RunFolderError(f"{path}: is not a checkpoint of schema {_SCHEMA}; remove it to train from the start.")
    if content["fingerprint"] != fingerprint:
        raise RunFolderError(
            f"{path}: belongs to a training with other arguments (environment, preset, steps, start, domains or seed); "
            "use another folder, or remove it."
        )
    return Checkpoint(
        fingerprint=fingerprint,
        chunks=content["chunks"],
        env_steps=content["env_steps"],
        model=content["model"],
        normalizer={name: tensor.numpy() for name, tensor in content["normalizer"].items()},
        randomizer=json.loads(content["randomizer"]),
        curve=tuple(CurvePoint(*point) for point in content["curve"]),
    )
