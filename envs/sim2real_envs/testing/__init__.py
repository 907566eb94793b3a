"""Contract tests that anybody's environment can inherit.

An environment of your own is checked by a few lines in a test module::

    from sim2real_envs.testing import EnvContract, ParameterContract

    class TestMine(EnvContract):
        env_id = "my_package:mine/MyEnv-v0"

    class TestMyParameters(ParameterContract):
        env_id = "my_package:mine/MyEnv-v0"

Names that begin with ``test_`` are found by pytest, but nothing here needs it.
"""

from __future__ import annotations

from sim2real_envs.testing.env_contract import EnvContract
from sim2real_envs.testing.parameter_contract import ParameterContract
from sim2real_envs.testing.probes import EnvCase, digest, trajectory

__all__ = ["EnvCase", "EnvContract", "ParameterContract", "digest", "trajectory"]
