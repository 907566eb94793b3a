"""The true domain beside the observation, for critics that may know more than the policy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict
from numpy.typing import NDArray

from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import Domain, ParameterSpace

_KEY = "domain"


class PrivilegedDomain(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Adds the domain in force to the observation: ``{"observation": ..., "domain": (n,) float32}``.

    An asymmetric critic sees both, its policy the observation alone (Pinto et al., Asymmetric Actor Critic for
    Image-Based Robot Learning, 2018). A ``Dict`` observation keeps its keys and gets ``"domain"`` beside them. The
    numbers are the applied values in the unit cube of the parameters' ranges, 0.5 for a range of no width; a value
    beyond its range lies outside [0, 1]. They are read back at the reset, after rounding to whole physics steps and
    the like.

    Args:
        env: An environment with ``parameter_space`` and ``applied_domain``.
        parameters: Names of those to show, in this order, or the name of a preset such as ``"object"``; by default all.
            A ``ParameterSpace`` brings its own ranges, such as those of a randomizer.

    Raises:
        OptionError: If the environment has no parameters, or its observation has a key ``"domain"`` already.
        UnknownNameError: If a parameter or the preset does not exist.
    """

    def __init__(
        self, env: gymnasium.Env[Any, Any], parameters: str | ParameterSpace | Iterable[str] | None = None
    ) -> None:
        super().__init__(env)
        space = parameter_space(env)
        if isinstance(parameters, str):
            space = space.preset(parameters)
        elif isinstance(parameters, ParameterSpace):
            space.subset(parameters)  # refuses names that are not there
            space = parameters
        elif parameters is not None:
            space = space.subset(parameters)
        self._space = space
        self._nested = not isinstance(env.observation_space, Dict)
        inside: dict[str, gymnasium.Space[Any]]
        if isinstance(env.observation_space, Dict):
            inside = dict(env.observation_space.spaces)
        else:
            inside = {"observation": env.observation_space}
        if _KEY in inside:
            raise OptionError(f"The observation has a key {_KEY!r} already: {env.observation_space}.")
        box = Box(-np.inf, np.inf, (len(self._space),), np.float32)
        self.observation_space = Dict({**inside, _KEY: box})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode, and read its domain back."""
        observation, info = self.env.reset(seed=seed, options=options)
        applied = cast(Domain, self.env.get_wrapper_attr("applied_domain")())
        self._domain = self._space.to_unit(self._space.to_array(applied)).astype(np.float32)
        return self._with_domain(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, in the same domain."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._with_domain(observation), reward, terminated, truncated, info

    def _with_domain(self, observation: Any) -> dict[str, NDArray[Any]]:
        inside = {"observation": observation} if self._nested else observation
        return {**inside, _KEY: self._domain.copy()}


def parameter_space(env: gymnasium.Env[Any, Any]) -> ParameterSpace:
    """Return the parameters of ``env``.

    Raises:
        OptionError: If it has none.
    """
    space = env.get_wrapper_attr("parameter_space") if env.has_wrapper_attr("parameter_space") else None
    if not isinstance(space, ParameterSpace):
        raise OptionError(f"{env} has no parameter_space.")
    return space
