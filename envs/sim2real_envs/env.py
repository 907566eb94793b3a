"""The environment: task + control + actuators + backend + sensors, and the step that everyone reads."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real_envs.arms.base import Arm
from sim2real_envs.backends.base import Reading
from sim2real_envs.cell import RobotCell
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import ActionError, OptionError, UnknownNameError
from sim2real_envs.observations import Moment
from sim2real_envs.parameters import Array, Domain
from sim2real_envs.starts import as_start, replaced
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import Judgement, Task

_TASK_STREAM, _SENSOR_STREAM, _DISTURBANCE_STREAM, _CAMERA_STREAM, _LINE_STREAM, _DRIFT_STREAM = range(6)
_RESET_OPTIONS = ("domain", "start", "measured_start")
_FAR = 100.0  # [m], [rad], [m/s]: a world beyond is not physics any more


class ManipulationEnv(RobotCell):
    """One arm, one task, one physics world.

    Args:
        task: Class of the task.
        arm: The arm.
        backend: Name of the physics engine.
        observation: ``"state"``: the task's numbers; ``"pixels"``: pictures (h, w, 3 c) of c cameras; ``"depth"``:
            their distances (h, w, c) in m; ``"multimodal"``: a Dict of proprioception, touch, both kinds of pictures,
            and the task's goal.
        control: ``"ee_delta"`` (tool motion, 5 cm and where the task turns the tool 0.1 rad per period at action 1),
            ``"joint_delta"`` (0.1 rad), ``"joint_velocity"`` (1 rad/s) or ``"joint_torque"`` (0.4 of the torque
            limit, on top of gravity compensation). Where the hand opens, one more number is last: -1 closed, 1 open.
        reward: ``"dense"``: the task's; ``"sparse"``: 0 at success, else -1.
        cameras: Names of cameras (front, side, top, wrist), or cameras; by default the front one.
        image_size: Width and height of the pictures in observations.
        past_actions: How many of the last actions the observation ends with; they help against delay.
        substeps: Physics steps in a control period of 0.04 s; sets the nominal ``physics.timestep``.
        timestep: The same as a step [s]; give one of the two. Default 20 substeps of 2 ms.
        horizon: Control steps after which an episode is truncated; default is the task's.
        render_mode: None or ``"rgb_array"``; with pictures there are ``light.*`` and ``appearance.*`` to randomize.
        render_size: Width and height of what ``render`` returns.
        flaws: None, or those of a pseudo-real robot: the name of a preset (fresh, worn, hostile), or ``Flaws``. They
            are no parameters: nobody can randomize them or read them back.

    Raises:
        OptionError: If an option has a value that is not allowed.
        UnknownNameError: If backend, control, reward or observation do not exist.
    """

    def __init__(self, task: type[Task], arm: Arm, **options: Any) -> None:
        super().__init__(task, arm, **options)
        self._past: deque[list[float]] = deque(maxlen=self._past_actions)
        self._running = False
        self._clipped = 0
        self._touched_table = False

    # -- Gymnasium ----------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds this episode and, without further seeds, those after it.
            options: ``"domain"``: parameters that differ from nominal; ``"start"``: a ``WorldState`` whose names
                replace what the task would draw; ``"measured_start"``: the same as sensors with the biases of this
                domain saw it, so that an episode measured elsewhere begins where this world believes it began. One
                with past ``commands`` is a moment inside an episode, and may be where no episode would begin.

        Raises:
            UnknownNameError: If an option or a parameter does not exist.
            OptionError: If an option is not of the kind said above.
            ParameterError: If a value lies beyond its limits.
            StateError: If the start cannot be.
        """
        self._require_open()
        self._running = False
        super().reset(seed=seed)
        options = options or {}
        for name in options:
            if name not in _RESET_OPTIONS:
                raise UnknownNameError(name, "a reset option", _RESET_OPTIONS)
        entropy = int(self.np_random.integers(2**62))
        task_stream, self._sensor_stream = _stream(entropy, _TASK_STREAM), _stream(entropy, _SENSOR_STREAM)
        self._apply(self.parameter_space.complete(_as_domain(options.get("domain"))))
        start = self._task.sample(task_stream)
        if options.get("start") is not None:
            start = replaced(start, as_start("start", options["start"]))
        if options.get("measured_start") is not None:
            measured = as_start("measured_start", options["measured_start"])
            start = replaced(start, self._sensors.without_bias(measured))
        if start.commands is None:  # else it is a moment inside an episode, in which an object may be anywhere
            self._task.check_start(start)
        self._start = start
        self._backend.reset(start)
        self._actuators.reset(start)
        if self._flawed is not None:
            self._actuators.begin(_stream(entropy, _LINE_STREAM))
            self._flawed.begin(_stream(entropy, _DRIFT_STREAM))
        if self._gripper is not None:
            self._gripper.reset(self._actuators.opening())
        self._past.extend([[0.0] * self._action_size] * (self._past.maxlen or 0))
        self._steps, self._clipped, self._touched_table, self._running = 0, 0, False, True
        self._reading = reading = self._backend.read()
        self._tool = self._kinematics.tool(np.array(reading.joint_position))
        self._seen = self._sensors.reset(reading, self._sensor_stream)
        self._first_seen, self._pose = self._seen, self._pose_of_controller(self._tool, reading)
        self._seen_pose = self._pose_of_policy()
        self._control.reset(self._sensors.controller_joints)
        self._begin_commands(start)
        if self._disturbances.active:
            self._disturbances.reset(_stream(entropy, _DISTURBANCE_STREAM))
        if self._cameras is not None:
            self._images = self._cameras.reset(self._tool, _stream(entropy, _CAMERA_STREAM))
        self._task.begin(start, self._tool, reading, self._seen, self._seen_pose)
        return self._observe(), {"domain": dict(self._domain)}

    def step(self, action: NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act for one control period.

        Args:
            action: (a,) in [-1, 1]; values beyond are clipped, and ``info["clipped_actions"]`` counts such steps of
                the episode. NaN ends the episode as ``"diverged"``.

        Raises:
            ActionError: If the shape is wrong, or there is no running episode.
        """
        command = self._checked(action)
        asked = command.tolist()
        if not all(map(math.isfinite, asked)):
            return self._diverged()
        target = self._control.target(command[: self._control.size], self._sensors.controller_joints, self._pose)
        if self._gripper is not None:
            target.append(self._gripper.command(asked[-1]))
        if self._disturbances.active:
            self._backend.disturb(self._disturbances.step(self._tool.jacobian))
        substeps = self._backend.substeps
        self._target = target
        self._asked.append(target)
        self._backend.advance(self._actuators.law, self._actuators.schedule(target, substeps), substeps)
        self._reading = reading = self._backend.read()
        if not _is_physics(reading):
            return self._diverged()
        self._steps += 1
        self._touched_table = self._touched_table or reading.table_contact
        self._tool = tool = self._kinematics.tool(np.array(reading.joint_position))
        self._seen = self._sensors.measure(reading, self._sensor_stream)
        self._pose = self._pose_of_controller(tool, reading)
        self._seen_pose = self._pose_of_policy()
        if self._cameras is not None:
            self._images = self._cameras.capture(tool)
        self._past.append(asked)
        judgement = self._task.judge(tool, reading)
        self._task.watch(self._seen, self._seen_pose)
        observation = self._observe()
        terminated = judgement.success or judgement.ended != "none"
        truncated = not terminated and self._steps >= self.horizon
        failure = judgement.ended
        if truncated:
            failure = "collision" if self._touched_table else "timeout"
        info = {
            "domain": dict(self._domain),
            "is_success": judgement.success,
            "failure_mode": failure,
            "clipped_actions": self._clipped,
        }
        if terminated or truncated:
            self._running = False
            info["outcome"] = self._task.outcome(judgement.success, self._steps * CONTROL_PERIOD)
        return observation, self._reward_of(judgement, observation), terminated, truncated, info

    # -- inside -------------------------------------------------------------------------------------------------

    def _begin_commands(self, start: WorldState) -> None:
        """Remember what was asked for before the first step: to stay where the joints are measured, if nothing else."""
        joints = self._sensors.controller_joints.tolist()
        rest = joints if self._actuators.law.kind == "position" else [0.0] * len(joints)
        self._asked.clear()
        self._asked.append(rest if self._gripper is None else [*rest, self._actuators.opening()])
        self._asked.extend([] if start.commands is None else start.commands.tolist())

    def _observe(self) -> Any:
        past = [number for action in self._past for number in action]
        self._last_observation = self._observer(Moment(self._seen, self._seen_pose, past, self._images))
        return _copied(self._last_observation)

    def _reward_of(self, judgement: Judgement, observation: Any) -> float:
        return judgement.reward if self._reward == "dense" else float(judgement.success) - 1.0

    def _checked(self, action: object) -> Array:
        self._require_open()
        if not self._running:
            raise ActionError("There is no running episode: call reset() first, and again after an episode has ended.")
        try:
            command = np.array(action, dtype=np.float64)
        except (TypeError, ValueError):
            raise ActionError(f"An action must be an array of numbers, but got {action!r}.") from None
        if command.shape != self.action_space.shape:
            raise ActionError(f"An action must have shape {self.action_space.shape}, but got {command.shape}.")
        if all(-1.0 <= share <= 1.0 for share in command.tolist()):
            return command
        clipped: Array = np.minimum(np.maximum(command, -1.0), 1.0)  # NaN stays NaN
        self._clipped += bool((clipped != command).any())
        return clipped

    def _diverged(self) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """End an episode whose physics or action is not finite; its outcomes are NaN."""
        self._running = False
        outcome = {outcome.name: math.nan for outcome in self._task.outcomes}
        info = {
            "domain": dict(self._domain),
            "is_success": False,
            "failure_mode": "diverged",
            "clipped_actions": self._clipped,
            "outcome": outcome,
        }
        return _copied(self._last_observation), 0.0, True, False, info


def _stream(entropy: int, purpose: int) -> np.random.Generator:
    """Return the random stream of an episode for one purpose."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([entropy, purpose])))


def _is_physics(reading: Reading) -> bool:
    """Return whether all numbers are finite and of this world."""
    numbers = [*reading.joint_position, *reading.joint_velocity]
    for body in reading.bodies:
        numbers += body.position
    return all(-_FAR < number < _FAR for number in numbers)


def _copied(observation: Any) -> Any:
    """Return a copy of an array, or of every array of a Dict."""
    if isinstance(observation, dict):
        return {name: array.copy() for name, array in observation.items()}
    return observation.copy()


def _as_domain(value: object) -> Domain:
    """Return the reset option ``"domain"`` as a domain."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    raise OptionError(f"The reset option 'domain' must map parameters to numbers, but got {type(value).__name__}.")
