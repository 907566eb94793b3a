"""What a policy sees: from measurements and images to one of the observation spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import Space
from gymnasium.spaces import Box, Dict
from numpy.typing import NDArray

from sim2real_envs.cameras import Images
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.sensors import Measurement
from sim2real_envs.tasks.base import Task

OBSERVATIONS = ("state", "pixels", "depth", "multimodal")
_MOST_SPEED, _MOST_FORCE, _MOST_DISTANCE = 100.0, 1000.0, 100.0  # [rad/s], [N], [m]: bounds of spaces


class Moment(NamedTuple):
    """What is known after a control step: measurements, the tool pose that they give, past actions, images."""

    seen: Measurement
    tool: ToolPose
    past: Sequence[float]
    images: Images


class Observer(Protocol):
    """Makes an observation of a moment."""

    @property
    def space(self) -> Space[Any]:
        """The observation space."""

    @property
    def unread(self) -> frozenset[str]:
        """Parameters of sensors that nobody reads under this observation, so that they change nothing."""

    def __call__(self, moment: Moment) -> Any:
        """Return the observation; arrays belong to the caller."""


class StateObserver:
    """The numbers of the task, then the past actions: Box (o,), float32.

    Args:
        task: Its ``fields`` are the observation.
        past: How many numbers of past actions follow.
        goal_free: Whether the fields that depend on the goal are left out.
    """

    unread: frozenset[str] = frozenset()

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

    unread: frozenset[str] = frozenset()

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


class ImageObserver:
    """Pictures alone, cameras one behind the other: uint8 (h, w, 3 c), or depth in m, float32 (h, w, c)."""

    unread = frozenset({"sensor.joint_velocity_noise", "sensor.object_rotation_noise"})

    def __init__(self, kind: str, size: tuple[int, int], cameras: int) -> None:
        self._depth = kind == "depth"
        self.space = _depth_space(size, cameras) if self._depth else _rgb_space(size, cameras)

    def __call__(self, moment: Moment) -> NDArray[Any]:
        """Return the pictures."""
        return _taken(moment.images.depth if self._depth else moment.images.rgb)


class MultimodalObserver:
    """Dict of proprioception, touch, pictures and task.

    ``proprioception``: joint positions (n), joint velocities (n), tool position (3), finger positions where they move
    (f), past actions; ``touch`` (f, 3) N; ``gripper_force`` (1,) N, the smallest of the fingers' forces; ``rgb``
    (h, w, 3 c); ``depth`` (h, w, c) m; ``task``: the desired goal (g,).
    """

    unread = frozenset({"sensor.object_rotation_noise"})

    def __init__(self, task: Task, past: int, size: tuple[int, int], cameras: int) -> None:
        self._task, scene = task, task.scene
        fingers = len(scene.arm.fingers)
        proprioception = 2 * scene.arm.size + 3 + (fingers if scene.fingers_move else 0) + past
        self.space = Dict(
            {
                "proprioception": Box(-_MOST_SPEED, _MOST_SPEED, (proprioception,), dtype=np.float32),
                "touch": Box(-_MOST_FORCE, _MOST_FORCE, (fingers, 3), dtype=np.float32),
                "gripper_force": Box(0.0, _MOST_FORCE, (1,), dtype=np.float32),
                "rgb": _rgb_space(size, cameras),
                "depth": _depth_space(size, cameras),
                "task": Box(-_MOST_DISTANCE, _MOST_DISTANCE, (task.goal_size,), dtype=np.float32),
            }
        )

    def __call__(self, moment: Moment) -> dict[str, NDArray[Any]]:
        """Return the arrays."""
        seen = moment.seen
        past = np.asarray(moment.past, dtype=np.float64)
        parts = [seen.joint_position, seen.joint_velocity, moment.tool.position, seen.finger_position, past]
        proprioception = np.concatenate(parts).astype(np.float32)
        touch = np.clip(seen.finger_forces, -_MOST_FORCE, _MOST_FORCE).astype(np.float32)
        return {
            "proprioception": np.clip(proprioception, -_MOST_SPEED, _MOST_SPEED),
            "touch": touch,
            "gripper_force": np.linalg.norm(touch, axis=1).min(keepdims=True),
            "rgb": _taken(moment.images.rgb),
            "depth": _taken(moment.images.depth),
            "task": np.array(self._task.desired_goal(), dtype=np.float32),
        }


def make_observer(kind: str, task: Task, past: int, size: tuple[int, int], cameras: int) -> Observer:
    """Return the observer of ``observation=kind``.

    Args:
        kind: One of ``OBSERVATIONS``.
        task: The task.
        past: How many numbers of past actions follow, where there are numbers.
        size: Width and height of pictures.
        cameras: How many cameras there are.

    Raises:
        UnknownNameError: If there is no such observation.
        OptionError: If past actions are asked of pictures alone.
    """
    if kind not in OBSERVATIONS:
        raise UnknownNameError(str(kind), "an observation", OBSERVATIONS)
    if kind == "state":
        return StateObserver(task, past)
    if kind == "multimodal":
        return MultimodalObserver(task, past, size, cameras)
    if past:
        raise OptionError(
            f"`past_actions` cannot be part of pictures: leave it out, or take 'multimodal', not {kind!r}."
        )
    return ImageObserver(kind, size, cameras)


def _taken(picture: NDArray[Any] | None) -> NDArray[Any]:
    """Return a picture that the cameras were made to take."""
    if picture is None:
        raise OptionError("These cameras do not take such pictures.")
    return picture


def _rgb_space(size: tuple[int, int], cameras: int) -> Box:
    return Box(0, 255, (size[1], size[0], 3 * cameras), dtype=np.uint8)


def _depth_space(size: tuple[int, int], cameras: int) -> Box:
    return Box(0.0, _MOST_DISTANCE, (size[1], size[0], cameras), dtype=np.float32)
