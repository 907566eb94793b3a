"""The data sets that are known, and the folder they are in."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sim2real.errors import MissingDataError
from sim2real.recordings import cube_toss, furuta, planar_push, servo
from sim2real.recordings.base import Recording
from sim2real_envs.errors import UnknownNameError

FOLDER_VARIABLE = "SIM2REAL_DATA"
"""Environment variable that names the data folder."""


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before it is read.

    Args:
        name: As in an experiment file, such as ``"cube_toss"``.
        rig: The rig that its recordings are replayed in.
        file: Its place in the data folder: of the file that is written last, where there are several beside it.
        read: Reads that file, and those beside it.
        count: How many recordings its publication has; None where that is not known, and then not checked.
        licence: Of the data.
        repository: Public git repository that it comes from.
        commit: The commit there, abbreviated.
        folder: The folder there that has the recordings.
        doc: What was recorded, in one sentence.
        published: Which files of that folder are needed, as git patterns; ``/`` inside one reaches into folders.
        converter: Module of ``sim2real.recordings.convert`` that converts them; by default called as the data set.
    """

    name: str
    rig: str
    file: str
    read: Callable[[Path], tuple[Recording, ...]]
    count: int | None
    licence: str
    repository: str
    commit: str
    folder: str
    doc: str
    published: tuple[str, ...] = ("*",)
    converter: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "converter", self.converter or self.name)

    @property
    def command_name(self) -> str:
        """As on the command line, such as ``"cube-toss"``."""
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Status:
    """Where a data set would be, and whether it is there."""

    data_set: DataSet
    path: Path
    present: bool


_FURUTA: Mapping[str, Any] = MappingProxyType(
    {
        "rig": "furuta",
        "file": furuta.FILE,
        "count": 10,
        "licence": "BSD-3-Clause",
        "repository": "https://github.com/famura/SimuRLacra",
        "commit": "01d30dda",
        "folder": "Pyrado/data/perma/evaluation",
        "published": ("qq_chrip_10to0Hz_+1.5V_250Hz_10s/*.pkl", "qq-su_ectrl_250Hz_5s/*.pkl"),
        "converter": "furuta",
    }
)

_PUSHES: Mapping[str, Any] = MappingProxyType(
    {
        "rig": "planar_push",
        "file": planar_push.FILE,
        "count": None,
        "licence": "Apache-2.0",
        "repository": "https://github.com/robinzhoucmu/MLab_EXP",
        "commit": "4d86db94",
        "folder": "SlidingExpCode/FusionMatlab/RandPushExp/SensorLogs",
        "published": ("*/exp_*.txt",),
        "converter": "planar_push",
    }
)

DATA_SETS: Mapping[str, DataSet] = MappingProxyType(
    {
        "cube_toss": DataSet(
            name="cube_toss",
            rig="cube_toss",
            file=cube_toss.FILE,
            read=cube_toss.load,
            count=570,
            licence="BSD-3-Clause",
            repository="https://github.com/DAIRLab/contact-nets",
            commit="c3dc21c9",
            folder="data/tosses_processed",
            doc="Real tosses of an acrylic cube onto a table, tracked at 148 Hz (Pfrommer, Halm, Posa, CoRL 2020).",
            published=("*.pt",),
        ),
        "furuta": DataSet(
            name="furuta",
            read=furuta.load,
            doc="Real rollouts of a rotary pendulum, chirps and swing-ups, in windows of 0.5 s at 250 Hz (SimuRLacra).",
            **_FURUTA,
        ),
        "furuta_chirps": DataSet(
            name="furuta_chirps",
            read=furuta.load_chirps,
            doc="The chirps alone of the rotary pendulum's rollouts, in windows of 0.5 s at 250 Hz (SimuRLacra).",
            **_FURUTA,
        ),
        "planar_push": DataSet(
            name="planar_push",
            read=planar_push.load_poses,
            doc="Real pushes of a metal triangle on three feet over a board: way of the probe, poses before and after "
            "(Zhou, Paolini, Bagnell, Mason, ICRA 2016).",
            **_PUSHES,
        ),
        "planar_push_forces": DataSet(
            name="planar_push_forces",
            read=planar_push.load,
            doc="The same pushes with the force on the triangle at 100 Hz (Zhou, Paolini, Bagnell, Mason, ICRA 2016).",
            **_PUSHES,
        ),
        "servo": DataSet(
            name="servo",
            rig="servo",
            file=servo.FILE,
            read=servo.load,
            count=16,
            licence="Apache-2.0",
            repository="https://github.com/Rhoban/bam",
            commit="af226046",
            folder="bam/data.bak/raw",
            doc="Real logs of a Dynamixel XL330 with a weight at several gains, in windows of 1 s at 187 Hz (Duclusaud "
            "et al., ICRA 2025).",
            published=("2026-01-15_*.json",),
        ),
    }
)


def resolve(name: str) -> DataSet:
    """Return the data set called ``name``, with ``-`` or ``_``.

    Raises:
        UnknownNameError: If there is none.
    """
    key = name.replace("-", "_")
    if key not in DATA_SETS:
        raise UnknownNameError(name, "a data set", DATA_SETS)
    return DATA_SETS[key]


def data_folder() -> Path:
    """Return the data folder: ``$SIM2REAL_DATA``, else ``data`` here if it exists, else one of the user's own."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    beside = Path("data")
    if beside.is_dir():
        return beside
    shared = os.environ.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "sim2real"


def data_path(name: str, folder: Path | None = None) -> Path:
    """Return where the file of a data set is or would be.

    Raises:
        UnknownNameError: If there is no such data set.
    """
    return (data_folder() if folder is None else folder) / resolve(name).file


def status(folder: Path | None = None) -> tuple[Status, ...]:
    """Return all data sets, where each would be, and whether it is there."""
    paths = {name: data_path(name, folder) for name in DATA_SETS}
    return tuple(Status(data_set, paths[name], paths[name].is_file()) for name, data_set in DATA_SETS.items())


def load(name: str, folder: Path | None = None) -> tuple[Recording, ...]:
    """Return all recordings of a data set.

    Args:
        name: Such as ``"cube_toss"``.
        folder: The data folder; None for ``data_folder()``.

    Raises:
        UnknownNameError: If there is no such data set.
        MissingDataError: If it is not in the folder; says which command brings it.
        RecordingError: If it cannot be read; names the file and the row.
    """
    data_set, path = resolve(name), data_path(name, folder)
    if not path.is_file():
        raise MissingDataError(
            f"The recordings of {data_set.name!r} are not there: {path} does not exist. "
            f"Bring them with `sim2real data fetch {data_set.command_name}`, or set {FOLDER_VARIABLE} to the folder "
            f"that has {data_set.file}."
        )
    return data_set.read(path)
