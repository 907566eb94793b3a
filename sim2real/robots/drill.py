"""Drills: random sequences of faults and wild policies, and a witness who counts what reached the robot.

The witness stands between loop and robot and checks every command anew, with
arithmetic of its own: within all limits, and none after a stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.robots.clock import Clock, MonotonicClock, SimulatedClock
from sim2real.robots.env import RealRobotEnv
from sim2real.robots.fake import FakeRecipe, FakeRobot
from sim2real.robots.fake_keys import fake_mapping
from sim2real.robots.faults import random_faults
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import RobotLike
from sim2real.robots.staged import StagedRobot
from sim2real_envs.arms import PANDA
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array

RATE = 50.0
PERIODS = 80
_LIMITS = {"joint_speed": 1.5, "tool_low": [0.2, -0.35, 0.05], "tool_high": [0.7, 0.35, 0.6], "tool_speed": 0.6}
_ROUNDING = 1e-6
_NAN_SHARE, _WILD_SHARE, _STOP_SHARE = 0.001, 0.03, 0.3
_WALK = 0.004  # [rad] per joint and period
_AFTERWARDS = 5  # periods in which commands are tried after the end
_KINEMATICS = Kinematics(PANDA)


class Witness:
    """A robot, and everything that it was asked for.

    Args:
        robot: The robot.
        clock: Of the loop.
    """

    def __init__(self, robot: RobotLike, clock: Clock) -> None:
        self._robot, self._clock = robot, clock
        self.sent: list[tuple[float, dict[str, Any]]] = []

    @property
    def observation_features(self) -> dict[str, Any]:
        """Those of the robot."""
        return self._robot.observation_features

    @property
    def action_features(self) -> dict[str, Any]:
        """Those of the robot."""
        return self._robot.action_features

    @property
    def is_connected(self) -> bool:
        """Whether the robot is."""
        return self._robot.is_connected

    def connect(self, calibrate: bool = True) -> None:
        """Connect the robot."""
        self._robot.connect(calibrate)

    def get_observation(self) -> dict[str, Any]:
        """Read the robot."""
        return self._robot.get_observation()

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Write the action down, and send it."""
        self.sent.append((self._clock.now(), dict(action)))
        return self._robot.send_action(action)

    def disconnect(self) -> None:
        """Disconnect the robot."""
        self._robot.disconnect()


@dataclass(frozen=True)
class Drill:
    """What came of a sequence of faults.

    Args:
        seed: Of the sequence.
        faults: The kinds, in the order of their beginnings.
        commands: How many were sent.
        outside: How many of them were outside of a limit.
        after_stop: How many were sent after a stop, the last one to hold still not counted.
        stop_to_last_s: From a stop that was asked for to the last command [s]; below 0 where that came before.
        reason: Why it was stopped; empty if it was not.
        clipped: How many actions were clipped.
        refused: How many were refused.
    """

    seed: int
    faults: tuple[str, ...]
    commands: int
    outside: int
    after_stop: int
    stop_to_last_s: float | None
    reason: str
    clipped: int
    refused: int


def drill(seed: int, *, process: bool = False) -> Drill:
    """Run one sequence: some faults, a policy that is wild now and then, perhaps somebody who says stop.

    Args:
        seed: Of everything.
        process: Whether the robot is in a process of its own and time is real; else time is simulated.
    """
    rng = np.random.default_rng(seed)
    faults = random_faults(rng, PERIODS / RATE, int(rng.integers(1, 6)))
    timeout = float(rng.uniform(0.02, 0.3))
    latency = float(rng.choice([0.0, 0.002, 0.01]))
    clock: Clock
    robot: RobotLike
    if process:
        clock = MonotonicClock()
        robot = FakeRobot("joints", faults=faults, seed=seed, latency_s=latency, timeout_s=timeout)
    else:
        clock = simulated = SimulatedClock()
        recipe = FakeRecipe("joints", seed=seed, faults=faults, latency_s=latency)
        robot = StagedRobot(recipe, simulated, timeout_s=timeout)
    witness = Witness(robot, clock)
    env = RealRobotEnv(witness, RobotMapping.from_dict(fake_mapping("joints")), rate=RATE, limits=_LIMITS, clock=clock)
    try:
        return _run(env, witness, clock, rng, seed, tuple(fault.kind for fault in faults))
    finally:
        env.close()


def _run(
    env: RealRobotEnv, witness: Witness, clock: Clock, rng: np.random.Generator, seed: int, faults: tuple[str, ...]
) -> Drill:
    env.reset(seed=seed)
    target = env.loop.reading.commands.copy()
    stop_at = int(rng.integers(PERIODS)) if rng.random() < _STOP_SHARE else -1
    stopped_time: float | None = None
    sent_at_stop: int | None = None
    over, afterwards = False, 0
    for period in range(PERIODS):
        target = target + rng.normal(0.0, _WALK, len(target))
        action = _wild(target, rng)
        if period == stop_at and not env.stopped:
            stopped_time = clock.now()
            env.stop("the drill says so")
        if over:  # the episode is over: knock at the loop itself
            env.loop.give(action)
            env.loop.wait()
            afterwards += 1
        else:
            _, _, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
        if over and sent_at_stop is None:
            sent_at_stop = len(witness.sent)
        if afterwards >= _AFTERWARDS:
            break
    verdicts = [incident.verdict for incident in env.incidents]
    last = witness.sent[-1][0] if witness.sent else 0.0
    return Drill(
        seed,
        faults,
        len(witness.sent),
        outside(env, witness.sent),
        0 if sent_at_stop is None else len(witness.sent) - sent_at_stop,
        None if stopped_time is None else last - stopped_time,
        env.stopped,
        verdicts.count("clipped"),
        verdicts.count("refused"),
    )


def _wild(target: Array, rng: np.random.Generator) -> Array:
    chance = rng.random()
    if chance < _NAN_SHARE:
        return np.full(len(target), np.nan)
    if chance < _NAN_SHARE + _WILD_SHARE:
        wild: Array = rng.normal(0.0, 3.0, len(target))
        return wild
    return target


def outside(env: RealRobotEnv, sent: Sequence[tuple[float, dict[str, Any]]]) -> int:
    """Return how many commands were outside of a limit of ``env``: range, step, speed, workspace, or not finite."""
    limits, count = env.limits, 0
    before: tuple[float, Array] | None = None
    for time, action in sent:
        command = env.mapping.commanded(action)
        place = _KINEMATICS.tool(command[: limits.joints]).position
        good = bool(np.isfinite(command).all())
        good &= _between(command, limits.low, limits.high)
        if limits.tool_low is not None and limits.tool_high is not None:
            good &= _between(place, limits.tool_low, limits.tool_high)
        if before is not None:
            change = np.abs(command - before[1])
            good &= _between(change, np.zeros(len(change)), limits.step)
            good &= _between(change, np.zeros(len(change)), limits.speed * (time - before[0]) + 1e-3)
        before = (time, command)
        count += not good
    return count


def _between(values: Array, low: Array, high: Array) -> bool:
    return bool(((values >= low - _ROUNDING) & (values <= high + _ROUNDING)).all())


@dataclass(frozen=True)
class Drills:
    """What came of many sequences, added up; ``longest_after_stop_s`` as ``Drill.stop_to_last_s``."""

    sequences: int
    commands: int
    outside: int
    after_stop: int
    stopped: int
    asked_to_stop: int
    longest_after_stop_s: float
    clipped: int
    refused: int
    faults: dict[str, int]


def summary(drills: Iterable[Drill]) -> Drills:
    """Return sums over drills."""
    drills = tuple(drills)
    kinds = [kind for each in drills for kind in each.faults]
    waits = [each.stop_to_last_s for each in drills if each.stop_to_last_s is not None]
    return Drills(
        len(drills),
        sum(each.commands for each in drills),
        sum(each.outside for each in drills),
        sum(each.after_stop for each in drills),
        sum(bool(each.reason) for each in drills),
        len(waits),
        max(waits, default=0.0),
        sum(each.clipped for each in drills),
        sum(each.refused for each in drills),
        {kind: kinds.count(kind) for kind in sorted(set(kinds))},
    )
