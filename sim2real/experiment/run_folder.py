"""The folder of a run: where a new one goes, which one to continue, and who writes it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sim2real.errors import RunFolderError
from sim2real.experiment.files import sweep, write_json, write_text
from sim2real.experiment.manifest import manifest
from sim2real.experiment.spec import ExperimentSpec, load_spec

SPEC, DONE = "spec.yaml", "done.json"


@dataclass(frozen=True)
class RunFolder:
    """``results/<experiment>/<run>``, there already or not."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether it is the folder of a run: an experiment file is written into it first."""
        return (self.path / SPEC).is_file()

    @property
    def finished(self) -> bool:
        """Whether the run ended; ``done.json`` is written last."""
        return (self.path / DONE).is_file()

    @contextlib.contextmanager
    def writing(self, spec: ExperimentSpec) -> Iterator[None]:
        """Create the folder if need be, and keep every other process from writing it.

        Raises:
            RunFolderError: If it cannot be written, or another process writes it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path, error) from error
        with lock:
            try:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a record lock: forked workers do not inherit it
            except OSError:
                raise RunFolderError(
                    f"{str(self.path)!r} is being written by another process. Wait for it, or stop it first."
                ) from None
            sweep(self.path)
            if not self.exists:
                write_text(self.path / SPEC, spec.to_yaml())
            write_json(self.path / "manifest.json", manifest(self.path / "manifest.json", spec))
            yield


def choose(spec: ExperimentSpec, output: Path, resume: bool | str | Path | None) -> RunFolder:
    """Return the folder to run ``spec`` in.

    Args:
        spec: The experiment.
        output: Where experiments keep their runs.
        resume: None or False for a new run; True for the newest unfinished run of the same experiment, else the newest
            finished one, else a new one; a name or folder for that run.

    Raises:
        RunFolderError: If ``output`` cannot be written, the named run does not exist, or its experiment differs; lists
            the keys that differ.
    """
    parent = output / spec.name
    if resume is None or resume is False:
        return _new(parent)
    if resume is not True:
        return _named(spec, parent, Path(resume))
    runs = [RunFolder(path) for path in sorted(parent.glob("*"), reverse=True) if RunFolder(path).exists]
    same = [run for run in runs if _same(run, spec)]
    unfinished = [run for run in same if not run.finished]
    if same:
        return (unfinished or same)[0]
    for run in runs:
        if not run.finished:
            _refuse_changes(run, spec)
    return _new(parent)


def _new(parent: Path) -> RunFolder:
    name = datetime.now(UTC).strftime("%Y-%m-%d_%H-%M-%S")
    taken = 1
    path = parent / name
    while path.exists():
        taken += 1
        path = parent / f"{name}-{taken}"
    return RunFolder(path)


def _named(spec: ExperimentSpec, parent: Path, name: Path) -> RunFolder:
    for run in (RunFolder(name), RunFolder(parent / name)):
        if run.exists:
            _refuse_changes(run, spec)
            return run
    known = sorted((path.name for path in parent.glob("*") if RunFolder(path).exists), reverse=True)
    raise RunFolderError(
        f"{str(name)!r} is not a run of {spec.name!r}. Runs in {str(parent)!r}: {', '.join(known) or 'none'}."
    )


def _same(run: RunFolder, spec: ExperimentSpec) -> bool:
    return (run.path / SPEC).read_text(encoding="utf-8") == spec.to_yaml()


def _refuse_changes(run: RunFolder, spec: ExperimentSpec) -> None:
    if _same(run, spec):
        return
    keys = load_spec(run.path / SPEC).diff(spec)
    raise RunFolderError(
        f"{str(run.path)!r} cannot be resumed, because the experiment has changed since in: {', '.join(keys)}. "
        f"Undo the change, run `sim2real run {run.path / SPEC} --resume {run.path}` to finish it as it was, or start a "
        f"new run without --resume."
    )


def _unwritable(path: Path, error: OSError) -> RunFolderError:
    existing = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    return RunFolderError(
        f"The output folder {str(path)!r} cannot be written: {error.strerror or error} (at {str(existing)!r}). "
        f"Name another with --output."
    )
