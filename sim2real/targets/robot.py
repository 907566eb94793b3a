"""A robot as a target: its policy's episodes, one after the other, with people and safety around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sim2real.episodes import Episode
from sim2real.errors import RobotError, RobotStopped
from sim2real.evidence import Need
from sim2real.policy import Policy
from sim2real.robots.env import RealRobotEnv
from sim2real.robots.fake import FakeRobot
from sim2real.robots.mapping import RobotMapping
from sim2real.robots.protocol import RobotLike, load, make_robot
from sim2real.robots.sources import Release, ResetSource, Success
from sim2real.rollouts import SEEDS, Job, Log, run_episode
from sim2real.targets.starts import asked_starts
from sim2real.workers import Advance
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.state import WorldState


class RobotTarget:
    """Somebody's robot, by its import path and a mapping.

    An episode tells what is measured: start with its spread, outcomes and, with ``log="sensors"``, observations and
    actions. One that safety stopped counts as a failure with ``failure_mode="stopped"``; before the next, ``release``
    is asked who lets the robot go on.

    Args:
        robot: A robot, or the import path ``module:factory`` of one.
        mapping: Its keys and units; a mapping as in a file, or a ``RobotMapping``.
        options: What a factory is called with.
        rate: Control periods per second [1/s].
        horizon: Steps after which an episode is over; by default the task's.
        safety: Words of ``robots.limits.safety_limits``, such as ``{"joint_speed": 1.0, "force": 30.0}``.
        reset: Brings robot and objects to a start; or the import path of a factory that is called with the robot and
            returns that. None drives the joints there slowly and leaves objects where they are.
        success: ``"task"``: the task judges what is measured; or a function of a ``Moment``, or the import path of a
            factory of one, called with the robot. None: only ``verdict`` says.
        verdict: Asked once at the end of each episode, such as a person; given as ``success`` is.
        release: Asked after a stop; given as ``reset`` is. None ends the trials there.
        log: ``"outcomes"`` leaves observations and actions out.
        progress: Called with (done, total) episodes.

    Raises:
        RobotError: If a path leads nowhere, or what it makes is not a robot.
        SpecError: If mapping or limits have mistakes.
    """

    def __init__(
        self,
        robot: RobotLike | str,
        mapping: RobotMapping | Mapping[str, Any],
        *,
        options: Mapping[str, Any] | None = None,
        rate: float = 1.0 / CONTROL_PERIOD,
        horizon: int | None = None,
        safety: Mapping[str, Any] | None = None,
        reset: ResetSource | str | None = None,
        success: Success | str | None = "task",
        verdict: Success | str | None = None,
        release: Release | str | None = None,
        log: Log = "sensors",
        progress: Advance | None = None,
    ) -> None:
        if not isinstance(mapping, RobotMapping):
            mapping = RobotMapping.from_dict(mapping)
        made = make_robot(robot, options) if isinstance(robot, str) else robot
        self._log, self._progress = log, progress
        self._places = reset is not None
        self._release: Release | None = _brought(release, "release", made)
        self._kind: Literal["pseudo-real", "robot"] = "pseudo-real" if isinstance(made, FakeRobot) else "robot"
        self.finished: tuple[Episode, ...] = ()
        self.env = RealRobotEnv(
            made,
            mapping,
            rate=rate,
            horizon=horizon,
            limits=safety,
            reset_source=_brought(reset, "reset", made),
            success="task" if success == "task" else _brought(success, "success", made),
            verdict=_brought(verdict, "verdict", made),
        )

    @property
    def kind(self) -> Literal["pseudo-real", "robot"]:
        """A robot, unless it is the toolkit's own stand-in for one."""
        return self._kind

    @property
    def offers(self) -> Need:
        """Outcomes, and trajectories where sensors are logged."""
        return Need.OUTCOMES | Need.TRAJECTORIES if self._log == "sensors" else Need.OUTCOMES

    def collect(
        self,
        policy: Policy | None,
        episodes: int,
        rng: np.random.Generator,
        starts: Sequence[WorldState] | None = None,
    ) -> tuple[Episode, ...]:
        """Run episodes of ``policy``; ``finished`` holds those that are over, also when the trials end early.

        ``starts`` are given to ``reset``, which brings robot and objects there; without one, only joints and goal can
        be where they are asked.

        Raises:
            RobotStopped: If safety has stopped the robot and nobody lets it go on.
            RobotError: If the robot cannot be read, there is no policy, or nobody can place what ``starts`` ask for.
        """
        if policy is None:
            raise RobotError("A robot needs a policy to try, but got None.")
        places = asked_starts(starts, episodes)
        things = sorted({name for start in starts or () for name in start.values if name.endswith(".pose")})
        if things and not self._places:
            raise RobotError(
                f"Starts with {', '.join(things)} need somebody who places objects, but the target has no `reset`. "
                "Give one, or choose no starts: `starts: random`."
            )
        self.finished = ()
        for seed, start in zip(rng.integers(SEEDS, size=episodes), places, strict=True):
            self._ask_for_release(episodes)
            job = Job(int(seed), start=start, measured=True)
            self.finished += (run_episode(self.env, policy, job, self._log),)
            if self._progress is not None:
                self._progress(len(self.finished), episodes)
        return self.finished

    def close(self) -> None:
        """Disconnect the robot; may be called twice."""
        self.env.close()

    def _ask_for_release(self, episodes: int) -> None:
        reason = self.env.stopped
        if not reason:
            return
        person = "" if self._release is None else self._release(reason)
        if not person:
            raise RobotStopped(
                f"The robot is stopped after {len(self.finished)} of {episodes} episodes: {reason}. Look at it; then "
                "give `release`, or call env.release(by='your name')."
            )
        self.env.release(by=person)


def _brought(given: Any, what: str, robot: RobotLike) -> Any:
    """Return what people bring: a function as it is, or what the factory at an import path makes for the robot."""
    return load(given, what)(robot) if isinstance(given, str) else given
