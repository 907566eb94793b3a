"""From a policy's action to a wanted command, and from measurements to what it sees: the same as in simulation."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from sim2real.robots.mapping import RobotMapping
from sim2real_envs.arms import ARMS
from sim2real_envs.control import Control, ToolSpace, make_control
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array
from sim2real_envs.tasks import Task

_NOWHERE = ToolSpace((), 0.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


class JointPosition:
    """The action is the command itself, in SI, within the limits of the mapping."""

    def __init__(self, mapping: RobotMapping) -> None:
        low, high = mapping.action_limits()
        self.space = Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)
        self.names = tuple(channel.key for channel in mapping.action)

    def reset(self, measured: Array) -> Array:
        """Begin an episode at ``measured`` (c,) and return the action that stays there."""
        return measured

    def command(self, action: Array, measured: Array) -> Array:
        """Return the action."""
        return action


class SimulatedControl:
    """A control of the simulated environments: an action in [-1, 1], relative to where the robot is measured."""

    def __init__(self, control: Control, kinematics: Kinematics) -> None:
        self._control, self._kinematics = control, kinematics
        self.space = Box(-1.0, 1.0, (control.size,), dtype=np.float32)
        self.names = control.names

    def reset(self, measured: Array) -> Array:
        """Begin an episode at ``measured`` (n,) [rad] and return the action that asks for nothing."""
        self._control.reset(measured)
        return np.zeros(self._control.size)

    def command(self, action: Array, measured: Array) -> Array:
        """Return the joint targets (n,) [rad]."""
        clipped = np.minimum(np.maximum(action, -1.0), 1.0)
        return np.array(self._control.target(clipped, measured, self._kinematics.tool(measured)))


def make_command(
    mapping: RobotMapping, kinematics: Kinematics | None, task: Task | None
) -> JointPosition | SimulatedControl:
    """Return what makes commands of the actions of ``mapping.policy``."""
    if kinematics is None or mapping.arm is None or mapping.policy.control == "joint_position":
        return JointPosition(mapping)
    space = _NOWHERE if task is None else task.tool_space
    return SimulatedControl(make_control(mapping.policy.control, ARMS[mapping.arm], kinematics, space), kinematics)


class ListView:
    """All channels but time, in their order, then the past actions: Box (o,), float32, SI."""

    def __init__(self, mapping: RobotMapping, actions: Box) -> None:
        self._channels = mapping.seen()
        self._past: deque[Array] = deque(maxlen=mapping.policy.past_actions)
        bounds = np.array([channel.bounds for channel in self._channels])
        low = np.concatenate([bounds[:, 0], *[actions.low] * mapping.policy.past_actions])
        high = np.concatenate([bounds[:, 1], *[actions.high] * mapping.policy.past_actions])
        self.space = Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)

    def reset(self, still: Array) -> None:
        """Forget the past actions: before the first there is ``still``."""
        self._past.extend([still] * (self._past.maxlen or 0))

    def acted(self, action: Array) -> None:
        """Remember an action."""
        self._past.append(action)

    def __call__(self, values: Mapping[str, Array]) -> NDArray[np.float32]:
        """Return the observation for measurements by quantity."""
        left = {name: iter(numbers.tolist()) for name, numbers in values.items()}
        numbers = [next(left[channel.quantity]) for channel in self._channels]
        past = [number for action in self._past for number in action.tolist()]
        observation = np.array([*numbers, *past], dtype=np.float32)
        return np.minimum(np.maximum(observation, self.space.low), self.space.high)
