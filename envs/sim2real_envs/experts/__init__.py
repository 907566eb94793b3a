"""Scripted experts, one file per task: they prove that a task can be solved, and label states for imitation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sim2real_envs.errors import UnknownNameError
from sim2real_envs.experts import peg_insert, pick_place, push, reach, slide, stack
from sim2real_envs.experts.base import Expert, TrueView

EXPERTS: Mapping[str, Expert] = MappingProxyType(
    {
        "Push": push.act,
        "Slide": slide.act,
        "Reach": reach.act,
        "PickAndPlace": pick_place.act,
        "Stack": stack.act,
        "PegInsert": peg_insert.act,
    }
)
"""The expert of each task, by the name of the task's class."""

__all__ = ["EXPERTS", "Expert", "TrueView", "find_expert"]


def find_expert(task: str) -> Expert:
    """Return the expert of the task whose class is called ``task``.

    Raises:
        UnknownNameError: If it has none.
    """
    if task not in EXPERTS:
        raise UnknownNameError(task, "a task with a scripted expert", EXPERTS)
    return EXPERTS[task]
