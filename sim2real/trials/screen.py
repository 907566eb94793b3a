"""What the operator sees: one screen for each moment, as a value; on a terminal drawn, elsewhere in plain lines."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sim2real.gap.statistics import Rate
from sim2real.trials.placing import Placement

Phase: TypeAlias = Literal["place", "running", "verdict", "stopped", "paused", "trouble"]

_TITLES = {
    "place": ("PLACE", "cyan"),
    "running": ("THE ROBOT IS MOVING", "red"),
    "verdict": ("HOW DID IT END?", "yellow"),
    "stopped": ("THE ROBOT IS STOPPED", "red"),
    "paused": ("PAUSED", "blue"),
    "trouble": ("TROUBLE", "red"),
}
_WIDTH, _LISTED = 80, 4  # columns of a screen; keys up to which they stand one below the other
_ROWS, _COLUMNS = 8, 31  # of the drawing
_SIGNS = {"object": "■", "support": "□", "hole": "○", "goal": "◎"}
_ARROWS = "↑↖←↙↓↘→↗"  # x away from the base is up, y to its left


@dataclass(frozen=True)
class Key:
    """A key and what it does: the character, the word for those who type lines, and the meaning."""

    character: str
    word: str
    meaning: str

    @property
    def name(self) -> str:
        """The key as it stands on a keyboard."""
        return {"\n": "ENTER", " ": "SPACE"}.get(self.character, self.character)


@dataclass(frozen=True)
class Progress:
    """How far the trials are.

    Args:
        done: Trials that count.
        total: Of the plan.
        block: The running block, from 1.
        blocks: Of the plan.
        spoiled: Trials that do not count.
        seconds_left: As far as one can tell, or None.
        rates: Policy to its rate so far; None while the operator is blind.
    """

    done: int
    total: int
    block: int
    blocks: int
    spoiled: int = 0
    seconds_left: float | None = None
    rates: dict[str, Rate] | None = None


@dataclass(frozen=True)
class Screen:
    """One moment of a session.

    Args:
        phase: Which.
        title: Name of the plan.
        progress: How far it is.
        keys: What may be pressed.
        lines: What to do, or what happened.
        places: What goes where.
        trial: Which trial this is, in words; without the policy while the operator is blind.
    """

    phase: Phase
    title: str
    progress: Progress
    keys: tuple[Key, ...]
    lines: tuple[str, ...] = ()
    places: tuple[Placement, ...] = ()
    trial: str = ""


def drawn(screen: Screen) -> RenderableType:
    """Return the screen for a terminal of 80 columns and 24 rows, or larger."""
    word, colour = _TITLES[screen.phase]
    head = Text.assemble(
        (f" {word} ", f"bold {'black' if colour == 'yellow' else 'white'} on {colour}"), f"  {screen.trial}"
    )
    parts: list[RenderableType] = [head, _progress(screen.progress), Text()]
    if screen.places:
        side = Table.grid(padding=(0, 2))
        side.add_row(_table(screen.places), Text("\n".join(sketch(screen.places))))
        parts += [side, Text()]
    parts += [Text(line) for line in screen.lines]
    keys = Table.grid(padding=(0, 1))
    half = (len(screen.keys) + 1) // 2 if len(screen.keys) > _LISTED else len(screen.keys)
    for left, right in itertools.zip_longest(screen.keys[:half], screen.keys[half:]):
        keys.add_row(*(cell for key in (left, right) if key is not None for cell in _key(key)))
    parts += [Text(), keys]
    if screen.progress.rates is not None:
        parts += [Text(), _rates(screen.progress.rates)]
    body = Padding(Group(*parts), (0, 1))
    return Panel(body, title=screen.title, title_align="left", width=_WIDTH, border_style=colour)


def plain(screen: Screen) -> Iterator[str]:
    """Yield the screen as lines of text, for pipes, logs and bad terminals."""
    done = screen.progress
    left = "" if done.seconds_left is None else f", {_time(done.seconds_left)} left"
    spoiled = f", {done.spoiled} spoiled" if done.spoiled else ""
    yield f"--- {_TITLES[screen.phase][0]} --- {screen.trial} ({done.done} of {done.total} done{spoiled}{left})"
    for place in screen.places:
        x, y, z, angle = place.cells
        yield f"  {place.name}: x {x} cm, y {y} cm, height {z} cm" + (f", turned {angle}" if angle else "")
    yield from (f"  {line}" for line in screen.lines)
    if done.rates is not None:
        yield "  " + "; ".join(f"{name} {rate.k}/{rate.n}" for name, rate in done.rates.items())
    if screen.keys:
        yield "  type: " + ", ".join(f"{key.word} ({key.meaning})" for key in screen.keys)


def sketch(places: Sequence[Placement]) -> list[str]:
    """Return a drawing of the table from above, not to scale: the base ``R`` below, x away from it, y to the left.

    An arrow beside an object shows its heading to an eighth of a turn.
    """
    far = max(0.3, *(float(place.position[0]) for place in places)) * 1.1
    wide = max(0.2, *(abs(float(place.position[1])) for place in places)) * 1.1
    canvas = [[" "] * _COLUMNS for _ in range(_ROWS)]
    canvas[-1][_COLUMNS // 2] = "R"
    for place in places:
        x, y = float(place.position[0]), float(place.position[1])
        row = round((_ROWS - 1) * (1.0 - max(x, 0.0) / far))
        column = round((_COLUMNS - 1) * 0.5 * (1.0 - y / wide))
        canvas[row][column] = _SIGNS.get(place.name, "·")
        if place.yaw is not None and column + 1 < _COLUMNS:
            canvas[row][column + 1] = _ARROWS[round(place.yaw / (math.pi / 4)) % 8]
    left, right = f"y +{100 * wide:.0f} cm", f"y -{100 * wide:.0f} cm"
    return [
        f"┌{f' x {100 * far:.0f} cm ':─^{_COLUMNS}}┐",
        *("│" + "".join(row) + "│" for row in canvas),
        f"└{left}{'─' * (_COLUMNS - len(left) - len(right))}{right}┘",
    ]


def _key(key: Key) -> tuple[RenderableType, RenderableType]:
    return Text(f" {key.name} ", style="reverse"), Text(f"{key.meaning}  ")


def _progress(progress: Progress) -> RenderableType:
    left = "" if progress.seconds_left is None else f", {_time(progress.seconds_left)} left"
    spoiled = f", {progress.spoiled} spoiled" if progress.spoiled else ""
    row = Table.grid(padding=(0, 1))
    count = f"{progress.done} of {progress.total} done, block {progress.block} of {progress.blocks}{spoiled}{left}"
    row.add_row(ProgressBar(total=max(progress.total, 1), completed=progress.done, width=14), count)
    return row


def _table(places: Sequence[Placement]) -> RenderableType:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("place", no_wrap=True)
    for heading in ("x cm", "y cm", "z cm", "turned"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place in places:
        table.add_row(f"{_SIGNS.get(place.name, '·')} {place.name}", *(f"[bold]{cell}[/]" for cell in place.cells))
    note = "\nFrom the robot's base R:\nx away from it, y to its left.\n0° points away, turns left are +."
    return Group(table, Text(note, style="dim"))


def _rates(rates: dict[str, Rate]) -> RenderableType:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("policy (not blind)", "successes", "95 % interval"):
        table.add_column(heading)
    for name, rate in rates.items():
        table.add_row(name, f"{rate.k} of {rate.n}", f"{rate.low:.0%} to {rate.high:.0%}" if rate.n else "-")
    return table


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"
