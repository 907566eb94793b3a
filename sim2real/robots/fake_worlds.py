"""What a pseudo-real robot moves in: the physics of a simulated environment, or joints alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from sim2real.robots.task_needs import ROBOT_TASKS, make_task
from sim2real_envs.actuators import Actuators
from sim2real_envs.arms import ARMS, Arm
from sim2real_envs.backends import make_backend
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.flaws import as_flaws, preset
from sim2real_envs.flaws.sight import FlawedSensors
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.sensors import Sensors
from sim2real_envs.starts import replaced
from sim2real_envs.state import WorldState

JOINTS_ALONE = "joints"
_TIMESTEP = 0.002  # [s]
_LAG_S = 0.05  # time constant of joints alone
_FORCE = "tool.force"


class FakeWorld(Protocol):
    """A world that a pseudo-real robot moves in."""

    def place(self, values: Mapping[str, Array]) -> None:
        """Put robot and objects where ``values``, names of a ``WorldState``, say."""

    def step(self, target: Array) -> None:
        """Let one tick pass with joint targets (n,) [rad] in force."""

    def measure(self) -> dict[str, Array]:
        """Return what the sensors say, quantity to numbers in SI."""

    def close(self) -> None:
        """Release what it holds."""


class JointsAlone:
    """Joints that follow their targets with a lag of 50 ms, at most as fast as the arm's can; exact sensors.

    Args:
        arm: Its limits.
        tick: [s].
    """

    def __init__(self, arm: Arm, tick: float) -> None:
        self._position, self._velocity = np.array(arm.home), np.zeros(arm.size)
        self._most = np.array([joint.velocity for joint in arm.joints])
        self._tick, self._share = tick, 1.0 - float(np.exp(-tick / _LAG_S))

    def place(self, values: Mapping[str, Array]) -> None:
        if "joint.position" in values:
            self._position = np.array(values["joint.position"], dtype=np.float64)
            self._velocity = np.zeros(len(self._position))

    def step(self, target: Array) -> None:
        speed = self._share * (target - self._position) / self._tick
        self._velocity = np.minimum(np.maximum(speed, -self._most), self._most)
        self._position = self._position + self._tick * self._velocity

    def measure(self) -> dict[str, Array]:
        return {"joint.position": self._position, "joint.velocity": self._velocity}

    def close(self) -> None:
        """Do nothing."""


class SimulatedWorld:
    """Physics, joint law and sensors of a simulated environment, in a domain that its user does not tell.

    Args:
        arm: Name of the arm.
        task: Name of the task.
        domain: Where parameters differ from nominal.
        seed: Of the noise of the sensors.
        tick: [s].
        backend: Physics engine.
        flaws: None, or the name of a preset of flaws; chance on the line of commands is drawn every tick.

    Raises:
        UnknownNameError: If a parameter, an engine or a preset does not exist.
        ParameterError: If a value lies beyond its limits.
    """

    def __init__(
        self, arm: str, task: str, domain: Domain, seed: int, tick: float, backend: str, flaws: str | None
    ) -> None:
        model = ARMS[arm]
        made = make_task(arm, task, Kinematics(model))
        self._has_object = bool(made.scene.objects)
        self._backend = make_backend(backend, made.scene, tick, _TIMESTEP)
        wrong = as_flaws(flaws)
        self._actuators = Actuators(model, flaws=wrong)
        sensed: dict[str, Any] = {"bodies": len(made.scene.objects), "fingers": len(model.fingers)}
        self._sensors = Sensors(model.size, tick, **sensed)
        if wrong is not None and self._actuators.drivetrain is not None:
            self._sensors = FlawedSensors(
                model.size, tick, drivetrain=self._actuators.drivetrain, sight=wrong.sight, **sensed
            )
        parts = (self._backend, self._actuators, self._sensors)
        space = ParameterSpace(p for part in parts for p in part.parameters.values())
        values = space.complete((preset(flaws).domain_in(space) if flaws else {}) | dict(domain))
        self._backend.apply(values)
        self._actuators.bind(self._backend.joint_inertia(), self._backend.timestep)
        self._actuators.apply(values)
        self._sensors.apply(values)
        self._rng = np.random.default_rng(seed)
        self._begin(made.sample(np.random.default_rng(seed)))

    def place(self, values: Mapping[str, Array]) -> None:
        known = {name: values[name] for name in values if name in self._start.values}
        self._begin(replaced(self._start, WorldState(known)))

    def step(self, target: Array) -> None:
        substeps = self._backend.substeps
        self._backend.advance(self._actuators.law, self._actuators.schedule(target.tolist(), substeps), substeps)
        self._seen = self._sensors.measure(self._backend.read(), self._rng)

    def measure(self) -> dict[str, Array]:
        seen = self._seen
        values = {"joint.position": seen.joint_position, "joint.velocity": seen.joint_velocity}
        if self._has_object:
            body = seen.bodies[0]
            values |= {"object.position": body.position, "object.yaw": np.array([body.yaw]), "object.tilt": body.tilt}
            values[_FORCE] = seen.tool_force
        return values

    def close(self) -> None:
        self._backend.close()

    def _begin(self, start: WorldState) -> None:
        self._start = start
        self._backend.reset(start)
        self._actuators.reset(start)
        if isinstance(self._sensors, FlawedSensors):
            self._actuators.begin(self._rng)
            self._sensors.begin(self._rng)
        self._seen = self._sensors.reset(self._backend.read(), self._rng)


def arm_and_task(world: str) -> tuple[str, str | None]:
    """Return arm and task of a world's name: ``"joints"``, or an environment's id such as ``"PandaPush-v0"``.

    Raises:
        UnknownNameError: If there is no such world.
    """
    names = {f"{arm}{task}-v0": (arm, task) for arm in ARMS for task in ROBOT_TASKS}
    if world == JOINTS_ALONE:
        return "Panda", None
    if world not in names:
        raise UnknownNameError(world, "a world of a pseudo-real robot", (JOINTS_ALONE, *names))
    return names[world]


def make_world(
    world: str, domain: Domain, seed: int, tick: float, backend: str = "bullet", flaws: str | None = None
) -> FakeWorld:
    """Return the world of a pseudo-real robot; arguments as in ``FakeRobot``.

    Raises:
        UnknownNameError: If a name does not exist.
        ParameterError: If a value lies beyond its limits.
        OptionError: If joints alone are to have a domain or flaws, or an engine has none.
    """
    arm, task = arm_and_task(world)
    if task is not None:
        return SimulatedWorld(arm, task, domain, seed, tick, backend, flaws)
    if domain or flaws:
        raise OptionError(f"The world {world!r} has neither domain nor flaws; take an environment, as PandaReach-v0.")
    return JointsAlone(ARMS[arm], tick)


def measured_quantities(world: str) -> dict[str, int]:
    """Return what a world measures, quantity to how many numbers."""
    arm, task = arm_and_task(world)
    n = ARMS[arm].size
    sizes = {"joint.position": n, "joint.velocity": n}
    if task in ("Push", "Slide"):
        sizes |= {"object.position": 3, "object.yaw": 1, "object.tilt": 2, _FORCE: 3}
    return sizes
