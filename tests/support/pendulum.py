"""Made-up rollouts of a rotary pendulum in the files that recorded ones come in."""

from __future__ import annotations

import gzip
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sim2real_envs.rigs.furuta import RATE, FurutaRig
from sim2real_envs.state import WorldState

HEADER = "t,theta,alpha,theta_dot,alpha_dot,volt_cmd,volt_applied"
ENCODER = 2.0 * math.pi / 2048  # rad


def rollout(domain: Mapping[str, float], seconds: float, seed: int = 0) -> list[str]:
    """Return the lines of a chirp's file, angles in the steps of an encoder."""
    times = np.arange(round(seconds * RATE) + 1) / RATE
    phase = np.random.default_rng(seed).uniform(0.0, 2.0 * math.pi)
    volts = 1.5 * np.sin(phase + 2.0 * math.pi * (8.0 * times - 3.0 * times**2 / times[-1]))[:-1]
    start = WorldState({"joint.position": np.zeros(2), "joint.velocity": np.zeros(2)}, commands=np.zeros((1, 1)))
    path = FurutaRig().simulate(domain, start, volts[:, None], times)
    angles = ENCODER * np.round(path.values["joint.position"] / ENCODER)
    rows = [f"{t:.6g},{theta:.9g},{alpha:.9g},0,0" for t, (theta, alpha) in zip(times, angles, strict=True)]
    commanded = [f"{volt:.9g}" for volt in volts] + [""]
    return [HEADER, *(f"{row},{volt},{volt}" for row, volt in zip(rows, commanded, strict=True))]


def write(folder: Path, lines: list[str], name: str = "qq_chrip_10to0Hz_p1.5V_250Hz_10s__2021-04-14_18-53-40") -> Path:
    """Write a rollout into a data folder."""
    path = folder / "furuta_quanser" / f"{name}.csv.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode("ascii"), mtime=0))
    return path
