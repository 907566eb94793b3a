"""One folder of a git repository at one commit, without the rest of the repository's contents."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sim2real.errors import DataSourceError
from sim2real.recordings.data_sets import DataSet

_PATIENCE_S = 900.0


@dataclass(frozen=True)
class Checkout:
    """A working copy: where it is, what it came from, which commit, and whether that is the pinned one."""

    folder: Path
    source: str
    commit: str
    pinned: bool


def check_out(data_set: DataSet, folder: Path, source: str | Path | None = None) -> Checkout:
    """Check out the files of ``data_set`` into the new ``folder``.

    Args:
        data_set: Names repository, commit and folder.
        folder: Must not exist.
        source: A local clone; None for the public repository. A local clone without the pinned commit gives its HEAD.

    Raises:
        DataSourceError: If git is missing, the source is no repository or out of reach, or the public one lacks the
            commit.
    """
    if shutil.which("git") is None:
        raise DataSourceError("git must be installed to fetch recordings, but there is none on PATH.")
    place = data_set.repository if source is None else str(Path(source).expanduser().resolve())
    if source is not None and not Path(place).is_dir():
        raise DataSourceError(f"{place} must be a local clone of {data_set.repository}, but there is no such folder.")
    _clone(data_set, place, folder, local=source is not None)
    commit = _commit(folder, f"{data_set.commit}^{{commit}}")
    pinned = commit is not None
    if commit is None and source is not None:
        commit = _commit(folder, "HEAD^{commit}")
    if commit is None:
        remedy = f"`sim2real data fetch {data_set.command_name} --from PATH` takes a local clone of it."
        raise DataSourceError(f"{place} must have the commit {data_set.commit}, but has not. {remedy}")
    wanted = [f"/{data_set.folder}/{pattern}" for pattern in data_set.published]
    _run(["sparse-checkout", "set", "--no-cone", *wanted, "/LICENSE*"], folder, place)
    _run(["checkout", "--quiet", "--detach", commit], folder, place)
    return Checkout(folder, place, commit, pinned)


def _clone(data_set: DataSet, place: str, folder: Path, *, local: bool) -> None:
    thin = ["--shared"] if local else ["--filter=blob:none"]
    hint = (
        f"It must be a git clone of {data_set.repository}."
        if local
        else f"Without network, clone it elsewhere and use `sim2real data fetch {data_set.command_name} --from PATH`."
    )
    _run(["clone", "--quiet", "--no-checkout", *thin, place, str(folder)], None, place, hint)


def _commit(folder: Path, revision: str) -> str | None:
    found = _git(["rev-parse", "--verify", "--quiet", revision], folder)
    return found.stdout.strip() if found.returncode == 0 else None


def _run(arguments: list[str], folder: Path | None, place: str, hint: str = "") -> None:
    finished = _git(arguments, folder)
    if finished.returncode != 0:
        reason = (finished.stderr.strip().splitlines() or ["no reason given"])[-1].rstrip(".")
        raise DataSourceError(f"git could not read {place}: {reason}. {hint}".strip())


def _git(arguments: list[str], folder: Path | None) -> subprocess.CompletedProcess[str]:
    """Run git without asking for credentials and without the filters of large-file extensions."""
    calm = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # set inside a hook, and then not about this repository
        calm.pop(name, None)
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, env=calm, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataSourceError(f"git did not finish within {_PATIENCE_S:.0f} s: git {' '.join(arguments)}.") from error
