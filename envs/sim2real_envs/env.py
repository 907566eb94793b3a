"""The environment: task + control + actuators + backend + sensors, and the step that everyone reads."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from sim2real_envs.actuators import Actuators
from sim2real_envs.arms.base import Arm
from sim2real_envs.backends import make_backend
from sim2real_envs.backends.base import Reading
from sim2real_envs.cameras import CAMERAS, Camera, Cameras, Images, Look, Studio
from sim2real_envs.control import CONTROL_PERIOD, make_control
from sim2real_envs.disturbances import Disturbances
from sim2real_envs.errors import ActionError, ClosedError, OptionError, UnknownNameError
from sim2real_envs.experts import TrueView, find_expert
from sim2real_envs.gripper import Gripper
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.observations import Moment, Observer, make_observer
from sim2real_envs.options import camera_options, nominal_timestep, picture_size, whole_number
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, ParameterSpace, Part
from sim2real_envs.sensors import Sensors
from sim2real_envs.starts import as_start, measured_start, replaced
from sim2real_envs.state import RobotAction, RobotState, WorldState
from sim2real_envs.tasks.base import Judgement, Task

_TASK_STREAM, _SENSOR_STREAM, _DISTURBANCE_STREAM, _CAMERA_STREAM = range(4)
_RESET_OPTIONS = ("domain", "start", "measured_start")
REWARDS = ("dense", "sparse")
_MOST_PAST_ACTIONS = 100
_FAR = 100.0  # [m], [rad], [m/s]: a world beyond is not physics any more


class ManipulationEnv(gymnasium.Env[Any, NDArray[np.float32]]):
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

    Raises:
        OptionError: If an option has a value that is not allowed.
        UnknownNameError: If backend, control, reward or observation do not exist.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012

    def __init__(
        self,
        task: type[Task],
        arm: Arm,
        *,
        backend: str = "bullet",
        observation: str = "state",
        control: str = "ee_delta",
        reward: str = "dense",
        cameras: Sequence[str | Camera] | None = None,
        image_size: tuple[int, int] | None = None,
        past_actions: int = 0,
        substeps: int | None = None,
        timestep: float | None = None,
        horizon: int | None = None,
        render_mode: str | None = None,
        render_size: tuple[int, int] = (480, 360),
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise UnknownNameError(str(render_mode), "a render mode", ["rgb_array"])
        if reward not in REWARDS:
            raise UnknownNameError(str(reward), "a reward", REWARDS)
        self.render_mode, self._render_size = render_mode, picture_size(render_size)
        self.control_period, self._reward = CONTROL_PERIOD, reward
        self._kinematics = Kinematics(arm)
        self._task = task(arm, self._kinematics)  # type: ignore[call-arg]
        scene = self._task.scene
        self.horizon = whole_number("horizon", self._task.horizon if horizon is None else horizon, least=1)
        past_actions = whole_number("past_actions", past_actions, least=0, most=_MOST_PAST_ACTIONS)
        self._past: deque[list[float]] = deque(maxlen=past_actions)
        step = nominal_timestep(substeps, timestep)
        self._control_name = control
        self._control = make_control(control, arm, self._kinematics, self._task.tool_space)
        self._gripper = Gripper(arm.fingers[0].stroke, CONTROL_PERIOD) if scene.fingers_move else None
        self._action_size = self._control.size + (self._gripper is not None)
        size, views = camera_options(observation, cameras, image_size)
        self._observer = self._make_observer(observation, past_actions * self._action_size, size, len(views))
        pictures = observation != "state"
        render = pictures or render_mode is not None
        self._backend = make_backend(backend, scene, CONTROL_PERIOD, step, render=render)
        photographer = self._backend.photographer() if render else None
        self._cameras: Cameras | None = None
        self._studio: Studio | None = None
        if photographer is not None and pictures:
            self._cameras = Cameras(
                photographer,
                scene,
                views,
                size,
                CONTROL_PERIOD,
                rgb=observation != "depth",
                depth=observation != "pixels",
            )
            self._studio = self._cameras.studio
        elif photographer is not None:
            self._studio = Studio(photographer, scene.table, scene.objects)
        self._actuators = Actuators(arm, kind=self._control.kind, fingers_move=scene.fingers_move)
        self._sensors = Sensors(
            arm.size,
            CONTROL_PERIOD,
            bodies=len(scene.objects),
            fingers=len(arm.fingers),
            fingers_move=scene.fingers_move,
            unread=self._observer.unread,
        )
        has_gains = self._control.kind == "position"
        self._disturbances = Disturbances(CONTROL_PERIOD, has_object=bool(scene.objects), has_gains=has_gains)
        self._parts: list[Part] = [self._backend, self._actuators, self._sensors, self._disturbances]
        if self._cameras is not None:
            self._parts.append(self._cameras)
        elif self._studio is not None:
            self._parts.append(Look(self._studio, scene, sees_room=CAMERAS["front"].sees_room))
        self.parameter_space = ParameterSpace(p for part in self._parts for p in part.parameters.values())
        self.observation_space = self._observer.space
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (self._action_size,), dtype=np.float32)
        self._domain = self.parameter_space.nominal()
        self._closed = self._running = False
        self._steps = 0
        self._images = Images(None, None)

    # -- Gymnasium ----------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Seeds this episode and, without further seeds, those after it.
            options: ``"domain"``: parameters that differ from nominal; ``"start"``: a ``WorldState`` whose names
                replace what the task would draw; ``"measured_start"``: the same as sensors with the biases of this
                domain saw it, so that an episode measured elsewhere begins where this world believes it began.

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
        self._task.check_start(start)
        self._start = start
        self._backend.reset(start)
        self._actuators.reset(start)
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

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture (height, width, 3) where ``render_mode="rgb_array"``, else None."""
        self._require_open()
        if self.render_mode is None or self._studio is None:
            return None
        return self._studio.picture(CAMERAS["front"], self._tool, self._render_size)

    def close(self) -> None:
        """Release the engine; may be called twice."""
        self._closed = True
        backend = getattr(self, "_backend", None)
        if backend is not None:
            backend.close()

    # -- what other code may ask --------------------------------------------------------------------------------

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What ``info["outcome"]`` holds at the end of an episode."""
        return self._task.outcomes

    @property
    def action_names(self) -> tuple[str, ...]:
        """What each number of the action moves, (a,)."""
        return (*self._control.names, *(() if self._gripper is None else ("gripper",)))

    @property
    def task(self) -> Task:
        """The task; its ``fields`` name the numbers of the observation."""
        return self._task

    def applied_domain(self) -> dict[str, float]:
        """Return every parameter as it is in force, read back from where it acts."""
        self._require_open()
        values: dict[str, float] = {}
        for part in self._parts:
            values |= part.applied()
        return values

    def state(self) -> RobotState:
        """Return the complete true state, and the last pictures; costs about as much as a few physics steps."""
        self._require_open()
        images, depths = {}, {}
        for index, name in enumerate(self._cameras.names if self._cameras is not None else ()):
            if self._images.rgb is not None:
                images[name] = self._images.rgb[..., 3 * index : 3 * index + 3]
            if self._images.depth is not None:
                depths[name] = self._images.depth[..., index]
        time = self._steps * CONTROL_PERIOD
        return replace(self._backend.state(), time=time, images=images, depths=depths)

    def timed_parts(self) -> list[tuple[str, Any, str]]:
        """Return (what it does, owner, method name) of the parts of a step, for a benchmark's clock."""
        pictures = [] if self._cameras is None else [("cameras: backdrop, shadows, faults", self._cameras, "capture")]
        return [
            *self._backend.timed_parts(),
            *pictures,
            ("joint law", self._backend, "advance"),
            ("reading the world", self._backend, "read"),
            ("kinematics and control", self._kinematics, "tool"),
            ("kinematics and control", self._control, "target"),
            ("actuator schedule", self._actuators, "schedule"),
            ("sensors", self._sensors, "measure"),
            ("task: observation, reward, outcome", self._task, "observe"),
            ("task: observation, reward, outcome", self._task, "judge"),
            ("task: observation, reward, outcome", self._task, "watch"),
            ("reset", self, "reset"),
        ]

    def world_state(self) -> WorldState:
        """Return enough of the true state to continue from, the commands in the delay line included."""
        state = self.state()
        values = {name: value for name, value in self._start.values.items() if name in ("goal", "hole.pose")}
        values |= {"joint.position": state.joint_position, "joint.velocity": state.joint_velocity}
        if self._gripper is not None:
            values["finger.position"] = state.finger_position
        for name, pose in state.object_poses.items():
            values |= {f"{name}.pose": pose, f"{name}.twist": state.object_twists[name]}
        return WorldState(values, commands=self._actuators.commands())

    def measured_start(self) -> WorldState:
        """Return where the episode began as the sensors saw it, with one standard deviation of what was measured.

        Heights and tilts of objects are those of the task's start: they stand as it put them.
        """
        return measured_start(self._first_seen, self._start, self._sensors)

    def robot_action(self) -> RobotAction:
        """Return what the last step asked of the robot, before any delay.

        Raises:
            ActionError: If no step was taken yet.
        """
        if not self._steps:
            raise ActionError("There is no last action: take a step first.")
        size = len(self._reading.joint_position)
        opening = self._target[size] if self._gripper is not None else None
        return RobotAction(np.array(self._target[:size]), self._control.kind, opening)

    def expert_action(self) -> NDArray[np.float32]:
        """Return what the task's scripted expert would do now (a,), from the true state; it thinks in ``ee_delta``.

        Raises:
            UnknownNameError: If the task has no expert.
            OptionError: Under another control than ``ee_delta``.
        """
        self._require_open()
        if self._control_name != "ee_delta":
            raise OptionError(f"Experts act under control='ee_delta', but this environment has {self._control_name!r}.")
        reading = self._reading
        velocity = self._tool.jacobian @ np.array(reading.joint_velocity)
        opening = -1.0 if self._gripper is None else self._gripper.action()
        view = TrueView(self._tool, velocity, reading, self._start.values["goal"], opening, self._start)
        return find_expert(type(self._task).__name__)(view).astype(np.float32)

    # -- inside -------------------------------------------------------------------------------------------------

    def _apply(self, domain: Domain) -> None:
        self._backend.apply(domain)
        self._actuators.bind(self._backend.joint_inertia(), self._backend.timestep)
        self._actuators.apply(domain)
        for part in self._parts[2:]:
            part.apply(domain)
        self._domain = dict(domain)

    def _pose_of_controller(self, true: ToolPose, reading: Reading) -> ToolPose:
        """Return the tool pose that the controller believes in: from its own fresh joint readings."""
        joints = self._sensors.controller_joints
        return true if joints.tolist() == list(reading.joint_position) else self._kinematics.tool(joints)

    def _pose_of_policy(self) -> ToolPose:
        """Return the tool pose that the policy sees: from joint readings after dropout and delay."""
        seen, fresh = self._seen.joint_position, self._sensors.controller_joints
        return self._pose if seen.tolist() == fresh.tolist() else self._kinematics.tool(seen)

    def _make_observer(self, observation: str, past: int, size: tuple[int, int], cameras: int) -> Observer:
        return make_observer(observation, self._task, past, size, cameras)

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

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("This environment is closed: make a new one.")


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
