"""Live progress of a run: a bar with time left on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars

from sim2real.experiment.progress import Progress


class Clock:
    """Guesses the time left of a stage and of a whole run from what is done so far."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._finished_share = 0.0
        self.start(1, 0.0)

    def start(self, total: int, share: float) -> None:
        """Begin a stage of ``total`` units that is ``share`` of the run."""
        self._stage_began = self._now()
        self._total, self._share, self._done = max(total, 1), share, 0

    def advance(self, done: int) -> None:
        """Note that ``done`` units of the stage are finished."""
        self._done = min(max(done, 0), self._total)

    def finish(self) -> None:
        """End the stage."""
        self._finished_share += self._share
        self.start(1, 0.0)

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, in [0, 1]."""
        return self._done / self._total

    def stage_left(self) -> float | None:
        """Return the seconds that the stage still takes; None where nothing is known yet."""
        return self._left(self._now() - self._stage_began, self.fraction)

    def run_left(self) -> float | None:
        """Return the seconds that the run still takes; None where nothing is known yet."""
        return self._left(self._now() - self._began, self._finished_share + self._share * self.fraction)

    def left(self) -> str:
        """Return the time left in words, of the whole run where it is known."""
        run, stage = self.run_left(), self.stage_left()
        if run is not None:
            return f"{duration(run)} left of the run"
        return f"{duration(stage)} left" if stage is not None else ""

    @staticmethod
    def _left(elapsed: float, fraction: float) -> float | None:
        return elapsed * (1.0 - fraction) / fraction if fraction > 0.01 else None


class LiveBar:
    """Shows the stage in progress on a terminal; a context manager that puts the terminal back."""

    def __init__(self, console: Console) -> None:
        self._clock = Clock()
        self._bar = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[left]}[/]"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def start(self, description: str, total: int, *, share: float = 0.0) -> None:
        """Replace the bar by one for the next stage."""
        self.finish()
        self._clock.start(total, share)
        self._task = self._bar.add_task(description, total=total, left="")

    def advance(self, done: int) -> None:
        """Move the bar."""
        self._clock.advance(done)
        if self._task is not None:
            self._bar.update(self._task, completed=done, left=self._clock.left())

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def finish(self) -> None:
        """Remove the bar of the open stage."""
        if self._task is not None:
            self._clock.finish()
            self._bar.remove_task(self._task)
            self._task = None


class PlainLines:
    """Prints a line at the begin of a stage and every ``every`` seconds, for logs and pipes."""

    def __init__(
        self, write: Callable[[str], None], every: float = 15.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._every, self._now = write, every, now
        self._clock = Clock(now)
        self._description: str | None = None
        self._last = now()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def start(self, description: str, total: int, *, share: float = 0.0) -> None:
        """Print what begins."""
        self.finish()
        self._clock.start(total, share)
        self._description, self._last = description, self._now()
        self._write(description)

    def advance(self, done: int) -> None:
        """Print how far it is, if the last line is old enough."""
        self._clock.advance(done)
        if self._description is not None and self._now() - self._last >= self._every:
            self._last = self._now()
            self._write(
                ", ".join(filter(None, [f"{self._description}: {self._clock.fraction:.0%}", self._clock.left()]))
            )

    def message(self, text: str) -> None:
        """Print a line."""
        self._write(text)

    def finish(self) -> None:
        """End the open stage."""
        if self._description is not None:
            self._clock.finish()
            self._description = None


def progress_for(console: Console) -> LiveBar | PlainLines:
    """Return what suits the console: a bar on a terminal, plain lines elsewhere."""
    if console.is_terminal:
        return LiveBar(console)
    return PlainLines(lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True))


def stages(progress: Progress) -> Callable[[str, int, int], None]:
    """Return a function of (what is being done, done, total) that shows each new ``what`` as a stage."""
    current: list[str] = []

    def show(what: str, done: int, total: int) -> None:
        if [what] != current:
            current[:] = [what]
            progress.start(what, max(total, 1))
        progress.advance(done)

    return show


def duration(seconds: float) -> str:
    """Return a time in words: ``"8 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
