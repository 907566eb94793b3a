"""Errors as exit codes: said once, in plain words, on stderr.

0 success · 1 something is missing (doctor) · 2 a mistake that the user can mend · 130 stopped with Ctrl-C
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from sim2real.errors import Interrupted, Sim2RealError
from sim2real_envs.errors import EnvError

P = ParamSpec("P")
R = TypeVar("R")

MISTAKE, STOPPED = 2, 130


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Return the command with the errors of both packages turned into a message and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except Interrupted as error:
            raise _exit(str(error), STOPPED) from None
        except KeyboardInterrupt:
            raise _exit("Stopped.", STOPPED) from None
        except (Sim2RealError, EnvError) as error:
            raise _exit(f"Error: {error}", MISTAKE) from None
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return run


def _exit(message: str, code: int) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(code)
