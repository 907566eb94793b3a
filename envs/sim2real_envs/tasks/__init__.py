"""Tasks, one file each."""

from __future__ import annotations

from sim2real_envs.tasks.base import FAILURE_MODES, Field, Judgement, Task
from sim2real_envs.tasks.push import Push
from sim2real_envs.tasks.reach import Reach

__all__ = ["FAILURE_MODES", "Field", "Judgement", "Push", "Reach", "Task"]
