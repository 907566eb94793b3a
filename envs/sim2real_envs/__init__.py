"""Manipulation environments whose physics, actuators and sensors can be randomized and read back.

    import gymnasium
    env = gymnasium.make("sim2real_envs:sim2real/PandaPush-v0")

Needs NumPy and Gymnasium; an engine is imported when an environment is made.
"""

from __future__ import annotations

from sim2real_envs.errors import EnvError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Domain, Parameter, ParameterSpace, Part
from sim2real_envs.registration import ENV_IDS, full_id, make, register_all
from sim2real_envs.state import RobotAction, RobotState, WorldState

__all__ = [
    "ENV_IDS",
    "Domain",
    "EnvError",
    "Outcome",
    "Parameter",
    "ParameterSpace",
    "Part",
    "RobotAction",
    "RobotState",
    "WorldState",
    "full_id",
    "make",
    "register_all",
]

register_all()
