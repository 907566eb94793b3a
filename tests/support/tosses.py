"""Tables of tosses made up: in free flight, or simulated in a domain that is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from sim2real.recordings.tables import write_table
from sim2real_envs.parameters import Array, Domain
from sim2real_envs.rigs.cube_toss import EDGE, RATE, CubeTossRig
from sim2real_envs.state import WorldState

Table = dict[str, NDArray[Any]]


def thrown(rng: np.random.Generator) -> WorldState:
    """Return the start of a throw like the recorded ones."""
    direction = rng.uniform(0.0, 2.0 * np.pi)
    speed = rng.uniform(0.9, 1.3)
    return WorldState(
        {
            "object.pose": np.array(
                [*rng.uniform(-0.2, 0.2, 2), rng.uniform(0.12, 0.16), *Rotation.random(rng=rng).as_quat()]
            ),
            "object.twist": np.array(
                [speed * np.cos(direction), speed * np.sin(direction), 0.0, *rng.normal(0.0, 2.0, 3)]
            ),
        }
    )


def sample_times(count: int = 100) -> Array:
    return np.asarray(np.arange(count) * (1.0 / RATE), dtype=np.float64)


def simulated_table(domain: Domain, count: int, seed: int = 0, noise_m: float = 2e-5) -> Table:
    """Return ``count`` tosses simulated in ``domain`` and tracked with some noise, numbered from 1."""
    rng, rig, times = np.random.default_rng(seed), CubeTossRig(), sample_times()
    parts = []
    for number in range(1, count + 1):
        path = rig.simulate(domain, thrown(rng), np.empty((len(times) - 1, 0)), times)
        poses = path.values["object.pose"]
        parts.append(table_of(number, times, poses[:, :3] + rng.normal(0.0, noise_m, (len(times), 3)), poses[:, 3:]))
    rig.close()
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def table_of(number: int, times: Array, positions: Array, quaternions: Array) -> Table:
    """Return one toss in the layout of the published ones: w first, angular velocity in the cube's frame."""
    turns = Rotation.from_quat(quaternions)
    steps = (turns[:-1].inv() * turns[1:]).as_rotvec() * RATE
    return {
        "toss": np.full(len(times), number, dtype=np.int16),
        "t": times,
        "pos": positions,
        "quat_wxyz": quaternions[:, [3, 0, 1, 2]],
        "vel": np.diff(positions, axis=0, prepend=positions[:1]) * RATE,
        "angvel": np.concatenate([steps[:1], steps]),
    }


def flight_table(numbers: tuple[int, ...] = (1, 2, 4), count: int = 40) -> Table:
    """Return tosses that only fly, each on a parabola of its own, turning about a constant axis."""
    parts = []
    for number in numbers:
        times = sample_times(count)
        positions = np.stack([times, 0.1 * number * times, 3.0 - 4.8 * times**2 + 0.01 * number], axis=1)
        turns = Rotation.from_rotvec(np.outer(times, [0.5 * number, 2.0, -1.0]))
        parts.append(table_of(number, times, positions, turns.as_quat()))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def write(folder: Path, table: Table) -> Path:
    """Write the table to its place in a data folder and return the place."""
    path = folder / "cube_toss" / "cube_toss.npz"
    write_table(path, table)
    return path


def corners(pose: Array) -> Array:
    """Return the corners of the cube at ``pose`` (7,), (8, 3)."""
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    return np.asarray(pose[:3] + Rotation.from_quat(pose[3:]).apply(0.5 * EDGE * signs), dtype=np.float64)
