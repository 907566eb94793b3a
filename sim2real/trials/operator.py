"""The person beside the robot: one key for everything on a terminal, one word a line elsewhere."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, TypeAlias

from rich.console import Console

from sim2real.trials.screen import Key, Screen, drawn, plain

_POLL_S = 0.05
_SETTLED_S = 0.3  # a key that is held down to start a trial must not stop it
_ESCAPE = "\x1b"
Stop: TypeAlias = Callable[[str], object]


class Operator(Protocol):
    """Who places things, watches, and says how it ended."""

    def ask(self, screen: Screen) -> str:
        """Show ``screen`` and return the character of the key that was pressed, one of its keys.

        Raises:
            EOFError: If there is nobody to ask any more.
        """

    def text(self, prompt: str) -> str:
        """Ask for a line of text, such as a name; may be empty.

        Raises:
            EOFError: If there is nobody to ask any more.
        """

    def watching(self, screen: Screen, stop: Stop) -> contextlib.AbstractContextManager[None]:
        """Show ``screen`` while the robot moves; a key press calls ``stop`` with who said so, from another thread."""


class LineOperator:
    """Talks in plain lines: for pipes, logs and terminals that can nothing else.

    An empty line stands for ENTER. While the robot moves, ``stop`` stops it, and so does any other line.

    Args:
        descriptor: Where lines come from, such as that of standard input.
        write: Gets each line of what is shown.
    """

    def __init__(self, descriptor: int, write: Callable[[str], object]) -> None:
        self._descriptor, self._write = descriptor, write
        self._unread = b""
        self._ended = False

    def ask(self, screen: Screen) -> str:
        for line in plain(screen):
            self._write(line)
        while True:
            key = _named(self._line(), screen.keys)
            if key is not None:
                return key.character
            self._write("  Type one of: " + ", ".join(each.word for each in screen.keys))

    def text(self, prompt: str) -> str:
        self._write(prompt)
        return self._line().strip()

    @contextlib.contextmanager
    def watching(self, screen: Screen, stop: Stop) -> Iterator[None]:
        interactive = os.isatty(self._descriptor)  # a file or a pipe holds the answers to later questions
        for line in plain(screen if interactive else replace(screen, keys=())):
            self._write(line)
        if not interactive:
            self._write("  Ctrl-C stops the robot.")

        def watch() -> None:
            if interactive and self._ready():
                self._read()
                if b"\n" in self._unread:
                    self._line()
                    stop("the operator said so")

        with _polling(watch):
            yield

    def _line(self) -> str:
        while b"\n" not in self._unread and not self._ended:
            self._read()
        line, newline, self._unread = self._unread.partition(b"\n")
        if not newline and not line:
            raise EOFError("standard input has ended")
        return line.decode(errors="replace")

    def _ready(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0.0)[0])

    def _read(self) -> None:
        found = os.read(self._descriptor, 4096)
        self._ended = not found
        self._unread += found


class KeyOperator:
    """Draws screens on a terminal and reads single keys.

    Args:
        console: Where screens are drawn.
        descriptor: The terminal that keys come from.
    """

    def __init__(self, console: Console, descriptor: int) -> None:
        self._console, self._descriptor = console, descriptor
        self._last = ""

    def ask(self, screen: Screen) -> str:
        self._show(screen)
        with self._single_keys():
            while True:
                pressed = self._key(None)
                self._last = pressed
                for key in screen.keys:
                    if pressed.lower() == key.character or (pressed == "\r" and key.character == "\n"):
                        return key.character

    def text(self, prompt: str) -> str:
        self._console.print(f"\n{prompt} ", end="", markup=False, highlight=False)
        line = b""
        while not line.endswith(b"\n"):
            found = os.read(self._descriptor, 1024)
            if not found:
                raise EOFError("the terminal is gone")
            line += found
        return line.decode(errors="replace").strip()

    @contextlib.contextmanager
    def watching(self, screen: Screen, stop: Stop) -> Iterator[None]:
        self._show(screen)
        settled = time.monotonic() + _SETTLED_S

        def watch() -> None:
            with contextlib.suppress(EOFError):
                pressed = self._key(0.0)
                if pressed and (pressed != self._last or time.monotonic() >= settled):
                    stop("the operator pressed a key")

        with self._single_keys(flush=False), _polling(watch):
            yield

    def _show(self, screen: Screen) -> None:
        self._console.clear()
        self._console.print(drawn(screen))

    def _key(self, timeout_s: float | None) -> str:
        """Return the next key, or an empty text where none comes in time."""
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return ""
        found = os.read(self._descriptor, 1)
        if not found:
            raise EOFError("the terminal is gone")
        character = found.decode(errors="replace")
        if character == _ESCAPE:  # an arrow or function key: swallow the rest of it
            while select.select([self._descriptor], [], [], 0.01)[0]:
                os.read(self._descriptor, 1)
        return character

    @contextlib.contextmanager
    def _single_keys(self, *, flush: bool = True) -> Iterator[None]:
        """Give every key at once and unseen; Ctrl-C still interrupts.

        Args:
            flush: Whether what was typed before is forgotten: nobody answers a question that they have not seen.
        """
        import termios
        import tty

        before = termios.tcgetattr(self._descriptor)
        try:
            tty.setcbreak(self._descriptor, termios.TCSAFLUSH if flush else termios.TCSADRAIN)
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)


def operator_for(console: Console, descriptor: int) -> Operator:
    """Return what suits: keys where both ends are a terminal, else plain lines."""
    if console.is_terminal and not console.is_dumb_terminal and os.isatty(descriptor):
        return KeyOperator(console, descriptor)
    return LineOperator(descriptor, lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))


def _named(line: str, keys: tuple[Key, ...]) -> Key | None:
    """Return the key that a typed line means: its word, its character, or ENTER for an empty line."""
    said = line.strip().lower()
    for key in keys:
        if said in (key.word, key.character.strip() or key.name.lower()) or (not said and key.character == "\n"):
            return key
    return None


@contextlib.contextmanager
def _polling(look: Callable[[], None]) -> Iterator[None]:
    """Call ``look`` now and then on another thread."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(_POLL_S):
            look()

    thread = threading.Thread(target=work, name="operator", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
