"""The operator's two ways: single keys on a terminal, words on lines elsewhere."""

from __future__ import annotations

import io
import os
import pty
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from sim2real.trials.operator import KeyOperator, LineOperator, operator_for
from sim2real.trials.screen import Progress, Screen
from sim2real.trials.session import CONFIRM, GO, NO, QUIT, YES

SCREEN = Screen("verdict", "reach", Progress(1, 4, 1, 2), (CONFIRM, YES, NO, QUIT))


@contextmanager
def lines(text: str) -> Iterator[tuple[LineOperator, list[str]]]:
    """Give an operator who reads ``text`` from a pipe, and what it was shown."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    shown: list[str] = []
    yield LineOperator(reading, shown.append), shown
    os.close(reading)


@pytest.mark.parametrize(("typed", "key"), [("yes", "y"), ("Y", "y"), ("", "\n"), ("enter", "\n"), (" no ", "n")])
def test_a_word_a_character_and_an_empty_line_are_keys(typed: str, key: str) -> None:
    with lines(f"{typed}\n") as (operator, _):
        assert operator.ask(SCREEN) == key


def test_what_is_no_key_is_asked_again() -> None:
    with lines("maybe\nyes\nAda\n") as (operator, shown):
        assert operator.ask(SCREEN) == "y"
        assert shown[-1] == "  Type one of: enter, yes, no, quit"
        assert operator.text("Your name:") == "Ada"
        with pytest.raises(EOFError):
            operator.ask(SCREEN)


def test_answers_that_wait_in_a_pipe_stop_no_robot() -> None:
    stops: list[str] = []
    with lines("yes\n") as (operator, _):
        with operator.watching(SCREEN, stops.append):
            time.sleep(0.15)
        assert operator.ask(SCREEN) == "y"
    assert stops == []


@pytest.fixture
def terminal() -> Iterator[tuple[int, KeyOperator, io.StringIO]]:
    """The far end of a terminal, an operator at it, and what is on its screen."""
    far, near = pty.openpty()
    out = io.StringIO()
    yield far, KeyOperator(Console(file=out, force_terminal=True, width=80), near), out
    os.close(far)
    os.close(near)


def press(far: int, out: io.StringIO, keys: bytes, when: str) -> None:
    """Press keys once ``when`` is on the screen."""

    def wait() -> None:
        while when not in out.getvalue():
            time.sleep(0.005)
        time.sleep(0.05)  # the question is on the screen; a moment later it is listened to
        for key in keys.split(b" "):
            os.write(far, key)
            time.sleep(0.05)

    threading.Thread(target=wait, daemon=True).start()


def test_one_key_is_enough(terminal: tuple[int, KeyOperator, io.StringIO]) -> None:
    far, operator, out = terminal
    press(far, out, b"? \x1b[A Y", "HOW DID IT END?")  # no key, an arrow, a key
    assert operator.ask(SCREEN) == "y"


def test_what_was_typed_before_a_question_is_not_its_answer(terminal: tuple[int, KeyOperator, io.StringIO]) -> None:
    far, operator, out = terminal
    os.write(far, b"n")
    time.sleep(0.3)  # it has arrived
    press(far, out, b"\r", "HOW DID IT END?")
    assert operator.ask(SCREEN) == "\n"


def test_any_key_stops_the_robot_but_not_the_one_that_is_still_held(
    terminal: tuple[int, KeyOperator, io.StringIO],
) -> None:
    far, operator, out = terminal
    start, running = (Screen(phase, "reach", Progress(0, 4, 1, 2), (GO,)) for phase in ("place", "running"))
    press(far, out, b"g", "PLACE")
    assert operator.ask(start) == "g"
    os.write(far, b"g")
    stops: list[str] = []
    with operator.watching(running, stops.append):
        time.sleep(0.12)
        assert stops == []
        os.write(far, b" ")
        until = time.monotonic() + 5.0
        while not stops and time.monotonic() < until:
            time.sleep(0.01)
    assert stops[:1] == ["the operator pressed a key"]


def test_a_name_is_a_line(terminal: tuple[int, KeyOperator, io.StringIO]) -> None:
    far, operator, out = terminal
    press(far, out, b"Ada\n", "Your name:")
    assert operator.text("Your name:") == "Ada"


def test_keys_need_a_terminal_at_both_ends(terminal: tuple[int, KeyOperator, io.StringIO]) -> None:
    reading, writing = os.pipe()
    assert isinstance(operator_for(Console(file=io.StringIO()), reading), LineOperator)
    assert isinstance(operator_for(Console(file=io.StringIO(), force_terminal=True), reading), LineOperator)
    os.close(reading)
    os.close(writing)
