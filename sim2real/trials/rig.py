"""The robot of a plan, ready to be tried: its environment, its policies, and what an episode of them gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium

from sim2real.episodes import Episode
from sim2real.errors import SpecError
from sim2real.policy import Policy
from sim2real.robots.env import RealRobotEnv
from sim2real.robots.protocol import RobotLike, load, make_robot
from sim2real.robots.sources import Moment
from sim2real.rollouts import Job, run_episode
from sim2real.trials.expert import MeasuredExpert
from sim2real.trials.placing import Start
from sim2real.trials.plan import Plan


@dataclass(frozen=True)
class Ran:
    """What a trial gave.

    Args:
        episode: As it was measured.
        proposed: What task or sensor said of its success; None where nothing does.
        stopped: Why the robot was stopped, or an empty text.
        corrected: Actions that safety clipped or refused.
        late: Control periods that missed their deadline.
    """

    episode: Episode
    proposed: bool | None
    stopped: str
    corrected: int
    late: int


class TrialRobot:
    """A plan's robot and policies.

    Args:
        plan: The plan.
        robot: The robot, if it is there already; else it is made as the plan says.

    Raises:
        RobotError: If the robot cannot be made.
        SpecError: If a policy does not fit what the robot shows and takes.
    """

    def __init__(self, plan: Plan, robot: RobotLike | None = None) -> None:
        target = plan.spec.target
        made = make_robot(target.robot, target.options) if robot is None else robot
        self.places_itself = target.reset is not None
        self._judged = target.success is not None
        self.env = RealRobotEnv(
            made,
            plan.mapping,
            rate=target.rate,
            horizon=target.horizon,
            limits=target.safety,
            reset_source=None if target.reset is None else load(target.reset, "reset")(made),
            success=_success(target.success, made),
        )
        self._policies: Mapping[str, Policy] = {
            name: MeasuredExpert(self.env) if policy is None else policy for name, policy in plan.policies.items()
        }
        self._check_shapes(plan)

    def bring(self, start: Start) -> None:
        """Bring the robot to a start without a trial; it moves.

        Raises:
            RobotStopped: If safety stops it.
            RobotError: If it cannot be read, or does not arrive.
        """
        self.env.reset(seed=0, options={"start": start.state})

    def run(self, policy: str, start: Start) -> Ran:
        """Run a trial.

        Raises:
            RobotStopped: If it is stopped already, or on the way to the start.
            RobotError: If it cannot be read, or does not arrive at the start.
        """
        counted = _Counted(self.env)
        episode = run_episode(counted, self._policies[policy], Job(0, start=start.state, measured=True))
        proposed = episode.success if self._judged else None
        return Ran(episode, proposed, self.env.stopped, counted.corrected, counted.late)

    def close(self) -> None:
        """Disconnect the robot; may be called twice."""
        self.env.close()

    def _check_shapes(self, plan: Plan) -> None:
        problems = []
        seen, taken = self.env.observation_space.shape, self.env.action_space.shape
        for name, policy in plan.policies.items():
            size = getattr(policy, "observation_size", None)
            if policy is None or size is None:
                continue
            if (size,) != seen or (policy.action_size,) != taken:
                problems.append(
                    f"policies.{name}: takes {size} numbers and gives {policy.action_size}, but the mapping shows "
                    f"{seen} and takes {taken}; compare `policy:` in the mapping with how it was trained"
                )
        if problems:
            raise SpecError(problems, "plan")


class _Counted(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Counts what became of actions."""

    corrected = late = 0

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.corrected += bool(info["refused"] or info["clipped"])
        self.late += bool(info["overrun_s"] > 0.0)
        return observation, reward, terminated, truncated, info


def _success(given: str | None, robot: RobotLike) -> Any:
    if given is None or given == "task":
        return given
    judge: Callable[[Moment], bool] = load(given, "success")(robot)
    return judge
