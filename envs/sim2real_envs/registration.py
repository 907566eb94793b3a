"""Environment ids: what there is, and how a name becomes an environment."""

from __future__ import annotations

import inspect
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import gymnasium

from sim2real_envs.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from sim2real_envs.vector import VectorWorlds

NAMESPACE = "sim2real"
_TABLE_TASKS = ("Reach", "Push", "Slide")  # for arms that hold a rod
_TASKS_OF_ARM = {
    "Panda": (*_TABLE_TASKS, "PickAndPlace", "Stack", "PegInsert"),
    "Kuka": _TABLE_TASKS,
    "XArm6": _TABLE_TASKS,
}
ENV_IDS = tuple(f"{arm}{task}-v0" for arm, tasks in _TASKS_OF_ARM.items() for task in tasks)


def register_all() -> None:
    """Register every environment with Gymnasium; called on import, harmless when repeated."""
    for arm, tasks in _TASKS_OF_ARM.items():
        for task in tasks:
            full = f"{NAMESPACE}/{arm}{task}-v0"
            if full not in gymnasium.registry:
                gymnasium.register(
                    full,
                    entry_point="sim2real_envs.registration:make_manipulation",
                    vector_entry_point="sim2real_envs.registration:make_worlds",
                    kwargs={"arm": arm, "task": task},
                    disable_env_checker=True,
                )


def full_id(name: str) -> str:
    """Return Gymnasium's id for ``name``; a string with ':' or '/' is one already.

    Raises:
        UnknownNameError: If a short name does not exist.
    """
    if ":" in name or "/" in name:
        return name
    if name not in ENV_IDS:
        raise UnknownNameError(name, "an environment", ENV_IDS)
    return f"sim2real_envs:{NAMESPACE}/{name}"


def make(name: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """Make an environment by its short name, such as ``"PandaPush-v0"``, or by any Gymnasium id."""
    return gymnasium.make(full_id(name), **options)


def environment_options() -> dict[str, Any]:
    """Return the options that every environment here is made with, and their defaults."""
    from sim2real_envs.cell import RobotCell

    found = inspect.signature(RobotCell).parameters.values()
    return {option.name: option.default for option in found if option.kind is option.KEYWORD_ONLY} | {
        "goal_conditioned": False
    }


def make_manipulation(arm: str, task: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """Return the environment of an arm and a task, by the names in an id; options as in ``ManipulationEnv``.

    ``goal_conditioned=True`` gives a ``GoalEnv``: a Dict of observation, achieved and desired goal.

    Raises:
        OptionError: If an option does not exist, or has a value that is not allowed.
    """
    from sim2real_envs.arms import ARMS
    from sim2real_envs.env import ManipulationEnv
    from sim2real_envs.goal_env import GoalEnv
    from sim2real_envs.tasks import TASKS

    goal_conditioned = options.pop("goal_conditioned", False)
    if not isinstance(goal_conditioned, bool):
        raise OptionError(f"`goal_conditioned` must be true or false, but got {goal_conditioned!r}.")
    known = environment_options()
    for name in options:
        if name not in known:
            raise UnknownNameError(name, f"an option of {arm}{task}-v0", known)
    return (GoalEnv if goal_conditioned else ManipulationEnv)(TASKS[task], ARMS[arm], **options)


def make_worlds(
    num_envs: int, arm: str, task: str, *, workers: int | None = None, start_method: str | None = None, **options: Any
) -> VectorWorlds:
    """Return what ``gymnasium.make_vec`` gives for an id of this package, unless it is asked for "sync" or "async".

    Args:
        num_envs: Number of worlds.
        arm: As in ``make_manipulation``.
        task: As in ``make_manipulation``.
        workers: Processes that step the worlds, by default as many as there are cores; no number depends on it.
        start_method: How workers are started; None is the platform's default.
        options: Of each environment.
    """
    from sim2real_envs.vector import VectorWorlds

    cores = os.cpu_count() or 1
    make_env = partial(make, f"{arm}{task}-v0", **options)
    return VectorWorlds(make_env, num_envs, cores if workers is None else workers, start_method=start_method)
