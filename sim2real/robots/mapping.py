"""Between a robot's own keys and units and arrays in SI: every number stated, none guessed.

A mapping in an experiment file or a file of its own::

    arm: Panda                      # left out: no tool, no workspace, no control but joint_position
    observation:                    # in the order in which a policy sees them
      - {key: joint_1.pos, is: joint.position, unit: deg, low: -166, high: 166}
      # ... one for each joint, from the base outward
      - {key: cube.x, is: object.position, unit: mm, low: 0, high: 900, std: 1.5}
      - {key: stamp, is: time, unit: s}
    action:
      - {key: joint_1.pos, is: joint.position, unit: deg, low: -160, high: 160}
    policy: {observation: task, task: Push, control: ee_delta, past_actions: 0}

A robot's number means ``scale * number + offset`` in ``unit``; ``low``, ``high`` and ``std`` are in that unit too.
Outside of low … high a measurement is not believed, and a command not given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from sim2real.robots.units import UNITS
from sim2real_envs.arms import ARMS, Arm
from sim2real_envs.parameters import Array


@dataclass(frozen=True)
class Channel:
    """One number of a robot.

    Args:
        key: The robot's name for it; empty where ``constant`` stands in for a sensor that the robot has not.
        quantity: What it is, one of ``QUANTITIES``.
        unit: What ``scale * number + offset`` is in.
        low: Smallest that can be, in ``unit``.
        high: Largest that can be, in ``unit``.
        scale: Not 0.
        offset: In ``unit``.
        std: One standard deviation of the measurement, in ``unit``; 0 for exact.
        constant: What is taken instead of a measurement, in ``unit``.
    """

    key: str
    quantity: str
    unit: str
    low: float = -math.inf
    high: float = math.inf
    scale: float = 1.0
    offset: float = 0.0
    std: float = 0.0
    constant: float | None = None

    @property
    def factor(self) -> float:
        """From ``unit`` to SI."""
        return UNITS[self.unit][1]

    def to_si(self, number: float) -> float:
        """Return a robot's number in SI."""
        return self.factor * (self.scale * number + self.offset)

    def from_si(self, value: float) -> float:
        """Return a value in SI as the robot's number."""
        return (value / self.factor - self.offset) / self.scale

    @property
    def bounds(self) -> tuple[float, float]:
        """``low`` and ``high`` in SI."""
        return self.factor * self.low, self.factor * self.high


@dataclass(frozen=True)
class PolicyView:
    """What a policy sees and what its action means.

    Args:
        observation: ``"list"``: all channels but time, in their order, SI; ``"task"``: the observation of ``task`` as
            its simulated environment gives it.
        control: ``"joint_position"``: targets in SI; or one of the simulated controls, such as ``"ee_delta"``.
        task: A task of ``sim2real_envs.tasks``, such as ``"Push"``; needed for its observation, for its outcomes and
            for the tool motion of ``ee_delta``.
        past_actions: How many of the last actions the observation ends with.
    """

    observation: Literal["list", "task"] = "list"
    control: str = "joint_position"
    task: str | None = None
    past_actions: int = 0


@dataclass(frozen=True)
class RobotMapping:
    """Keys, order, units, scale, offset and limits of everything that is read from a robot and sent to it.

    Made by ``RobotMapping.from_dict``, which checks everything.
    """

    observation: tuple[Channel, ...]
    action: tuple[Channel, ...]
    arm: str | None = None
    policy: PolicyView = field(default_factory=PolicyView)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], source: str = "robot mapping") -> RobotMapping:
        """Return the mapping that ``value`` describes.

        Args:
            value: As in the docstring of this module.
            source: Where it stands, for the message.

        Raises:
            SpecError: With all mistakes at once: place, value, what is allowed.
        """
        from sim2real.robots.mapping_parser import parse_mapping

        return parse_mapping(value, source)

    @property
    def joints(self) -> int:
        """Number of joints."""
        return sum(channel.quantity == "joint.position" for channel in self.action)

    @property
    def arm_model(self) -> Arm | None:
        """The arm, for kinematics."""
        return None if self.arm is None else ARMS[self.arm]

    def measures(self, quantity: str) -> bool:
        """Return whether ``quantity`` is measured, or a constant."""
        return any(channel.quantity == quantity for channel in self.observation)

    def read(self, observation: Mapping[str, Any]) -> tuple[dict[str, Array], tuple[str, ...]]:
        """Return a robot's observation in SI, and what is wrong with it.

        Args:
            observation: What ``get_observation`` returned; further keys, such as pictures, are not looked at.

        Returns:
            Quantity to its numbers in the order of the mapping, NaN where there is no number; then one sentence for
            each number that is missing, not a number, or beyond what can be.
        """
        values: dict[str, list[float]] = {}
        problems: list[str] = []
        for channel in self.observation:
            value, problem = _measured(channel, observation)
            values.setdefault(channel.quantity, []).append(value)
            if problem:
                problems.append(problem)
        return {name: np.array(numbers) for name, numbers in values.items()}, tuple(problems)

    def command(self, values: Array) -> dict[str, float]:
        """Return what to send for commands in SI (c,), in the order of the actions."""
        numbers = zip(self.action, np.asarray(values, dtype=np.float64).tolist(), strict=True)
        return {channel.key: channel.from_si(value) for channel, value in numbers}

    def commanded(self, action: Mapping[str, Any]) -> Array:
        """Return in SI (c,) what ``action`` asks of the robot.

        Raises:
            KeyError: If a key is missing.
        """
        return np.array([channel.to_si(float(action[channel.key])) for channel in self.action])

    def action_limits(self) -> tuple[Array, Array]:
        """Return the lowest and highest commands in SI, (c,) each."""
        bounds = np.array([channel.bounds for channel in self.action])
        return bounds[:, 0], bounds[:, 1]

    def seen(self) -> tuple[Channel, ...]:
        """Return the channels that a policy sees under ``observation: list``: all but time."""
        return tuple(channel for channel in self.observation if channel.quantity != "time")

    def spread(self, quantity: str) -> Array:
        """Return one standard deviation of each number of ``quantity`` in SI."""
        channels = (channel for channel in self.observation if channel.quantity == quantity)
        return np.array([abs(channel.factor) * channel.std for channel in channels])


def _measured(channel: Channel, observation: Mapping[str, Any]) -> tuple[float, str]:
    if channel.constant is not None:
        return channel.factor * channel.constant, ""
    if channel.key not in observation:
        return math.nan, f"{channel.key} is missing"
    try:
        number = float(observation[channel.key])
    except (TypeError, ValueError):
        return math.nan, f"{channel.key} is not a number but {type(observation[channel.key]).__name__}"
    if not math.isfinite(number):
        return math.nan, f"{channel.key} is {number}"
    value = channel.to_si(number)
    low, high = channel.bounds
    if not low <= value <= high:
        shown = value / channel.factor
        return value, f"{channel.key} is {shown:.4g} {channel.unit}, beyond {channel.low:g} … {channel.high:g}"
    return value, ""
