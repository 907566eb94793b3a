"""Where the files of a LeRobotDataset v3 are, and what is in each, as published.

From huggingface/lerobot 0.4.4, ``datasets/utils.py`` and ``datasets/lerobot_dataset.py``; the later versions read the
same. Videos and images are left alone: only numbers are read and written here.
"""

from __future__ import annotations

from typing import Any

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
CHUNK_SIZE = 1000
"""Most files in a chunk."""
DATA_FILE_MB, VIDEO_FILE_MB = 100, 200
"""Largest size of a file [MB]."""

OWN_FEATURES: dict[str, dict[str, Any]] = {
    name: {"dtype": "float32" if name == "timestamp" else "int64", "shape": [1], "names": None}
    for name in ("timestamp", "frame_index", "episode_index", "index", "task_index")
}
"""Features of every data set: seconds since the episode began, row in the episode, episode, row, task."""

PICTURES = ("image", "video", "string")
"""Types of features that are no numbers."""

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
TIME_TOLERANCE = 1e-4
"""How far a timestamp may be from its multiple of the period [s]."""

MAPPING = "meta/sim2real.json"
"""Our own record of what the numbers are, beside theirs: LeRobot has no units, and reads past it."""
