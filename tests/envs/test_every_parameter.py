"""That every parameter is read back and felt, in every environment and under every observation."""

from __future__ import annotations

from typing import Any

import pytest

import sim2real_envs
from sim2real_envs.observations import OBSERVATIONS
from sim2real_envs.testing import ParameterContract

SIZE = (32, 32)


class Case(ParameterContract):
    """One environment under one observation; not collected by itself."""

    __test__ = False

    def __init__(self, name: str, observation: str) -> None:
        self.name, self.observation = name, observation

    def make_env(self) -> Any:
        pictures = {} if self.observation == "state" else {"image_size": SIZE}
        return sim2real_envs.make(self.name, observation=self.observation, horizon=self.probe_steps, **pictures)


@pytest.mark.slow
@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("name", sim2real_envs.ENV_IDS)
def test_every_parameter_of_every_environment_is_read_back_and_felt(name: str, observation: str) -> None:
    case = Case(name, observation)
    case.test_every_parameter_is_read_back_as_it_was_asked_for()
    case.test_every_parameter_changes_motion_or_observations()
