"""Tasks, one file each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim2real_envs.tasks.base import FAILURE_MODES, Field, Judgement, Task
from sim2real_envs.tasks.peg_insert import PegInsert
from sim2real_envs.tasks.pick_place import PickAndPlace
from sim2real_envs.tasks.push import Push
from sim2real_envs.tasks.reach import Reach
from sim2real_envs.tasks.slide import Slide
from sim2real_envs.tasks.stack import Stack

TASKS: Mapping[str, type[Task]] = MappingProxyType(
    {"Reach": Reach, "Push": Push, "Slide": Slide, "PickAndPlace": PickAndPlace, "Stack": Stack, "PegInsert": PegInsert}
)
"""The tasks by their names in an id."""

__all__ = [
    "FAILURE_MODES",
    "TASKS",
    "Field",
    "Judgement",
    "PegInsert",
    "PickAndPlace",
    "Push",
    "Reach",
    "Slide",
    "Stack",
    "Task",
]
