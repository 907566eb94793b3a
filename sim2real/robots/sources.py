"""What people and sensors bring to a robot's episodes: who prepares them, and who says how they ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


@dataclass(frozen=True)
class Moment:
    """What is known of the robot, for whoever says whether an episode succeeded.

    Args:
        values: Quantity to measured numbers in SI.
        goal: (3,) m, or None.
        steps: Steps taken.
        time: Since the episode began [s].
        believed: Whether ``values`` are from the newest measurement; else that was not believed.
    """

    values: Mapping[str, Array]
    goal: Array | None
    steps: int
    time: float
    believed: bool


ResetSource: TypeAlias = Callable[[WorldState], object]
"""Brings robot and objects to a start and returns when they are there: a person, a program, a second robot."""
Success: TypeAlias = Callable[[Moment], bool]
"""Says whether the episode has succeeded: a sensor, a program, a person."""
Release: TypeAlias = Callable[[str], str]
"""Asked, with the reason, when the robot has stopped; returns the name of the person who looked at it and lets it go
on, or an empty text to end the trials."""
