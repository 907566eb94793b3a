"""PegInsert keeps the contracts of every environment."""

from __future__ import annotations

from sim2real_envs.testing import EnvContract, ParameterContract


class TestPegInsert(EnvContract):
    env_id = "PandaPegInsert-v0"


class TestParametersOfPegInsert(ParameterContract):
    env_id = "PandaPegInsert-v0"
