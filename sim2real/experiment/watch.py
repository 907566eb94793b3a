"""What a run has still to do, told to whoever watches it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from sim2real.experiment.progress import Progress, Silent


class Watch(logging.Handler):
    """Turns the stages of a run into progress, with the work of a stage in env steps.

    While it is entered, what the toolkit logs (such as a cost before it is spent) becomes messages.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        super().__init__(logging.INFO)
        self.progress: Progress = progress or Silent()
        self.total = 0
        self._work = self._done = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Show what the toolkit's loggers say."""
        logger = logging.getLogger("sim2real")
        level = logger.level
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Show one line of a log."""
        self.progress.message(record.getMessage())

    @contextlib.contextmanager
    def stage(self, description: str, work: int) -> Iterator[None]:
        """Show one stage of ``work`` env steps; one that takes none is not shown."""
        self._work, self._done = work, 0
        if work == 0:
            yield
            return
        self.progress.start(description, work, share=min(work / self.total, 1.0) if self.total else 0.0)
        try:
            yield
        finally:
            self.progress.finish()

    def advance(self, done: int, total: int) -> None:
        """Say how far the open stage is; a stage of several passes never goes back."""
        self._done = max(self._done, self._work * done // max(total, 1))
        if self._work:
            self.progress.advance(self._done)
