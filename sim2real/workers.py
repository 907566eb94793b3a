"""A pool of persistent worker processes that run errands and keep what is costly to make.

An errand is a function of a box, of something common to all items, and of one
item. The box is the worker's own and outlives the errand: environments and
engines stay in it. Results come back in the order of the items, whatever the
number of workers. Nothing is sent while an errand runs.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar, cast

from sim2real_envs.errors import WorkerError

C = TypeVar("C")
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")

Advance: TypeAlias = Callable[[int, int], None]
"""Called with (done, total) items."""

FAULTS = (ArithmeticError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What other people's code raises when something is wrong; all errors of this project are among them."""
_PATIENCE_S = 5.0


class Closable(Protocol):
    """What a box may hold."""

    def close(self) -> object:
        """Release engines and memory."""


@dataclass
class Box:
    """What one worker keeps from errand to errand."""

    contents: dict[Hashable, Closable] = field(default_factory=dict)

    def keep(self, key: Hashable, make: Callable[[], Closable]) -> Any:
        """Return what is kept under ``key``, made now if it is not there."""
        if key not in self.contents:
            self.contents[key] = make()
        return self.contents[key]

    def discard(self, key: Hashable) -> None:
        """Close what is kept under ``key``, so that the next errand makes it anew."""
        if key in self.contents:
            self.contents.pop(key).close()

    def clear(self) -> None:
        """Close everything."""
        for key in tuple(self.contents):
            self.discard(key)


class WorkerPool:
    """Persistent workers, started at the first errand.

    Args:
        workers: Number of processes; 0 runs everything in this one.
        start_method: ``"fork"``, ``"spawn"`` or ``"forkserver"``; None for the platform's own.

    Raises:
        ValueError: Unless ``workers >= 0``.
    """

    def __init__(self, workers: int = 2, *, start_method: str | None = None) -> None:
        if workers < 0:
            raise ValueError(f"`workers >= 0` must hold, but got workers={workers}; 0 runs in the main process.")
        self.workers = workers
        self._context = multiprocessing.get_context(start_method)
        self._box = Box()
        self._staff: list[tuple[BaseProcess, Connection]] = []

    def map(
        self,
        errand: Callable[[Box, C, I], R],
        common: C,
        items: Sequence[I],
        *,
        progress: Advance | None = None,
    ) -> tuple[R, ...]:
        """Run ``errand(box, common, item)`` for every item and return the results in order.

        ``errand`` is a function of a module; ``common`` is sent once to each worker.

        Raises:
            WorkerError: If a worker process dies. The other workers are stopped; the next call starts new ones.
        """
        if self.workers == 0 or not items:
            results = []
            for done, item in enumerate(items, start=1):
                results.append(errand(self._box, common, item))
                _report(progress, done, len(items))
            return tuple(results)
        finished = False
        try:
            gathered = self._share_out(errand, common, items, progress)
            finished = True
        finally:
            if not finished:  # an error or Ctrl-C: what is still running has no one to report to
                self._dismiss()
        return gathered

    def _share_out(
        self, errand: Callable[[Box, C, I], R], common: C, items: Sequence[I], progress: Advance | None
    ) -> tuple[R, ...]:
        staff = self._hire()
        size = max(1, min(16, len(items) // (4 * len(staff))))
        chunks = [range(first, min(first + size, len(items))) for first in range(0, len(items), size)]
        results: dict[int, R] = {}
        waiting = iter(chunks)
        busy: dict[Connection, tuple[BaseProcess, range]] = {}

        def hand_out(process: BaseProcess, connection: Connection) -> None:
            if (chunk := next(waiting, None)) is not None:
                _send(process, connection, [items[index] for index in chunk])
                busy[connection] = (process, chunk)

        for process, connection in staff:
            _send(process, connection, (errand, common))
            hand_out(process, connection)
        while busy:
            for connection in cast(list[Connection], wait(list(busy))):
                process, chunk = busy.pop(connection)
                results.update(zip(chunk, _receive(process, connection), strict=True))
                _report(progress, len(results), len(items))
                hand_out(process, connection)
        return tuple(results[index] for index in range(len(items)))

    def _hire(self) -> list[tuple[BaseProcess, Connection]]:
        while len(self._staff) < self.workers:
            ours, theirs = self._context.Pipe()
            forked = self._context.get_start_method() == "fork"
            inherited = [ours, *(connection for _, connection in self._staff)] if forked else []
            process = self._context.Process(target=_serve, args=(theirs, inherited), daemon=True)  # type: ignore[attr-defined]
            process.start()
            theirs.close()
            self._staff.append((process, ours))
        return self._staff

    def _dismiss(self) -> None:
        for process, connection in self._staff:
            connection.close()
            process.terminate()
        for process, _ in self._staff:
            process.join()
        self._staff = []

    def close(self) -> None:
        """Stop the workers and close what they keep; may be called twice, and the pool may be used again."""
        self._box.clear()
        for process, connection in self._staff:
            if process.is_alive():
                _send(process, connection, None)
        for process, _ in self._staff:
            process.join(timeout=_PATIENCE_S)
        self._dismiss()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close() if kind is None else self._dismiss()


def _report(progress: Advance | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _send(process: BaseProcess, connection: Connection, message: object) -> None:
    try:
        connection.send(message)
    except (BrokenPipeError, ConnectionResetError):
        raise _death(process) from None


def _receive(process: BaseProcess, connection: Connection) -> Sequence[Any]:
    try:
        results, error, trace = connection.recv()
    except (EOFError, ConnectionResetError):
        raise _death(process) from None
    if error is not None:
        error.add_note(f"In a worker process:\n{trace}")
        raise error
    return results  # type: ignore[no-any-return]


def _death(process: BaseProcess) -> WorkerError:
    process.join(timeout=_PATIENCE_S)
    code = process.exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"left with code {code}"
    return WorkerError(
        f"A worker process {how} in the middle of an errand; what it printed stands above. Out of memory is the usual "
        f"cause of SIGKILL. With workers=0 the same errand runs in the main process, where a debugger can see it."
    )


def _serve(connection: Connection, inherited: Sequence[Connection]) -> None:
    """The life of a worker: receive an errand, then chunks of items, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the main process decides
    for copy in inherited:  # else the pipes stay open when the main process is gone
        copy.close()
    box = Box()
    errand: Callable[[Box, Any, Any], Any] | None = None
    common: Any = None
    try:
        while True:
            message = connection.recv()
            if message is None:
                return
            if isinstance(message, tuple):
                errand, common = message
            elif errand is not None:
                connection.send(_run(errand, box, common, message))
    except (EOFError, ConnectionResetError, BrokenPipeError):
        return
    finally:
        box.clear()


def _run(
    errand: Callable[[Box, Any, Any], Any], box: Box, common: Any, chunk: Sequence[Any]
) -> tuple[list[Any], Exception | None, str]:
    try:
        return [errand(box, common, item) for item in chunk], None, ""
    except FAULTS as error:
        return [], error, traceback.format_exc()
