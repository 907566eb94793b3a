"""How well the control loop of a robot keeps time, and how soon it is silent after a stop."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

from sim2real.bench.turns import Progress
from sim2real.errors import RobotError
from sim2real.gap.statistics import Rate, wilson
from sim2real.robots.clock import MonotonicClock
from sim2real.robots.drill import Drills, Witness, drill, summary
from sim2real.robots.env import RealRobotEnv
from sim2real.robots.fake import FakeRobot
from sim2real.robots.fake_keys import fake_mapping
from sim2real.robots.mapping import RobotMapping
from sim2real_envs.arms import PANDA
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Array

_SWING, _SWING_HZ = 0.1, 0.25  # [rad]
_TRIES_AFTER_STOP = 5
_PRIORITY, _NICE = 10, -10


@dataclass(frozen=True)
class LoopTiming:
    """Timing of a control loop with a pseudo-real robot in a process of its own.

    Args:
        rate: Control periods per second.
        priority: What the system gave loop and robot: ``"real time"``, ``"nice"``, or ``"none"``.
        periods: How many there were.
        missed: Those that were not finished at their deadline: read, act, safety and send together.
        lost: Whole periods that were lost besides, because one took so long.
        worst_overrun_ms: By how much a deadline was missed at most.
        late_ms: How long after a deadline the next period began: median, 99 %, 99.9 %, most.
        age_ms: Age of the measurement that a policy gets: median, 99 %, most.
        drift_ppm: Slope of the periods' beginnings against the schedule, by least squares [us/s].
        end_offset_ms: Mean offset of the last tenth of the beginnings from the schedule, less that of the first tenth.
        safety_stops: How often safety stopped the loop by itself, as where the machine stood still; it was let go on.
        stops: How often a stop was asked for, at a random moment of a period.
        last_command_ms: From such a stop to the last command that reached the robot: the longest; below 0 where it
            came before the stop.
        last_command_periods: The same in control periods.
        after_stop: Commands that reached the robot later than one period after a stop.
    """

    rate: float
    priority: str
    periods: int
    missed: Rate
    lost: int
    worst_overrun_ms: float
    late_ms: tuple[float, float, float, float]
    age_ms: tuple[float, float, float]
    drift_ppm: float
    end_offset_ms: float
    safety_stops: int
    stops: int
    last_command_ms: float
    last_command_periods: float
    after_stop: int


def loop_timing(
    *,
    minutes: float = 1.0,
    rate: float = 50.0,
    stops: int = 20,
    seed: int = 0,
    priority: bool = True,
    progress: Progress | None = None,
) -> LoopTiming:
    """Run a loop against a pseudo-real robot for ``minutes``, then stop it ``stops`` times.

    Args:
        minutes: How long.
        rate: Control periods per second.
        stops: How many stops are timed.
        seed: Of the moments of the stops.
        priority: Whether the system is asked to let loop and robot go before other work, as one does for a robot.
        progress: Called with (periods done, periods in total).

    Raises:
        OptionError: If there is not a single period.
    """
    periods = round(60.0 * minutes * rate)
    if periods < 10:
        raise OptionError(f"`60 minutes rate >= 10` must hold, but got {periods} control periods.")
    with raised_priority() if priority else nullcontext("none") as given:
        return _measured(periods, rate, stops, seed, given, progress)


@contextmanager
def raised_priority() -> Iterator[str]:
    """Let this thread and what it starts go first, as far as the system allows; yields what it allowed."""
    usual = None
    try:
        usual = os.sched_getscheduler(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    except (AttributeError, OSError):  # not Linux, or not allowed
        try:
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)
        except (AttributeError, OSError):
            yield "none"
            return
        yield "nice"
        os.setpriority(os.PRIO_PROCESS, 0, 0)
        return
    try:
        yield "real time"
    finally:
        os.sched_setscheduler(0, usual, os.sched_param(0))


def _measured(periods: int, rate: float, stops: int, seed: int, priority: str, progress: Progress | None) -> LoopTiming:
    clock = MonotonicClock()
    robot = FakeRobot("joints")
    witness = Witness(robot, clock)
    env = RealRobotEnv(witness, RobotMapping.from_dict(fake_mapping("joints")), rate=rate, clock=clock)
    try:
        timing = _keep_time(env, periods, progress)
        last, after = _stop_often(env, robot, stops, np.random.default_rng(seed))
    finally:
        env.close()
    overruns, lates, ages, offsets, lost, safety_stops = timing
    tenth = max(1, len(offsets) // 10)
    slope = np.polyfit(np.arange(len(offsets)) / rate, offsets, 1)[0]
    return LoopTiming(
        rate=rate,
        priority=priority,
        periods=len(overruns),
        missed=wilson(int((overruns > 0.0).sum()), len(overruns)),
        lost=lost,
        worst_overrun_ms=1e3 * float(overruns.max()),
        late_ms=tuple((1e3 * np.quantile(lates, [0.5, 0.99, 0.999, 1.0])).tolist()),
        age_ms=tuple((1e3 * np.quantile(ages, [0.5, 0.99, 1.0])).tolist()),
        drift_ppm=1e6 * float(slope),
        end_offset_ms=1e3 * float(offsets[-tenth:].mean() - offsets[:tenth].mean()),
        safety_stops=safety_stops,
        stops=stops,
        last_command_ms=1e3 * last,
        last_command_periods=last * rate,
        after_stop=after,
    )


def _keep_time(
    env: RealRobotEnv, periods: int, progress: Progress | None
) -> tuple[Array, Array, Array, Array, int, int]:
    """Return overruns, latenesses, ages and offsets from the schedule (n,) s; lost periods; stops by safety."""
    overruns, lates, ages, offsets = (np.zeros(periods) for _ in range(4))
    lost = safety_stops = 0
    began, scheduled = _begin(env)
    for index in range(periods):
        _, _, over, _, info = env.step(_swing(time.monotonic()))
        now = time.monotonic()
        scheduled += 1 + int(info["overrun_s"] / env.control_period)
        lost += int(info["overrun_s"] / env.control_period)
        overruns[index], lates[index], ages[index] = info["overrun_s"], info["late_s"], info["observation_age_s"]
        offsets[index] = now - began - scheduled * env.control_period
        if over:
            safety_stops += 1
            env.release(by="the benchmark")
            began, scheduled = _begin(env)
        if progress is not None and index % 50 == 0:
            progress(index, periods)
    if progress is not None:
        progress(periods, periods)
    return overruns, lates, ages, offsets, lost, safety_stops


def _begin(env: RealRobotEnv) -> tuple[float, int]:
    env.reset()
    return env.loop.schedule.deadline - env.control_period, 0


def _stop_often(env: RealRobotEnv, robot: FakeRobot, stops: int, rng: np.random.Generator) -> tuple[float, int]:
    """Return the longest time from a stop to the last command that arrived [s], and how many came too late."""
    longest, late = -np.inf if stops else 0.0, 0
    for _ in range(stops):
        if env.stopped:
            env.release(by="the benchmark")
        env.reset()
        said: list[float] = []
        thread = threading.Timer(float(rng.uniform(3.0, 8.0)) * env.control_period, _stopper(env, said))
        thread.start()
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(_swing(time.monotonic()))
            over = terminated or truncated
        for _ in range(_TRIES_AFTER_STOP):
            env.loop.give(_swing(time.monotonic()))
            env.loop.wait()
        thread.join()
        arrived = robot.report().times
        longest = max(longest, float(arrived[-1]) - said[0])
        late += int((arrived > said[0] + env.control_period).sum())
    return float(longest), late


def _stopper(env: RealRobotEnv, said: list[float]) -> Callable[[], None]:
    def stop() -> None:
        said.append(time.monotonic())
        env.stop("the benchmark says so")

    return stop


def _swing(now: float) -> Array:
    target: Array = np.array(PANDA.home) + _SWING * np.sin(2.0 * np.pi * _SWING_HZ * now)
    return target


@dataclass(frozen=True)
class FaultFigures:
    """Random sequences of faults: with the robot in simulated time, and with it in a process of its own."""

    simulated: Drills
    process: Drills


def fault_drills(
    *, sequences: int = 1000, processes: int = 10, seed: int = 0, progress: Progress | None = None
) -> FaultFigures:
    """Run random sequences of faults and count commands outside of the limits, and after a stop.

    Args:
        sequences: How many in simulated time.
        processes: How many against a robot in a process of its own, in real time.
        seed: Of the first sequence; the others follow.
        progress: Called with (sequences done, sequences in total).

    Raises:
        RobotError: If there is nothing to run.
    """
    if sequences + processes < 1:
        raise RobotError(f"There must be a sequence to run, but got {sequences} and {processes}.")
    done = []
    for index in range(sequences + processes):
        in_process = index >= sequences
        done.append(drill(seed + index, process=in_process))
        if progress is not None:
            progress(index + 1, sequences + processes)
    return FaultFigures(summary(done[:sequences]), summary(done[sequences:]))
