"""PickAndPlace keeps the contracts of every environment."""

from __future__ import annotations

from sim2real_envs.testing import EnvContract, ParameterContract


class TestPickAndPlace(EnvContract):
    env_id = "PandaPickAndPlace-v0"


class TestParametersOfPickAndPlace(ParameterContract):
    env_id = "PandaPickAndPlace-v0"
