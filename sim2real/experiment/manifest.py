"""``manifest.json``: what a run was made with, so that its numbers can be made again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sim2real.experiment.files import read_json
from sim2real.experiment.spec import ExperimentSpec

SCHEMA = 1
PACKAGES = ("sim2real", "gymnasium", "numpy", "optuna", "pandas", "pybullet", "scipy", "stable-baselines3", "torch")
GIT_TIMEOUT_S = 10


def manifest(path: Path, spec: ExperimentSpec) -> dict[str, Any]:
    """Return the manifest of a run that starts now, or of the one at ``path`` that is continued now."""
    session = {
        "started": now(),
        "command": sys.argv,
        "versions": versions(),
        "git": git_state(),
        "machine": {"system": platform.platform(), "processors": os.cpu_count()},
    }
    if path.exists():
        earlier: dict[str, Any] = read_json(path)
        return earlier | {"resumed": [*earlier["resumed"], session]}
    return {"schema": SCHEMA, "experiment": spec.name, "seeds": list(spec.seeds), **session, "resumed": []}


def now() -> str:
    """Return the time in UTC, such as ``"2026-11-20T08:47:44+00:00"``."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of Python and of what the numbers of a run depend on."""
    installed = {package: _version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **{name: found for name, found in installed.items() if found}}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_state() -> dict[str, Any] | None:
    """Return commit and uncommitted changes of the repository here; None where there is none, or no git."""
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    if commit is None or status is None:
        return None
    return {"commit": commit.strip(), "changed": [line[3:] for line in status.splitlines()]}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
