"""Episodes of an environment as its sensors and controller would log them: never a parameter, never a true state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from sim2real.recordings.log import CANONICAL, LogEpisode, Signal
from sim2real_envs.arms import ARMS
from sim2real_envs.errors import OptionError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.sensors import MeasuredBody, Measurement
from sim2real_envs.state import RobotAction, WorldState
from sim2real_envs.tasks.base import Task

Env = gymnasium.Env[Any, Any]
FRAMES: Mapping[str, str] = {"base": "origin at the robot's base, z up, the table top at z = 0"}
_FRAME = "base"
_COMMANDS = {"position": "joint.command", "torque": "joint.torque_command"}


class Sensing(Protocol):
    """What ``env.unwrapped`` offers beside Gymnasium's own."""

    parameter_space: ParameterSpace
    control_period: float
    outcomes: tuple[Outcome, ...]
    action_names: tuple[str, ...]
    task: Task

    def measurement(self) -> Measurement:
        """Return what the sensors said last."""

    def robot_action(self) -> RobotAction:
        """Return what the last step asked of the robot."""

    def measured_start(self) -> WorldState:
        """Return the start as it was measured."""

    def expert_action(self) -> NDArray[np.float32]:
        """Return what the task's scripted expert would do now."""


class Facts(NamedTuple):
    """What an environment's log is about: its signals, rate [Hz], arm, names of its joints, units of its outcomes."""

    signals: Mapping[str, Signal]
    rate: float
    robot: str
    joints: tuple[str, ...]
    outcomes: Mapping[str, str]


class Sample(NamedTuple):
    """What is known at one moment: the observation, and what the sensors said."""

    observation: Any
    seen: Measurement


def sensing(env: Env) -> Sensing:
    """Return what logs itself in ``env``.

    Raises:
        OptionError: If it has no sensors and controller to ask.
    """
    needed = ("measurement", "robot_action", "measured_start", "task", "action_names")
    lacking = [name for name in needed if not hasattr(env.unwrapped, name)]
    if lacking:
        raise OptionError(
            f"{env.spec.id if env.spec else 'This environment'} cannot be logged: it has no {', '.join(lacking)}."
        )
    return cast(Sensing, env.unwrapped)


def facts_of(env: Env) -> Facts:
    """Return what the logs of an environment are about; it is reset and takes one step."""
    world = sensing(env)
    env.reset(seed=0)
    env.step(np.zeros(env.action_space.shape or ()))
    arm = world.task.scene.arm
    values = _values([_sample(env, None)], [world.robot_action()], np.zeros((0, len(world.action_names))), world)
    signals = {name: _signal(name, array) for name, array in values.items() if name not in ("observation", "action")}
    own: dict[str, Signal] = {}
    if is_flat(env.observation_space):
        size = int(np.prod(env.observation_space.shape or ()))
        own["observation"] = observation_signal(world.task, size, world.action_names)
    words = "What was asked for, as a share of the control's range."
    own["action"] = Signal("action", "-", (len(world.action_names),), names=world.action_names, description=words)
    return Facts(
        signals={**own, **signals},
        rate=1.0 / world.control_period,
        robot=next((name for name, each in ARMS.items() if each is arm), arm.name),
        joints=tuple(joint.name for joint in arm.joints),
        outcomes={outcome.name: outcome.unit for outcome in world.outcomes},
    )


def is_flat(space: gymnasium.Space[Any]) -> bool:
    """Return whether observations are a few numbers; pictures do not go into a log."""
    return isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1


def log_episode(
    env: Env, act: Callable[[Any], NDArray[Any]], *, number: int, seed: int, domain: Mapping[str, float]
) -> LogEpisode:
    """Run one episode and return what was measured and sent, a row a control step and one for the end.

    Args:
        env: An environment of ``sim2real_envs``.
        act: Called with each observation.
        number: Of the episode.
        seed: Of its random streams.
        domain: Where its parameters differ from nominal; nothing of it is logged.
    """
    world = sensing(env)
    observation, info = env.reset(seed=seed, options={"domain": dict(domain)})
    samples, sent, actions = [_sample(env, observation)], [], []
    over = False
    while not over:
        action = act(observation)
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        if info["failure_mode"] != "diverged":
            samples.append(_sample(env, observation))
            sent.append(world.robot_action())
            actions.append(np.asarray(action, dtype=np.float64))
    given = np.array(actions).reshape(len(actions), len(world.action_names))
    return LogEpisode(
        number=number,
        times=np.arange(len(samples), dtype=np.float64) * world.control_period,
        values=_values(samples, sent, given, world),
        success=bool(info["is_success"]),
        failure_mode=str(info["failure_mode"]),
        outcome={name: value for name, value in info["outcome"].items() if math.isfinite(value)},
    )


def _sample(env: Env, observation: Any) -> Sample:
    return Sample(observation if is_flat(env.observation_space) else None, sensing(env).measurement())


def _values(samples: list[Sample], sent: list[RobotAction], actions: Array, world: Sensing) -> dict[str, Array]:
    rows = len(samples)
    seen = [sample.seen for sample in samples]
    values: dict[str, Array] = {}
    if samples[0].observation is not None:
        values["observation"] = np.stack([sample.observation for sample in samples])
    values["action"] = _to_the_end(actions, rows)
    values["joint.position"] = np.stack([each.joint_position for each in seen])
    values["joint.velocity"] = np.stack([each.joint_velocity for each in seen])
    if sent:
        targets = np.stack([each.joint_target for each in sent])
        kind: Literal["position", "torque"] = sent[0].kind
        values[_COMMANDS[kind]] = _to_the_end(targets, rows, hold=kind == "position")
        if sent[0].gripper is not None:
            openings = np.array([[each.gripper] for each in sent], dtype=np.float64)
            values["finger.command"] = _to_the_end(openings, rows, hold=True)
    if len(seen[0].finger_position):
        values["finger.position"] = np.stack([each.finger_position for each in seen])
    if seen[0].bodies:
        values["finger.force"] = np.stack([each.finger_forces for each in seen])
    for index, body in enumerate(world.task.scene.objects[: len(seen[0].bodies)]):
        values[f"{body.name}.pose"] = np.stack([pose_of(each.bodies[index]) for each in seen])
    for name in ("goal", "hole.pose"):
        told = world.measured_start().values.get(name)
        if told is not None:
            values[name] = np.tile(told, (rows, 1))
    return values


def _to_the_end(sent: Array, rows: int, *, hold: bool = False) -> Array:
    """Return what was sent, a row a sample: after the last step the last target holds, or nothing is sent."""
    last = sent[-1:] if hold and len(sent) else np.full((1, sent.shape[1]), np.nan)
    return np.concatenate([sent, last])[:rows]


def pose_of(body: MeasuredBody) -> Array:
    """Return the pose (7,) of a measured body, quaternion xyzw, its upper side up.

    The body's z axis is (a, b, sqrt(1 - a2 - b2)) for the tilt (a, b), and its x axis lies above the heading ``yaw``.
    """
    a, b = body.tilt
    length = math.hypot(a, b)
    if length > 1.0:
        a, b, length = a / length, b / length, 1.0
    z = np.array([a, b, math.sqrt(max(0.0, 1.0 - length * length))])
    heading = np.array([math.cos(body.yaw), math.sin(body.yaw), 0.0])
    if z[2] > 1e-6:
        heading[2] = -float(heading @ z) / z[2]
    x = heading - float(heading @ z) * z
    x /= np.linalg.norm(x)
    return np.concatenate([body.position, _quaternion(np.column_stack([x, np.cross(z, x), z]))])


def _quaternion(rotation: Array) -> Array:
    from scipy.spatial.transform import Rotation

    quaternion: Array = Rotation.from_matrix(rotation).as_quat(canonical=True)
    return quaternion


def _signal(name: str, array: Array) -> Signal:
    known = CANONICAL[name]
    return Signal(
        known.kind, known.unit, array.shape[1:], frame=_FRAME if known.in_a_frame else "", description=known.doc
    )


def observation_signal(task: Task, size: int, actions: Sequence[str]) -> Signal:
    """Return what the numbers of a flat observation are, by the fields of the task and the names of past actions.

    Raises:
        OptionError: If they do not add up to ``size``.
    """
    names, units = [], []
    for field in task.fields:
        names += [field.name] if field.size == 1 else [f"{field.name}_{index}" for index in range(field.size)]
        units += [field.unit] * field.size
    past = (size - len(names)) // max(1, len(actions))
    for age in range(past, 0, -1):
        names += [f"action_{age}_ago_{name}" for name in actions]
        units += ["-"] * len(actions)
    if len(names) != size:
        raise OptionError(f"An observation has {size} numbers, but its fields name {len(names)}: it cannot be logged.")
    words = "What the policy saw, from measured values."
    return Signal("observation", tuple(units), (size,), frame=_FRAME, names=tuple(names), description=words)
