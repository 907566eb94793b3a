"""Checks of the options that environments are made with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sim2real_envs.cameras import Camera
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import OptionError

_MOST_SUBSTEPS, _LEAST_SUBSTEPS, _DEFAULT_SUBSTEPS = 40, 4, 20  # 1 ms, 10 ms, 2 ms


def whole_number(name: str, value: object, *, least: int, most: int | None = None) -> int:
    """Return ``value`` as an int.

    Raises:
        OptionError: Unless it is a whole number from ``least`` to ``most``.
    """
    law = f"of at least {least}" if most is None else f"from {least} to {most}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise OptionError(f"`{name}` must be a whole number {law}, but got {value!r}.")
    if value < least or (most is not None and value > most):
        raise OptionError(f"`{name}` must be a whole number {law}, but got {int(value)}.")
    return int(value)


def nominal_timestep(substeps: object, timestep: object) -> float:
    """Return the nominal physics step [s] that the two options ask for, a whole fraction of the control period.

    Raises:
        OptionError: If both are given, or the one given is not from 4 to 40 substeps, 10 ms to 1 ms.
    """
    if substeps is not None and timestep is not None:
        raise OptionError("`substeps` and `timestep` say the same thing: give one of the two.")
    if timestep is None:
        number = _DEFAULT_SUBSTEPS if substeps is None else substeps
        return CONTROL_PERIOD / whole_number("substeps", number, least=_LEAST_SUBSTEPS, most=_MOST_SUBSTEPS)
    if isinstance(timestep, bool) or not isinstance(timestep, int | float | np.integer | np.floating):
        raise OptionError(f"`timestep` must be a number of seconds, but got {timestep!r}.")
    if not 0.001 <= timestep <= 0.01:  # also false for NaN
        raise OptionError(f"`timestep` must lie within [0.001, 0.01] s, but got {float(timestep):g}.")
    return CONTROL_PERIOD / round(CONTROL_PERIOD / float(timestep))


def camera_options(observation: str, cameras: Any, image_size: Any) -> tuple[tuple[int, int], Sequence[str | Camera]]:
    """Return size (width, height) and cameras of the pictures in observations; defaults where None.

    Raises:
        OptionError: If one is given for observations without pictures, or is not of its kind.
    """
    if observation == "state" and (cameras is not None or image_size is not None):
        raise OptionError(
            "`cameras` and `image_size` are for pictures: take observation='pixels', 'depth' or 'multimodal' with "
            "them, or `render_size` for what `render` returns."
        )
    size = picture_size((84, 84) if image_size is None else image_size, "image_size")
    if cameras is None:
        return size, ("front",)
    if isinstance(cameras, str) or not isinstance(cameras, Sequence):
        raise OptionError(f"`cameras` must be a list of names such as ['front', 'wrist'], but got {cameras!r}.")
    return size, tuple(cameras)


def picture_size(value: Any, name: str = "render_size") -> tuple[int, int]:
    """Return width and height [pixels] of the option ``name``.

    Raises:
        OptionError: Unless both are whole numbers from 1 to 4096.
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise OptionError(f"`{name}` must be (width, height), but got {value!r}.")
    width, height = (whole_number(name, edge, least=1, most=4096) for edge in value)
    return width, height
