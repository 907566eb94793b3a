"""Who steps the worlds of ``vector.VectorWorlds``: this process, or a crew of workers.

One byte goes each way per worker and step, over a pipe: that costs about 20 us
more than a bare semaphore, and a dead worker closes its pipe.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Protocol

import numpy as np
from gymnasium.vector.utils import CloudpickleWrapper

from sim2real_envs.board import Board, Layout
from sim2real_envs.errors import ClosedError, OptionError, WorkerError
from sim2real_envs.worlds import NOTHING_ASSIGNED, MakeEnv, Worlds

_CLOSE, _DONE = b"c", b"d"
_PATIENCE_S = 5.0  # what a worker gets to close its worlds before it is terminated


class Crew(Protocol):
    """Who carries out a command for all worlds."""

    def begin(self, command: bytes) -> None:
        """Start; returns at once where there are workers."""

    def wait(self) -> None:
        """Return when all worlds are done."""

    def close(self) -> None:
        """Close all worlds; may be called twice."""


class LocalCrew:
    """All worlds in this process; errors of an environment come through as they are."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds, self._command = worlds, b""

    def begin(self, command: bytes) -> None:
        self._command = command

    def wait(self) -> None:
        self._worlds.run(self._command)

    def close(self) -> None:
        self._worlds.close()


class ProcessCrew:
    """Worker processes, each with a fixed share of consecutive worlds."""

    def __init__(
        self,
        context: BaseContext,
        shares: Sequence[Sequence[int]],
        make_env: MakeEnv,
        board: Board,
        columns: Sequence[str],
    ) -> None:
        self._shares = [tuple(share) for share in shares]
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._busy = True
        try:
            with _ctrl_c_later():
                for share in self._shares:
                    self._start(context, CloudpickleWrapper(make_env), board, share, tuple(columns))
            self.wait()
        except BaseException:
            self.close()
            raise

    def _start(self, context: BaseContext, *job: object) -> None:
        ours, theirs = context.Pipe()
        self._pipes.append(ours)
        inherited = tuple(self._pipes) if context.get_start_method() == "fork" else ()
        process = context.Process(target=_work, args=(theirs, inherited, *job), daemon=True)  # type: ignore[attr-defined]
        self._processes.append(process)
        try:
            process.start()
        finally:
            theirs.close()

    def begin(self, command: bytes) -> None:
        if self._busy:
            raise ClosedError("A step of these worlds was interrupted or not waited for; make new ones.")
        self._busy = True
        for worker, pipe in enumerate(self._pipes):
            try:
                pipe.send_bytes(command)
            except OSError:
                raise self._death(worker) from None

    def wait(self) -> None:
        for worker, pipe in enumerate(self._pipes):
            try:
                answer = pipe.recv_bytes()
            except (EOFError, OSError):
                raise self._death(worker) from None
            if answer != _DONE:
                raise WorkerError(f"{self._name(worker)} failed:\n{answer.decode(errors='replace')}")
        self._busy = False

    def _name(self, worker: int) -> str:
        share = self._shares[worker]
        return f"Worker {worker} (worlds {share[0]} to {share[-1]})"

    def _death(self, worker: int) -> WorkerError:
        process = self._processes[worker]
        process.join(_PATIENCE_S)
        code = process.exitcode
        how = f"exit code {code}" if code is None or code >= 0 else f"signal {signal.Signals(-code).name}"
        return WorkerError(f"{self._name(worker)}, process {process.pid}, died: {how}.")

    def close(self) -> None:
        for pipe in self._pipes:
            try:
                pipe.send_bytes(_CLOSE)
            except OSError:
                continue  # it is dead, or its pipe is closed
        for process in self._processes:
            _end(process)
        for pipe in self._pipes:
            pipe.close()
        self._processes.clear()
        self._pipes.clear()


def make_crew(
    make_env: MakeEnv, layout: Layout, worlds: int, workers: int, columns: Sequence[str], start_method: str | None
) -> tuple[Crew, Board]:
    """Return a crew for ``worlds`` worlds, with no worker idle, and the board that it works on."""
    if workers == 0:
        board = _cleared(Board(layout))
        return LocalCrew(Worlds(make_env, board, range(worlds), columns)), board
    try:
        context = multiprocessing.get_context(start_method)
    except ValueError:
        known = ", ".join(multiprocessing.get_all_start_methods())
        raise OptionError(f"{start_method!r} is not a start method here. Available: {known}.") from None
    board = _cleared(Board(layout, context))
    shares = [share.tolist() for share in np.array_split(np.arange(worlds), min(workers, worlds))]
    return ProcessCrew(context, shares, make_env, board, columns), board


def _cleared(board: Board) -> Board:
    board["next_seed"][:] = board["next_tag"][:] = NOTHING_ASSIGNED
    return board


def _end(process: BaseProcess) -> None:
    if process.pid is None:  # never started
        return
    for stop in (process.terminate, process.kill):
        process.join(_PATIENCE_S)
        if process.is_alive():
            stop()
    process.join()
    process.close()


@contextmanager
def _ctrl_c_later() -> Iterator[None]:
    """Hold Ctrl-C back while processes start, so that they are born deaf to it."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Telling:
    """Sends the text of an error that ends its block, in place of raising it: it belongs to the main process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is not None:
            with suppress(OSError):  # the main process is gone as well
                self._pipe.send_bytes("".join(traceback.format_exception(error)).encode())
        return True


def _work(
    pipe: Connection,
    inherited: Sequence[Connection],
    make_env: CloudpickleWrapper,
    board: Board,
    share: Sequence[int],
    columns: Sequence[str],
) -> None:
    for copy in inherited:  # else the pipe stays open when the main process is gone
        copy.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with _Telling(pipe):
        worlds = Worlds(make_env.fn, board, share, columns)
        pipe.send_bytes(_DONE)
        while (command := _next_command(pipe)) != _CLOSE:
            worlds.run(command)
            pipe.send_bytes(_DONE)
        worlds.close()


def _next_command(pipe: Connection) -> bytes:
    try:
        return pipe.recv_bytes()
    except EOFError:  # the main process is gone
        return _CLOSE
