"""Where the pieces of a run are done: here, one after another, or in several processes of this machine.

Pieces depend on each other only through trainings that they share, which are
done once, under a lock, by whoever comes first. So the numbers are the same
for any number of processes and in any order.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeAlias

from sim2real.experiment.lab import Lab
from sim2real.experiment.pieces import Piece
from sim2real.experiment.plan import remaining, stage_work
from sim2real.experiment.progress import Progress
from sim2real.experiment.record import Record
from sim2real.experiment.run_folder import DONE
from sim2real.experiment.runner import identify, train
from sim2real.experiment.spec import ExperimentSpec
from sim2real.experiment.watch import Watch
from sim2real.training.base import Trainer
from sim2real.workers import FAULTS
from sim2real_envs.errors import WorkerError

KINDS: dict[str, Callable[[Piece, Lab, Record], None]] = {"train": train, "identify": identify}
Task: TypeAlias = Piece | int
"""A piece, or the seed of a warm-up."""
_RHYTHM_S = 0.2
_PATIENCE_S = 10.0


def unfinished(lab: Lab, pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces that are still to do, and tell the watch how much work that is."""
    left = [piece for piece in pieces if not (_folder(lab, piece) / DONE).exists()]
    shared = [lab.shared(seed) for seed in lab.spec.seeds] if lab.spec.kind == "train" else []
    for piece in left:
        stages = (lab.trainings(piece, f"round-{r:03}") for r in range(lab.spec.rounds))
        shared += [stage for stage in stages if stage is not None]
    folders = {stages.folder: stages.work for stages in (*shared, *(_record(lab, piece) for piece in left))}
    lab.watch.total = sum(remaining(folder, work) for folder, work in folders.items())
    return left


def run_here(lab: Lab, pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Run pieces one after another, and yield each when it is finished."""
    for piece in pieces:
        _run(lab, piece)
        yield piece


def run_in_processes(lab: Lab, pieces: Sequence[Piece], processes: int) -> Iterator[Piece]:
    """Run pieces in several processes, each with its share of the workers, and yield each when it is finished.

    Raises:
        WorkerError: If a process dies.
    """
    seeds = dict.fromkeys(piece.seed for piece in pieces) if lab.spec.kind == "train" else ()
    tasks: deque[Task] = deque([*seeds, *pieces])
    crew = [_Hand.hire(lab, processes) for _ in range(min(processes, len(tasks)))]
    lab.watch.progress.start(f"{len(crew)} pieces at a time", max(lab.watch.total, 1), share=1.0)
    try:
        idle = list(crew)
        while tasks or len(idle) < len(crew):
            while tasks and idle:
                idle.pop(0).begin(tasks.popleft())
            for ready in wait([hand.connection for hand in crew if hand not in idle]):
                hand = next(hand for hand in crew if hand.connection is ready)
                done = hand.listen(lab.watch.progress)
                if done is not None:
                    idle.append(hand)
                if isinstance(done, Piece):
                    yield done
            lab.watch.progress.advance(sum(hand.finished + hand.done for hand in crew))
    finally:
        for hand in crew:
            hand.dismiss()
        lab.watch.progress.finish()


def _run(lab: Lab, task: Task) -> None:
    if isinstance(task, Piece):
        KINDS[lab.spec.kind](task, lab, _record(lab, task))
    else:
        lab.warmed_up(task)


def _folder(lab: Lab, piece: Piece) -> Path:
    return lab.folder / "pieces" / piece.folder


def _record(lab: Lab, piece: Piece) -> Record:
    return Record(_folder(lab, piece), piece.label, piece.method, lab.watch, _work(lab, piece), piece=piece)


def _work(lab: Lab, piece: Piece) -> dict[str, int]:
    learns = bool(lab.randomizer(piece).needs)
    if lab.spec.kind == "identify":
        return {"randomizer/round-001.json": int(learns)}
    return stage_work(lab.spec, lab.rollouts.facts.horizon, learns=learns, shares=bool(piece.origin))


@dataclass(eq=False)
class _Hand:
    """A process that does one task after another.

    Args:
        process: The process.
        connection: Tasks go there, events come back.
        task: What it does now.
        work: Of the open stage.
        done: Of the open stage.
        finished: Work of the stages before.
    """

    process: BaseProcess
    connection: Connection
    task: Task | None = None
    work: int = 0
    done: int = 0
    finished: int = field(default=0)

    @classmethod
    def hire(cls, lab: Lab, processes: int) -> _Hand:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        workers = lab.spec.workers // processes
        job = (theirs, lab.spec, lab.folder, workers if workers > 1 else 0, lab.own_trainer)
        process = context.Process(target=_serve, args=job)
        process.start()
        theirs.close()
        return cls(process, ours)

    def begin(self, task: Task) -> None:
        self.task = task
        with self._alive():
            self.connection.send(task)

    def listen(self, progress: Progress) -> Task | None:
        """Take one event; return the task if that ends it."""
        with self._alive():
            what, value = self.connection.recv()
        if what == "start":
            self.work, self.done = value, 0
        elif what == "advance":
            self.done = value
        elif what == "finish":
            self.finished, self.work, self.done = self.finished + self.work, 0, 0
        elif what == "message":
            progress.message(value)
        elif what == "failed":
            raise value
        if what != "ended":
            return None
        done, self.task = self.task, None
        return done

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.process.join(_PATIENCE_S)
            what = self.task.label if isinstance(self.task, Piece) else f"the warm-up of seed {self.task}"
            raise WorkerError(
                f"The process that ran {what} died (exit code {self.process.exitcode}). What was finished is kept: go "
                f"on with --resume. If memory ran out, use fewer --processes."
            ) from None

    def dismiss(self) -> None:
        self.connection.close()
        if self.task is not None:
            self.process.terminate()
        self.process.join(_PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class _Relay:
    """Sends the progress of a process to the one that shows it: ``sim2real.experiment.progress.Progress``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = time.monotonic()

    def start(self, description: str, total: int, *, share: float = 0.0) -> None:
        """Send what begins."""
        self._connection.send(("start", total))

    def advance(self, done: int) -> None:
        """Send how far it is, now and then."""
        if time.monotonic() - self._last >= _RHYTHM_S:
            self._last = time.monotonic()
            self._connection.send(("advance", done))

    def message(self, text: str) -> None:
        """Send a line."""
        self._connection.send(("message", text))

    def finish(self) -> None:
        """Send that the stage ended."""
        self._connection.send(("finish", None))


def _serve(
    connection: Connection, spec: ExperimentSpec, folder: Path, workers: int, own_trainer: Trainer | None
) -> None:
    """Do the tasks that come, until none comes any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; one answers it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    watch = Watch(_Relay(connection))
    lab = Lab(spec, folder, watch, own_trainer, workers)
    with contextlib.closing(lab), watch.listening(), contextlib.suppress(EOFError, ConnectionError):
        while True:  # until the other end is closed
            task = connection.recv()
            try:
                _run(lab, task)
            except ConnectionError:
                raise
            except FAULTS as error:
                connection.send(("failed", _sendable(error)))
                return
            connection.send(("ended", None))


def _sendable(error: Exception) -> Exception:
    try:
        again = pickle.loads(pickle.dumps(error))
    except FAULTS:
        return WorkerError(str(error))
    return error if str(again) == str(error) else WorkerError(str(error))
