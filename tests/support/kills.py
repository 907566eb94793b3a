"""Runs that are killed again and again until they end by themselves."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

Start = Callable[[], "subprocess.Popen[bytes]"]


def random_delays(seed: int, kills: int, longest: float) -> Iterator[float]:
    """Yield delays up to ``longest`` seconds, and then one that lets the run end."""
    yield from np.random.default_rng(seed).uniform(0.0, longest, size=kills).tolist()
    yield 600.0


def kill_until_done(start: Start, output: Path, delays: Iterator[float]) -> int:
    """Kill the run with -9 after each delay, counted from its first sign of life, until it ends; return how often."""
    kills = 0
    for delay in delays:
        process = start()
        wait_for_life(process, output)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
    return kills


def wait_for_life(process: subprocess.Popen[bytes], output: Path) -> None:
    """Wait until the process writes its manifest, so that a delay counts from where the work begins."""
    before = _manifests(output)
    while process.poll() is None and _manifests(output) == before:
        time.sleep(0.005)


def _manifests(output: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in output.rglob("manifest.json")}
