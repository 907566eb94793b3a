"""The same environment with the goal apart, as hindsight experience replay needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sim2real_envs.env import ManipulationEnv
from sim2real_envs.errors import OptionError
from sim2real_envs.observations import GoalObserver, Observer
from sim2real_envs.tasks.base import Judgement


class GoalEnv(ManipulationEnv):
    """A ``ManipulationEnv`` that follows Gymnasium's convention for goals; made by ``goal_conditioned=True``.

    Observations are a Dict of ``observation`` (without what depends on the goal), ``achieved_goal`` and
    ``desired_goal``; the reward is ``compute_reward`` of the two, as the sensors measured them. Options are those of
    ``ManipulationEnv``; ``reward="dense"`` is minus the distance from the goal [m].

    Raises:
        OptionError: If the observation is not ``"state"``.
    """

    def compute_reward(self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: Any) -> Any:
        """Return the reward of goals (..., g): a function of these two alone; ``info`` is not used.

        Sparse: 0 where the goal is reached, else -1; dense: minus the distance [m].
        """
        achieved, desired = np.asarray(achieved_goal, dtype=np.float64), np.asarray(desired_goal, dtype=np.float64)
        if self._reward == "sparse":
            return self._task.reached(achieved, desired).astype(np.float64) - 1.0
        return -self._task.goal_distance(achieved, desired)

    def _make_observer(self, observation: str, past: int, size: tuple[int, int], cameras: int) -> Observer:
        if observation != "state":
            raise OptionError(f"`goal_conditioned=True` needs observation='state', but got {observation!r}.")
        return GoalObserver(self._task, past)

    def _reward_of(self, judgement: Judgement, observation: Any) -> float:
        return float(self.compute_reward(observation["achieved_goal"], observation["desired_goal"], None))
