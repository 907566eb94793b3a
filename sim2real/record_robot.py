"""Episodes of a robot in a log: what it measured, in SI, and what was really sent to it after safety."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sim2real.errors import RobotError
from sim2real.policy import Policy, for_episode
from sim2real.recordings.log import CANONICAL, LogEpisode, Signal
from sim2real.recordings.sensed import Facts, observation_signal, pose_of
from sim2real.robots.env import RealRobotEnv
from sim2real.robots.mapping import Channel, RobotMapping
from sim2real.robots.units import UNITS
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import MeasuredBody

_SI = {dimension: unit for unit, (dimension, factor) in UNITS.items() if factor == 1.0}
_COMMANDS = {"joint.position": "joint.command", "finger.position": "finger.command"}
_BODY = ("object.position", "object.yaw", "object.tilt")
_FRAME = "base"


class Row(NamedTuple):
    """One believed measurement: when, what was seen, and what followed it."""

    time: float
    values: Mapping[str, Array]
    observation: Array


def robot_signals(env: RealRobotEnv) -> dict[str, Signal]:
    """Return what the log of a robot holds, by its mapping."""
    mapping = env.mapping
    signals = {"observation": _observation(env), "action": _action(env)}
    for name in dict.fromkeys(channel.quantity for channel in mapping.observation):
        if name == "time" or (name in _BODY and _has_pose(mapping)):
            continue
        channels = [channel for channel in mapping.observation if channel.quantity == name]
        signals[name] = _signal(name, channels, "force" if name == "tool.force" else "observation")
    if _has_pose(mapping):
        known = CANONICAL["object.pose"]
        signals["object.pose"] = Signal(known.kind, known.unit, (7,), frame=_FRAME, description=known.doc)
    for quantity, name in _COMMANDS.items():
        channels = [channel for channel in mapping.action if channel.quantity == quantity]
        if channels:
            signals[name] = _signal(name, channels, "action")
    return signals


def robot_facts(env: RealRobotEnv) -> Facts:
    """Return what the log of a robot is about."""
    mapping, arm = env.mapping, env.mapping.arm_model
    return Facts(
        signals=robot_signals(env),
        rate=1.0 / env.control_period,
        robot=mapping.arm or "",
        joints=tuple(joint.name for joint in arm.joints) if arm is not None and arm.size == mapping.joints else (),
        outcomes={outcome.name: outcome.unit for outcome in env.outcomes},
    )


def record_robot_episode(env: RealRobotEnv, policy: Policy, *, number: int, seed: int) -> LogEpisode:
    """Run one episode on a robot and return what was measured and what was sent.

    A measurement that was not believed (late, repeated, missing) has no row. A command is what the robot says that it
    was sent; where nothing was sent, the last one stays in force.

    Raises:
        RobotStopped: If it is stopped and nobody has let it go on.
        RobotError: If it cannot be read.
    """
    act = for_episode(policy)
    observation, _ = env.reset(seed=seed)
    rows = [_row(env, observation)]
    actions: list[Array] = []
    sent: list[Array] = []
    command = env.loop.reading.commands.copy()
    info: dict[str, Any] = {}
    over = False
    while not over:
        action = act(observation)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        command = _sent(env.mapping, info["action_sent"], command)
        if env.loop.reading.time > rows[-1].time and not env.loop.reading.problem:
            rows.append(_row(env, observation))
            actions.append(np.asarray(action, dtype=np.float64))
            sent.append(command)
    if len(rows) < 2:
        raise RobotError(
            f"Episode {number} has no believed measurement after its start: {info.get('stopped') or info}."
        )
    outcome = {name: value for name, value in info["outcome"].items() if math.isfinite(value)}
    times = np.array([row.time - rows[0].time for row in rows])
    success, failure = bool(info["is_success"]), str(info["failure_mode"])
    return LogEpisode(number, times, _values(env.mapping, rows, actions, sent), "", success, failure, outcome)


def _row(env: RealRobotEnv, observation: Any) -> Row:
    return Row(env.loop.reading.time, dict(env.loop.values), np.asarray(observation, dtype=np.float64))


def _sent(mapping: RobotMapping, told: Mapping[str, Any] | None, before: Array) -> Array:
    """Return the command in force (c,): what the robot says that it was sent, else the one before."""
    if told is None or any(channel.key not in told for channel in mapping.action):
        return before
    return mapping.commanded(told)


def _values(mapping: RobotMapping, rows: list[Row], actions: list[Array], sent: list[Array]) -> dict[str, Array]:
    values = {"observation": np.stack([row.observation for row in rows])}
    values["action"] = np.concatenate([np.stack(actions), np.full((1, len(actions[0])), np.nan)])
    for name in rows[0].values:
        if name != "time" and not (name in _BODY and _has_pose(mapping)):
            values[name] = np.stack([row.values[name] for row in rows])
    if _has_pose(mapping):
        values["object.pose"] = np.stack([_pose(row.values) for row in rows])
    commands = np.stack([*sent, sent[-1]])  # the last one stays in force
    for quantity, name in _COMMANDS.items():
        columns = [index for index, channel in enumerate(mapping.action) if channel.quantity == quantity]
        if columns:
            values[name] = commands[:, columns]
    return values


def _has_pose(mapping: RobotMapping) -> bool:
    return all(mapping.measures(name) for name in _BODY)


def _pose(values: Mapping[str, Array]) -> Array:
    position, yaw, tilt = (values[name] for name in _BODY)
    return pose_of(MeasuredBody(position, np.zeros(3), float(yaw[0]), tilt))


def _signal(name: str, channels: list[Channel], kind: Any) -> Signal:
    known = CANONICAL.get(name)
    units = tuple(_si(channel) for channel in channels)
    return Signal(
        kind=kind,
        unit=units[0] if len(set(units)) == 1 else units,
        shape=(len(channels),),
        frame=_FRAME if known is not None and known.in_a_frame else "",
        names=tuple(channel.key or name for channel in channels),
        description="" if known is None else known.doc,
    )


def _si(channel: Channel) -> str:
    return _SI[UNITS[channel.unit][0]]


def _observation(env: RealRobotEnv) -> Signal:
    mapping, size = env.mapping, int(np.prod(env.observation_space.shape or ()))
    channels = mapping.seen()
    past = (size - len(channels)) // max(1, len(mapping.action))
    if env.task is not None and mapping.policy.observation == "task":
        return observation_signal(env.task, size, _action_names(env))
    names, units = [channel.key or channel.quantity for channel in channels], [_si(channel) for channel in channels]
    for age in range(past, 0, -1):
        names += [f"action_{age}_ago_{name}" for name in _action_names(env)]
        units += list(_action(env).units)
    return Signal("observation", tuple(units), (size,), names=tuple(names), description="What the policy saw.")


def _action(env: RealRobotEnv) -> Signal:
    direct = env.mapping.policy.control == "joint_position"
    names = _action_names(env)
    units = tuple(_si(channel) for channel in env.mapping.action) if direct else ("-",) * len(names)
    return Signal("action", units, (len(names),), names=names, description="What the policy asked for.")


def _action_names(env: RealRobotEnv) -> tuple[str, ...]:
    if env.mapping.policy.control == "joint_position":
        return tuple(channel.key for channel in env.mapping.action)
    return tuple(f"{env.mapping.policy.control}_{index}" for index in range(int(np.prod(env.action_space.shape or ()))))
