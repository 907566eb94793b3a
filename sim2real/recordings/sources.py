"""Where the recordings of an experiment come from: a data set by its name, or a robot's own log by its path."""

from __future__ import annotations

from pathlib import Path

from sim2real.recordings import data_sets, joint_log
from sim2real.recordings.base import Recording


def rig_of(name: str) -> str:
    """Return the rig that the recordings of ``name`` are replayed in.

    Raises:
        UnknownNameError: If it is neither a path nor the name of a data set.
    """
    return joint_log.RIG if joint_log.is_log(name) else data_sets.resolve(name).rig


def load(name: str, folder: Path | None = None, window: float | None = None) -> tuple[Recording, ...]:
    """Return all recordings of a data set, or the windows of a log.

    Args:
        name: Such as ``"cube_toss"``, or the path of a log.
        folder: The data folder; None for ``data_folder()``.
        window: Length of the windows of a log [s]; None for 1 s. The windows of data sets are as they are.

    Raises:
        UnknownNameError: If there is no such data set.
        MissingDataError: If it is not in the folder; says which command brings it.
        RecordingError: If it cannot be read; names the file and the row.
    """
    if joint_log.is_log(name):
        return joint_log.load(Path(name), joint_log.WINDOW if window is None else window)
    return data_sets.load(name, folder)
