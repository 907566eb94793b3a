"""What can go wrong in the toolkit, as one tree.

Sim2RealError                                everything that the toolkit raises on purpose
├── SpecError (ValueError)                   an experiment file with mistakes; lists all of them
├── RecordingError (ValueError)              a recording that cannot be read; names the file and the row
├── MissingDataError (FileNotFoundError)     a data set that is not there; says which command brings it
├── DataSourceError (OSError)                a source of a data set that cannot be reached or does not match
├── InsufficientEvidence (ValueError)        a randomizer was given less than it needs
├── TooManyDivergences (ArithmeticError)     worlds diverged again and again; names the domain
├── RunFolderError (OSError)                 a run folder that cannot be written, read or resumed
├── PolicyError (ValueError)                 a policy file or observation that does not fit
├── RobotError (RuntimeError)                what is not a robot, or one that does not do what a robot must
│   └── RobotStopped                         a latched stop that a person has to reset; says why it stopped
├── Interrupted (RuntimeError)               Ctrl-C: everything finished so far is on disk; says how to resume
└── MissingExtraError (ImportError)          an optional dependency; says what to install

Errors of the environments stand in ``sim2real_envs.errors``.
"""

from __future__ import annotations

from collections.abc import Sequence


class Sim2RealError(Exception):
    """Base of every error that the toolkit raises on purpose."""


class SpecError(Sim2RealError, ValueError):
    """An experiment file with mistakes: all of them at once, one line each."""

    def __init__(self, problems: Sequence[str], source: str = "experiment") -> None:
        self.problems, self.source = tuple(problems), source
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__(f"{source}: {count}\n" + "\n".join(f"  - {problem}" for problem in self.problems))

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...], str]]:
        return type(self), (self.problems, self.source)


class RecordingError(Sim2RealError, ValueError):
    """A recording that cannot be read."""


class MissingDataError(Sim2RealError, FileNotFoundError):
    """A data set that is not where it was looked for."""


class DataSourceError(Sim2RealError, OSError):
    """A source of a data set that cannot be reached or does not match its checksums."""


class InsufficientEvidence(Sim2RealError, ValueError):
    """A randomizer was given less than it needs."""


class TooManyDivergences(Sim2RealError, ArithmeticError):
    """Worlds diverged again and again."""


class RunFolderError(Sim2RealError, OSError):
    """A run folder that cannot be written, read or resumed."""


class PolicyError(Sim2RealError, ValueError):
    """A policy file or an observation that does not fit."""


class RobotError(Sim2RealError, RuntimeError):
    """What is not a robot, or a robot that does not do what a robot must."""


class RobotStopped(RobotError):
    """A robot with a latched stop, which a person has to reset."""


class Interrupted(Sim2RealError, RuntimeError):
    """The user stopped the run; everything finished so far is on disk."""


class MissingExtraError(Sim2RealError, ImportError):
    """An optional dependency is not installed."""
