"""The cell of a robot: everything that an environment is made of, and what can be asked of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
from sim2real_envs.flaws import Flaws, as_flaws
from sim2real_envs.flaws.sight import FlawedSensors
from sim2real_envs.gripper import Gripper
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.observations import Observer, make_observer
from sim2real_envs.options import camera_options, nominal_timestep, picture_size, whole_number
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Domain, ParameterSpace, Part
from sim2real_envs.sensors import Measurement, Sensors
from sim2real_envs.starts import measured_start, measured_state
from sim2real_envs.state import RobotAction, RobotState, WorldState
from sim2real_envs.tasks.base import Task

REWARDS = ("dense", "sparse")
PAST_COMMANDS = 10
"""How many commands a measured state tells, the first position of an episode included: the longest delay is 7.5."""
_MOST_PAST_ACTIONS = 100


class RobotCell(gymnasium.Env[Any, NDArray[np.float32]]):
    """The parts of an environment: task, control, actuators, backend, sensors, disturbances, cameras.

    Arguments and errors are those of ``ManipulationEnv``, which moves it.
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
        flaws: str | Flaws | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise UnknownNameError(str(render_mode), "a render mode", ["rgb_array"])
        if reward not in REWARDS:
            raise UnknownNameError(str(reward), "a reward", REWARDS)
        self.render_mode, self._render_size = render_mode, picture_size(render_size)
        self.control_period, self._reward = CONTROL_PERIOD, reward
        wrong = as_flaws(flaws)
        if wrong is not None and backend != "bullet":
            raise OptionError(f"`flaws` need backend='bullet', the only one that has them, but got {backend!r}.")
        self._kinematics = Kinematics(arm)
        self._task = task(arm, self._kinematics)  # type: ignore[call-arg]
        scene = self._task.scene
        self.horizon = whole_number("horizon", self._task.horizon if horizon is None else horizon, least=1)
        self._past_actions = whole_number("past_actions", past_actions, least=0, most=_MOST_PAST_ACTIONS)
        step = nominal_timestep(substeps, timestep)
        self._control_name = control
        self._control = make_control(control, arm, self._kinematics, self._task.tool_space)
        self._gripper = Gripper(arm.fingers[0].stroke, CONTROL_PERIOD) if scene.fingers_move else None
        self._action_size = self._control.size + (self._gripper is not None)
        size, views = camera_options(observation, cameras, image_size)
        self._observer = self._make_observer(observation, self._past_actions * self._action_size, size, len(views))
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
        self._actuators = Actuators(arm, kind=self._control.kind, fingers_move=scene.fingers_move, flaws=wrong)
        sensed: dict[str, Any] = {
            "bodies": len(scene.objects),
            "fingers": len(arm.fingers),
            "fingers_move": scene.fingers_move,
            "unread": self._observer.unread,
        }
        self._sensors, self._flawed = Sensors(arm.size, CONTROL_PERIOD, **sensed), None
        if wrong is not None and self._actuators.drivetrain is not None:
            self._sensors = self._flawed = FlawedSensors(
                arm.size, CONTROL_PERIOD, drivetrain=self._actuators.drivetrain, sight=wrong.sight, **sensed
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
        self._closed = False
        self._steps = 0
        self._images = Images(None, None)
        self._start: WorldState
        self._reading: Reading
        self._tool = self._kinematics.tool(self._kinematics.home)
        self._seen: Measurement
        self._first_seen: Measurement
        self._pose: ToolPose
        self._target: list[float] = []
        self._asked: deque[list[float]] = deque(maxlen=PAST_COMMANDS)

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

    def measured_state(self) -> WorldState:
        """Return where the world is as the sensors saw it after the last step, or after the reset, to continue from.

        ``commands`` are what the controller asked for lately, before any delay, which no robot's log lacks.
        """
        self._require_open()
        return measured_state(self._seen, self._start, self._sensors, self._asked)

    def measurement(self) -> Measurement:
        """Return what the sensors said after the last step, or after the reset: what a robot's own log would hold."""
        self._require_open()
        return self._seen

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

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("This environment is closed: make a new one.")
