"""Stack keeps the contracts of every environment."""

from __future__ import annotations

from sim2real_envs.testing import EnvContract, ParameterContract


class TestStack(EnvContract):
    env_id = "PandaStack-v0"


class TestParametersOfStack(ParameterContract):
    env_id = "PandaStack-v0"
