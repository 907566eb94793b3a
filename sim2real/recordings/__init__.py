"""Recordings of real systems: where they are, how they are read, and how they are brought here."""

from sim2real.recordings.base import Recording
from sim2real.recordings.data_sets import DATA_SETS, DataSet, data_folder, data_path, resolve, status
from sim2real.recordings.fetch import Fetched, fetch
from sim2real.recordings.sources import load, rig_of

__all__ = [
    "DATA_SETS",
    "DataSet",
    "Fetched",
    "Recording",
    "data_folder",
    "data_path",
    "fetch",
    "load",
    "resolve",
    "rig_of",
    "status",
]
