"""Which measurements the tasks of the simulated environments need on a robot."""

from __future__ import annotations

import functools

from sim2real_envs.arms import ARMS
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.tasks import TASKS, Task

ROBOT_TASKS = ("Reach", "Push", "Slide")
"""The tasks whose every observation a robot can measure without feeling fingers."""


def task_names() -> tuple[str, ...]:
    """Return the tasks that a mapping may name."""
    return ROBOT_TASKS


def make_task(arm: str, task: str, kinematics: Kinematics) -> Task:
    """Return a task for an arm."""
    return TASKS[task](ARMS[arm], kinematics)  # type: ignore[call-arg]


@functools.cache
def needed_by(arm: str, task: str) -> tuple[str, ...]:
    """Return the quantities that have to be measured for the observation and the outcomes of ``task``."""
    made = make_task(arm, task, Kinematics(ARMS[arm]))
    fields = " ".join(field.name for field in made.fields)
    needed = ["joint.position"]
    if made.scene.objects:
        needed += ["object.position", "object.yaw"]
    if "object_tilt" in fields:
        needed.append("object.tilt")
    if "tool_force" in fields:
        needed.append("tool.force")
    return tuple(needed)
