"""What a policy sees: from measurements and images to one of the observation spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict
from numpy.typing import NDArray

from sim2real_envs.errors import UnknownNameError
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.sensors import Measurement
from sim2real_envs.tasks.base import Task

OBSERVATIONS = ("state",)
_MOST_SPEED, _MOST_FORCE, _MOST_DISTANCE = 100.0, 1000.0, 100.0  # [rad/s], [N], [m]: bounds of spaces


class Images(NamedTuple):
    """Pictures of one moment, cameras one behind the other: ``rgb`` (h, w, 3 c) uint8, ``depth`` (h, w, c) float32 m."""

    rgb: NDArray[np.uint8] | None
    depth: NDArray[np.float32] | None


class Moment(NamedTuple):
    """What is known after a control step: measurements, the tool pose that they give, past actions, images."""

    seen: Measurement
    tool: ToolPose
    past: Sequence[float]
    images: Images | None = None


class Observer(Protocol):
    """Makes an observation of a moment."""

    @property
    def space(self) -> Space[Any]:
        """The observation space."""

    def __call__(self, moment: Moment) -> Any:
        """Return the observation; arrays belong to the caller."""


class StateObserver:
    """The numbers of the task, then the past actions: Box (o,), float32.

    Args:
        task: Its ``fields`` are the observation.
        past: How many numbers of past actions follow.
        goal_free: Whether the fields that depend on the goal are left out.
    """

    def __init__(self, task: Task, past: int, *, goal_free: bool = False) -> None:
        self._task = task
        bounds = [field.bound for field in task.fields for _ in range(field.size)] + [1.0] * past
        kept = [not (goal_free and field.of_goal) for field in task.fields for _ in range(field.size)] + [True] * past
        self._kept = None if all(kept) else np.flatnonzero(kept)
        self._bound = np.array(bounds, dtype=np.float32)[kept]
        self.space = Box(-self._bound, self._bound, dtype=np.float32)

    def __call__(self, moment: Moment) -> NDArray[np.float32]:
        """Return the observation (o,)."""
        velocity = moment.tool.jacobian @ moment.seen.joint_velocity
        numbers = self._task.observe(moment.seen, moment.tool, velocity)
        numbers += moment.past
        observation = np.array(numbers, dtype=np.float32)
        if self._kept is not None:
            observation = observation[self._kept]
        np.minimum(observation, self._bound, out=observation)
        np.maximum(observation, -self._bound, out=observation)
        return observation


class GoalObserver:
    """Dict of ``observation`` without the goal, ``achieved_goal`` and ``desired_goal``."""

    def __init__(self, task: Task, past: int) -> None:
        self._task, self._state = task, StateObserver(task, past, goal_free=True)
        goal = Box(-_MOST_DISTANCE, _MOST_DISTANCE, (task.goal_size,), dtype=np.float32)
        self.space = Dict({"observation": self._state.space, "achieved_goal": goal, "desired_goal": goal})

    def __call__(self, moment: Moment) -> dict[str, NDArray[np.float32]]:
        """Return the three arrays (o,), (g,), (g,)."""
        return {
            "observation": self._state(moment),
            "achieved_goal": np.array(self._task.achieved_goal(moment.seen, moment.tool), dtype=np.float32),
            "desired_goal": np.array(self._task.desired_goal(), dtype=np.float32),
        }


def make_observer(kind: str, task: Task, past: int) -> Observer:
    """Return the observer of ``observation=kind``.

    Args:
        kind: One of ``OBSERVATIONS``.
        task: The task.
        past: How many numbers of past actions follow.

    Raises:
        UnknownNameError: If there is no such observation.
    """
    if kind not in OBSERVATIONS:
        raise UnknownNameError(str(kind), "an observation", OBSERVATIONS)
    return StateObserver(task, past)


def _rgb_space(size: tuple[int, int], cameras: int) -> Box:
    return Box(0, 255, (size[1], size[0], 3 * cameras), dtype=np.uint8)


def _depth_space(size: tuple[int, int], cameras: int) -> Box:
    return Box(0.0, _MOST_DISTANCE, (size[1], size[0], cameras), dtype=np.float32)
