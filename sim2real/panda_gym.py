"""panda-gym's environments, beside which ours are measured; the package comes with the dev extra."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from typing import Any

import gymnasium

from sim2real.errors import MissingExtraError
from sim2real_envs.backends.engine import silenced

Env = gymnasium.Env[Any, Any]


def require() -> None:
    """Do nothing if panda-gym is installed.

    Raises:
        MissingExtraError: If it is not.
    """
    if importlib.util.find_spec("panda_gym") is None:
        raise MissingExtraError("The comparison needs panda-gym: pip install 'sim2real[dev]'.")


def make(name: str, **options: Any) -> Env:
    """Return an environment, as bare as ours; what its engine prints is kept from standard output.

    Raises:
        MissingExtraError: If panda-gym is not installed.
    """
    require()
    import panda_gym  # noqa: F401  (registers its environments)

    sys.stdout.flush()
    with silenced(1):
        env: Env = gymnasium.make(name, disable_env_checker=True, **options)
        ctypes.CDLL(None).fflush(None)  # what C code printed waits in a buffer of its own
    return env
