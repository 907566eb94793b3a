"""Made-up logs of a servo in the files that recorded ones come in."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2real_envs.rigs.servo import ServoRig
from sim2real_envs.state import WorldState

SETTINGS = {"mass": 0.49, "length": 0.1, "kp": 400, "vin": 7.4, "motor": "xl330", "trajectory": "sin_sin"}
HEADER = "position,speed,load,input_volts,temp,timestamp,goal_position,torque_enable"
ENCODER = 2.0 * math.pi / 4096  # rad


def log(domain: Mapping[str, float], gain: float, seconds: float, seed: int = 0) -> list[str]:
    """Return the lines of a table: an uneven clock of about 187 Hz, and an encoder with steps."""
    clock = np.random.default_rng(seed).uniform(0.0051, 0.0056, size=round(187.0 * seconds))
    times = np.concatenate([[0.0], np.cumsum(clock)])
    goals = 1.2 * np.sin(5.0 * times) * np.sin(1.3 * times)
    start = WorldState({"joint.position": np.zeros(1), "joint.velocity": np.zeros(1)})
    actions = np.stack([goals[:-1], np.full(len(clock), gain)], axis=1)
    angles = ServoRig().simulate(domain, start, actions, times).values["joint.position"][:, 0]
    measured = ENCODER * np.round(angles / ENCODER)
    rows = zip(times + 0.0035, measured, goals, strict=True)
    return [HEADER, *(f"{angle:.6g},0,0,7.4,30,{time:.6g},{goal:.6g},True" for time, angle, goal in rows)]


def write(folder: Path, lines: list[str], **settings: Any) -> Path:
    """Write a table and its settings into a data folder."""
    chosen = {**SETTINGS, **settings}
    name = f"xl330__{chosen['trajectory']}__kp{chosen['kp']}__m0.49__l0.1__2026-01-15_10h28m10"
    path = folder / "servo_bam" / f"{name}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode("ascii"), mtime=0))
    path.with_name(f"{name}.json").write_text(json.dumps(chosen), encoding="utf-8")
    return path
