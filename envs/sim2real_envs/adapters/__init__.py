"""Parameters for other people's environments: how a domain reaches an environment that does not know of any.

    env = RandomizedEnv(gymnasium.make("Hopper-v5"), MujocoParameters({"torso.mass": "body_mass[torso]"}))
    env.reset(seed=0, options={"domain": {"torso.mass": 5.0}})

NumPy and Gymnasium only; the engine is reached through the environment that brought it.
"""

from __future__ import annotations

from sim2real_envs.adapters.attributes import AttributeParameters
from sim2real_envs.adapters.base import Adapter, Range
from sim2real_envs.adapters.mujoco import MujocoParameters
from sim2real_envs.adapters.silence import silent_parameters

__all__ = ["Adapter", "AttributeParameters", "MujocoParameters", "Range", "silent_parameters"]
