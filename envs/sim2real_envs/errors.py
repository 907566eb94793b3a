"""What can go wrong in an environment, as one tree.

EnvError                                 every error of this package
├── UnknownNameError (LookupError)       a name that does not exist here; says which do, nearest first
├── ParameterError (ValueError)          a parameter definition, range or value that breaks its law
├── OptionError (ValueError)             a constructor or reset option with a value that is not allowed
├── ActionError (ValueError)             an action of the wrong shape, or with NaN
├── StateError (ValueError)              a state that cannot be set: wrong shape, not finite, not reachable
├── ClosedError (RuntimeError)           a call on an environment or backend after ``close``
├── WorkerError (RuntimeError)           a worker process of a vector environment died
└── MissingDependencyError (ImportError) an optional engine is not installed; says what to install
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EnvError(Exception):
    """Base of every error that this package raises on purpose."""


class UnknownNameError(EnvError, LookupError):
    """A name that does not exist in its place."""

    def __init__(self, name: str, place: str, known: Iterable[str]) -> None:
        self.name, self.place, self.known = name, place, tuple(known)
        super().__init__(unknown_name(name, place, self.known))

    def __reduce__(self) -> tuple[type, tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.name, self.place, self.known)


class ParameterError(EnvError, ValueError):
    """A parameter definition, range or value that breaks its law."""


class OptionError(EnvError, ValueError):
    """A constructor or reset option with a value that is not allowed."""


class ActionError(EnvError, ValueError):
    """An action of the wrong shape, or with values that are not finite."""


class StateError(EnvError, ValueError):
    """A state that cannot be set."""


class ClosedError(EnvError, RuntimeError):
    """A call on an environment or backend after ``close``."""


class WorkerError(EnvError, RuntimeError):
    """A worker process of a vector environment died or failed."""


class MissingDependencyError(EnvError, ImportError):
    """An optional engine is not installed."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` was most likely meant to be, or None."""
    matches = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def unknown_name(name: str, place: str, known: Iterable[str]) -> str:
    """Return the message for a name that does not exist in ``place``."""
    known = tuple(known)
    guess = nearest_name(name, known)
    hint = f" Did you mean {guess!r}?" if guess else ""
    return f"{name!r} is not {place}.{hint} Available: {', '.join(known) or 'none'}."
