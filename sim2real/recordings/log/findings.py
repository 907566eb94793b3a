"""What is wrong with a log, or looks wrong: one value a fact, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

Level: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One fact about a log.

    Args:
        level: An ``"error"`` keeps the log from being read; a ``"warning"`` may be as it should be, but seldom is.
        rule: Name of the rule, such as ``"not-finite"``.
        message: What must hold, and what is there instead.
        fix: What most likely mends it.
        file: Name of the file.
        signal: The signal with its component, such as ``"joint.position[2]"``; or the key of the header.
        episode: Number of the episode.
        row: Row of the Parquet file, from 0.
        value: What was found.
    """

    level: Level
    rule: str
    message: str
    fix: str
    file: str = ""
    signal: str = ""
    episode: int | None = None
    row: int | None = None
    value: float | int | str | None = None

    def __str__(self) -> str:
        place = [self.file, self.signal]
        place += [] if self.episode is None else [f"episode {self.episode}"]
        place += [] if self.row is None else [f"row {self.row}"]
        return f"{self.level}: {', '.join(filter(None, place))}: {self.message} {self.fix}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return the finding as plain JSON; what is not known is null, and so is a value that JSON cannot say."""
        value = self.value
        return {**asdict(self), "value": str(value) if isinstance(value, float) and value - value != 0.0 else value}


@dataclass
class Findings:
    """Facts about one file as they are found."""

    file: str = ""
    found: list[Finding] = field(default_factory=list)

    def error(self, rule: str, message: str, fix: str, **place: Any) -> None:
        """Add an error; ``place`` as the fields of a ``Finding``."""
        self.found.append(Finding("error", rule, message, fix, **{"file": self.file, **place}))

    def warn(self, rule: str, message: str, fix: str, **place: Any) -> None:
        """Add a warning."""
        self.found.append(Finding("warning", rule, message, fix, **{"file": self.file, **place}))


def counted(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def errors_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the errors among findings."""
    return tuple(finding for finding in findings if finding.level == "error")
