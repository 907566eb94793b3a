"""A task of the simulated environments, looked at through a robot's sensors.

The same task object makes the observation, says what success is and measures
the outcomes, so that a policy cannot tell the difference: only that here every
number is measured. Whether an object is at rest is judged over as many control
periods as the stated noise (``std``) of its position asks for: two positions of
1 mm noise, 0.04 s apart, differ by 35 mm/s even at rest.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from sim2real.robots.mapping import RobotMapping
from sim2real_envs.backends.base import BodyReading, Reading
from sim2real_envs.cameras import Images
from sim2real_envs.kinematics import Kinematics, ToolPose
from sim2real_envs.observations import Moment, StateObserver
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import MeasuredBody, Measurement
from sim2real_envs.state import WorldState
from sim2real_envs.tasks import Judgement, Task

_NO_FORCE = (0.0, 0.0, 0.0)
_LONGEST_LOOK = 12  # control periods over which rest is judged at most


class TaskView:
    """A task on measured values.

    Args:
        task: The task.
        kinematics: Of its arm.
        mapping: Which quantities are measured.
        actions: Numbers in an action.
        period: Control period [s].
    """

    def __init__(self, task: Task, kinematics: Kinematics, mapping: RobotMapping, actions: int, period: float) -> None:
        self.task, self._kinematics, self._mapping, self._elapsed = task, kinematics, mapping, period
        past = mapping.policy.past_actions
        self._observer = StateObserver(task, past * actions)
        self._past: deque[list[float]] = deque(maxlen=past)
        self._actions = actions
        self._before: Mapping[str, Array] = {}
        self._places: deque[Array] = deque(maxlen=1 + _look(mapping, task, period))
        self._moment: tuple[Measurement, ToolPose, Reading]
        self._start: WorldState

    @property
    def space(self) -> Box:
        """The observation space, that of the simulated environment."""
        return self._observer.space

    def sample(self, rng: np.random.Generator) -> WorldState:
        """Draw where an episode is to start, goal included, as the simulated environment does."""
        return self.task.sample(rng)

    def begin(self, wanted: WorldState, values: Mapping[str, Array]) -> None:
        """Begin an episode that was to start as ``wanted`` and is measured as ``values``; a measured goal counts."""
        self._before = values
        self._places.clear()
        self._past.extend([[0.0] * self._actions] * (self._past.maxlen or 0))
        self._start = self._measured(wanted, values)
        seen, tool, reading = self._moment = self._look(values)
        self.task.begin(self._start, tool, reading, seen, tool)

    @property
    def start(self) -> WorldState:
        """Where the episode began, as measured, with one standard deviation of what was."""
        return self._start

    def acted(self, action: Array) -> None:
        """Remember an action."""
        self._past.append(action.tolist())

    def step(self, values: Mapping[str, Array], elapsed: float) -> Judgement:
        """Take a step that is measured as ``values``, ``elapsed`` [s] after the last, and judge it."""
        self._elapsed = elapsed if elapsed > 0.0 else self._elapsed
        seen, tool, reading = self._moment = self._look(values)
        self._before = values
        judgement = self.task.judge(tool, reading)
        self.task.watch(seen, tool)
        return judgement

    def observe(self) -> NDArray[np.float32]:
        """Return the observation (o,) of the last measurement."""
        seen, tool, _ = self._moment
        past = [number for action in self._past for number in action]
        return self._observer(Moment(seen, tool, past, Images(None, None)))

    def _measured(self, wanted: WorldState, values: Mapping[str, Array]) -> WorldState:
        start = dict(wanted.values)
        spread = {"joint.position": self._mapping.spread("joint.position")}
        start["joint.position"] = values["joint.position"]
        if "goal" in values:
            start["goal"] = values["goal"]
        if "object.pose" in start:
            start["object.pose"] = np.concatenate([values["object.position"], _upright(float(values["object.yaw"][0]))])
            place, turn = self._mapping.spread("object.position"), self._mapping.spread("object.yaw")
            spread["object.pose"] = np.array([*place, 0.0, 0.0, *turn])
        spread = {name: std for name, std in spread.items() if std.any()}
        return WorldState(start, spread)

    def _look(self, values: Mapping[str, Array]) -> tuple[Measurement, ToolPose, Reading]:
        joints = values["joint.position"]
        speed = values.get("joint.velocity")
        if speed is None:
            speed = (joints - self._before["joint.position"]) / self._elapsed
        force = values.get("tool.force", np.zeros(3))
        forces = np.array([force, np.zeros(3)])
        bodies, true_bodies = self._bodies(values)
        seen = Measurement(joints, speed, np.zeros(2), bodies, forces)
        felt: Sequence[Sequence[float]] = [force.tolist(), _NO_FORCE]
        reading = Reading(joints.tolist(), speed.tolist(), (0.0, 0.0), true_bodies, felt, False)
        return seen, self._kinematics.tool(joints), reading

    def _bodies(self, values: Mapping[str, Array]) -> tuple[tuple[MeasuredBody, ...], tuple[BodyReading, ...]]:
        if not self.task.scene.objects:
            return (), ()
        place, yaw = values["object.position"], float(values["object.yaw"][0])
        velocity = (place - self._before["object.position"]) / self._elapsed
        tilt = values.get("object.tilt", np.zeros(2))
        seen = MeasuredBody(place, velocity, yaw, tilt)
        self._places.append(place)
        lately = (place - self._places[0]) / (self._elapsed * max(1, len(self._places) - 1))
        true = BodyReading(place.tolist(), _upright(yaw).tolist(), lately.tolist(), _NO_FORCE)
        return (seen,), (true,)


def _look(mapping: RobotMapping, task: Task, period: float) -> int:
    """Return over how many control periods a velocity has to be taken to be within half the rest speed by chance."""
    std = mapping.spread("object.position")
    if math.isinf(task.rest_speed) or not std.any():
        return 1
    return min(_LONGEST_LOOK, math.ceil(2.0 * math.sqrt(2.0) * float(std.max()) / (task.rest_speed * period)))


def _upright(yaw: float) -> Array:
    """Return the quaternion xyzw of a turn about z."""
    return np.array([0.0, 0.0, math.sin(0.5 * yaw), math.cos(0.5 * yaw)])
