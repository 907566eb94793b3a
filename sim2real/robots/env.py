"""A robot as a Gymnasium environment: a fixed-rate loop, with safety between policy and robot."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import gymnasium
import numpy as np

from sim2real.robots.clock import Clock, MonotonicClock
from sim2real.robots.controls import ListView, make_command
from sim2real.robots.limits import safety_limits
from sim2real.robots.loop import Incident, RobotLoop
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import RobotLike, require_robot
from sim2real.robots.safety import Decision, SafetyLimits
from sim2real.robots.sources import Moment, ResetSource, Success
from sim2real.robots.task_needs import make_task
from sim2real.robots.task_view import TaskView
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.errors import ActionError, OptionError, UnknownNameError
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, ParameterSpace
from sim2real_envs.starts import as_start, replaced
from sim2real_envs.state import WorldState
from sim2real_envs.tasks import Judgement, Task

_RESET_OPTIONS = ("domain", "start", "measured_start")
_PLAIN_OUTCOMES = (
    Outcome("success", "-", 1.0, "binary", "What the success source says."),
    Outcome("duration", "s", 0.2, doc="Time until success or the end of the episode."),
)


class RealRobotEnv(gymnasium.Env[Any, Any]):
    """One robot behind a mapping, at a fixed rate.

    ``step`` sends what safety makes of the action, waits for the end of the control period, reads the robot and
    returns. Deadlines are absolute, so a late period does not move those after it. Beside ``is_success``,
    ``failure_mode`` and, at the end, ``outcome``, ``info`` holds ``overrun_s`` (by how much the work of the last
    period missed its deadline), ``late_s``, ``observation_age_s``, ``action_sent`` (what the robot says it was sent, or
    None), ``refused``, ``clipped`` and ``reasons``, and ``stopped`` (why, or "").

    After a stop the episode is over with ``failure_mode="stopped"``, and ``reset`` raises until a person has called
    ``release(by="name")``.

    Args:
        robot: Connected at the first reset, disconnected by ``close``.
        mapping: Its keys and units.
        rate: Control periods per second [1/s]; policies of the simulated environments were trained at 25.
        horizon: Steps after which an episode is truncated; by default the task's, or none without a task.
        limits: Safety limits, or words of them (see ``limits.safety_limits``), or None for the defaults.
        reset_source: Called with the wanted start; None drives the joints there slowly, where a task says where.
        success: Asked after every step; ``"task"`` lets the task judge the measured values; None: nobody says so.
        verdict: Asked once at the end of an episode, such as a person; its word counts. None leaves it at ``success``.
        clock: The time; a simulated clock calls the robot without a thread.
        threaded: Whether the robot is called on a thread of its own, so that it cannot block the loop; None: where the
            clock is the machine's.

    Raises:
        RobotError: If ``robot`` is not one.
        SpecError: If the limits have mistakes.
        OptionError: If an option has a value that is not allowed.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        robot: RobotLike,
        mapping: RobotMapping,
        *,
        rate: float = 1.0 / CONTROL_PERIOD,
        horizon: int | None = None,
        limits: SafetyLimits | Mapping[str, Any] | None = None,
        reset_source: ResetSource | None = None,
        success: Success | Literal["task"] | None = None,
        verdict: Success | None = None,
        clock: Clock | None = None,
        threaded: bool | None = None,
    ) -> None:
        require_robot(robot)
        if not (math.isfinite(rate) and 0.0 < rate <= 1000.0):
            raise OptionError(f"`0 < rate <= 1000` must hold, in periods per second, but got rate={rate}.")
        if horizon is not None and horizon < 1:
            raise OptionError(f"`horizon >= 1` must hold, but got horizon={horizon}.")
        self.mapping, self.control_period = mapping, 1.0 / rate
        kinematics = None if mapping.arm_model is None else Kinematics(mapping.arm_model)
        task = None
        if mapping.arm is not None and kinematics is not None and mapping.policy.task is not None:
            task = make_task(mapping.arm, mapping.policy.task, kinematics)
        self._command = make_command(mapping, kinematics, task)
        self.action_space = self._command.space
        self._task: TaskView | None = None
        if kinematics is not None and task is not None:
            size = int(np.prod(self.action_space.shape or ()))
            self._task = TaskView(task, kinematics, mapping, size, self.control_period)
        self._list = ListView(mapping, self.action_space)
        self._sees_list = self._task is None or mapping.policy.observation == "list"
        self.observation_space = self._list.space if self._task is None or self._sees_list else self._task.space
        if success == "task" and self._task is None:
            raise OptionError("success='task' needs a task: add `arm:` and `policy: {task: …}` to the mapping.")
        self._success, self._verdict, self._reset_source = success, verdict, reset_source
        self.horizon = horizon or (task.horizon if task is not None else 2**31 - 1)
        if not isinstance(limits, SafetyLimits):
            limits = safety_limits(mapping, limits, self.control_period, None if task is None else task.tool_space)
        self.limits = limits
        self.parameter_space = ParameterSpace()
        self.outcomes = _PLAIN_OUTCOMES if task is None else task.outcomes
        self._clock = clock or MonotonicClock()
        self.loop = RobotLoop(
            robot,
            mapping,
            limits,
            None if kinematics is None else lambda joints: kinematics.tool(joints).position,
            self._clock,
            self.control_period,
            threaded=isinstance(self._clock, MonotonicClock) if threaded is None else threaded,
        )
        self._steps, self._running, self._began = 0, False, 0.0
        self._start = WorldState({})

    # -- Gymnasium ----------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Bring the robot to a start and begin an episode.

        Args:
            seed: Of the starts that the task draws: the same as in its simulated environment.
            options: ``"start"`` (or ``"measured_start"``): names of a ``WorldState`` that replace what the task draws.

        Raises:
            RobotStopped: After a stop that nobody has reset.
            RobotError: If the robot cannot be read, or does not arrive at the start.
        """
        super().reset(seed=seed)
        options = dict(options or {})
        for name in options:
            if name not in _RESET_OPTIONS:
                raise UnknownNameError(name, "a reset option", _RESET_OPTIONS)
        if options.get("domain"):
            raise OptionError("The reset option 'domain' must be empty: the parameters of a robot cannot be set.")
        self._running = False
        loop = self.loop
        loop.require_running()
        loop.connect()
        wanted = self._wanted(options.get("start") or options.get("measured_start"))
        loop.pause()
        loop.read_first()
        if self._reset_source is not None:
            self._reset_source(wanted)
            loop.read_first()
        elif "joint.position" in wanted.values:
            loop.home(wanted.values["joint.position"])
        loop.pause()
        self._steps, self._running = 0, True
        self._list.reset(self._command.reset(loop.reading.commands))
        self._start = self._begin(wanted)
        loop.schedule.start()
        self._began = self._clock.now()
        return self._observe(), {"domain": {}, "action_sent": None, "stopped": ""}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Send an action through safety, wait for the end of the period, and read the robot.

        Raises:
            ActionError: If the shape is wrong, or there is no running episode.
        """
        asked, loop = self._checked(action), self.loop
        before = loop.reading
        proposal = np.full(len(before.commands), math.nan)
        if np.isfinite(asked).all():
            proposal = self._command.command(asked, before.commands)
        decision, sent = loop.give(proposal)
        tick = loop.wait()
        loop.read()
        loop.obey()
        self._steps += 1
        judgement = Judgement(0.0, False)
        self._list.acted(asked)
        if self._task is not None:
            self._task.acted(asked)
            judgement = self._task.step(loop.values, loop.reading.time - before.time)
        info = {
            "domain": {},
            "overrun_s": tick.overrun_s,
            "late_s": tick.late_s,
            "observation_age_s": self._clock.now() - loop.reading.time,
            "action_sent": sent,
        }
        return self._conclude(judgement, decision, info)

    def close(self) -> None:
        """Disconnect the robot; may be called twice."""
        self._running = False
        loop = getattr(self, "loop", None)
        if loop is not None:
            loop.close()

    # -- Safety ------------------------------------------------------------------------------------------------

    @property
    def stopped(self) -> str:
        """Why the robot is stopped, or an empty text."""
        return self.loop.stopped

    @property
    def incidents(self) -> deque[Incident]:
        """The last 1000 actions that were not sent as they were."""
        return self.loop.incidents

    def stop(self, reason: str = "a person said so") -> None:
        """Stop for good; from any thread. At most one more command is sent, within one period, to hold still."""
        self.loop.stop(reason)

    def release(self, *, by: str) -> None:
        """Let commands through again after a stop.

        Args:
            by: The person who looked at the robot.

        Raises:
            RobotError: Without a name, or where nothing was stopped.
        """
        self.loop.release(by)

    # -- What rollouts ask for ---------------------------------------------------------------------------------

    @property
    def task(self) -> Task | None:
        """The task whose view of the measured values is used, where the mapping names one."""
        return None if self._task is None else self._task.task

    def measured_start(self) -> WorldState:
        """Return where the episode began, as measured, with its spread."""
        return self._start

    def world_state(self) -> WorldState:
        """Return the measured start: of a robot nobody knows more."""
        return self._start

    # -- inside ------------------------------------------------------------------------------------------------

    def _conclude(
        self, judgement: Judgement, decision: Decision, info: dict[str, Any]
    ) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        stopped = self.stopped
        success = not stopped and self._succeeded(judgement)
        terminated = bool(stopped) or success or judgement.ended != "none"
        truncated = not terminated and self._steps >= self.horizon
        if (terminated or truncated) and self._verdict is not None and not stopped:
            success = bool(self._verdict(self._moment()))
        failure = "stopped" if stopped else "timeout" if truncated else judgement.ended
        info |= {
            "is_success": success,
            "failure_mode": "none" if success else failure,
            "refused": decision.verdict in ("refused", "stopped"),
            "clipped": decision.verdict == "clipped",
            "reasons": decision.reasons,
            "stopped": stopped,
        }
        if terminated or truncated:
            self._running = False
            duration = self._steps * self.control_period
            info["outcome"] = {"success": float(success), "duration": duration}
            if self._task is not None:
                info["outcome"] = self._task.task.outcome(success, duration)
        return self._observe(), judgement.reward, terminated, truncated, info

    def _succeeded(self, judgement: Judgement) -> bool:
        if self._success == "task":
            return judgement.success
        return self._success is not None and bool(self._success(self._moment()))

    def _moment(self) -> Moment:
        loop, goal = self.loop, self._start.values.get("goal")
        elapsed = self._clock.now() - self._began
        return Moment(dict(loop.values), goal, self._steps, elapsed, not loop.reading.problem)

    def _observe(self) -> Any:
        return self._list(self.loop.values) if self._task is None or self._sees_list else self._task.observe()

    def _checked(self, action: Any) -> Array:
        if not self._running:
            raise ActionError("There is no running episode: call reset() first, and again after an episode has ended.")
        try:
            asked = np.array(action, dtype=np.float64)
        except (TypeError, ValueError):
            raise ActionError(f"An action must be an array of numbers, but got {action!r}.") from None
        if asked.shape != self.action_space.shape:
            raise ActionError(f"An action must have shape {self.action_space.shape}, but got {asked.shape}.")
        return asked

    def _wanted(self, given: Any) -> WorldState:
        """Return where the episode is to start; the same seed asks for the same as ``ManipulationEnv`` does."""
        entropy = int(self.np_random.integers(2**62))
        stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence([entropy, 0])))
        given = WorldState({}) if given is None else as_start("start", given)
        return given if self._task is None else replaced(self._task.sample(stream), given)

    def _begin(self, wanted: WorldState) -> WorldState:
        """Begin an episode and return its measured start."""
        values = self.loop.values
        if self._task is not None:
            self._task.begin(wanted, values)
            return self._task.start
        names = [name for name in ("joint.position", "joint.velocity", "goal") if name in values]
        start = {str(name): values[name] for name in names}
        spread = {name: self.mapping.spread(name) for name in start}
        return WorldState({**wanted.values, **start}, {name: std for name, std in spread.items() if std.any()})
