"""LeRobotDataset v3, its numbers: written from a log, and read into one with an explicit mapping of units."""

from sim2real.recordings.lerobot.reader import read_lerobot
from sim2real.recordings.lerobot.writer import default_features, frames, write_lerobot

__all__ = ["default_features", "frames", "read_lerobot", "write_lerobot"]
