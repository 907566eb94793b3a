"""A new domain at every reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gymnasium
import numpy as np

from sim2real_envs.parameters import Domain, ParameterSpace
from sim2real_envs.wrappers.privileged_domain import parameter_space

ObsType = TypeVar("ObsType")
ActType = TypeVar("ActType")
Sampler = Callable[[np.random.Generator], Domain]


class RandomizeOnReset(gymnasium.Wrapper[ObsType, ActType, ObsType, ActType]):
    """Draws a domain at every reset, from a random stream of its own.

    A seed given to ``reset`` seeds that stream too, so that one seed decides the whole run; one more randomized
    parameter changes neither starts nor sensor noise. A domain given in ``options`` goes before the drawn one.

    Args:
        env: An environment whose ``reset`` takes ``options={"domain": {...}}``.
        sampler: Returns the values of some parameters, SI; the others stay nominal. The name of a preset, such as
            ``"object"``, draws its parameters evenly from their ranges; None does so with all there are.

    Raises:
        OptionError: If there is no function and the environment has no ``parameter_space``.
        UnknownNameError: If the preset does not exist.
    """

    def __init__(self, env: gymnasium.Env[ObsType, ActType], sampler: Sampler | str | None = None) -> None:
        super().__init__(env)
        if sampler is None or isinstance(sampler, str):
            space = parameter_space(env)
            sampler = uniform(space if sampler is None else space.preset(sampler))
        self._sampler = sampler
        self._stream = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Start an episode in a drawn domain."""
        if seed is not None:
            self._stream = np.random.default_rng(np.random.SeedSequence([seed, 2]))
        drawn = self._sampler(self._stream)
        given = options or {}
        domain = {**drawn, **given.get("domain", {})}
        return self.env.reset(seed=seed, options={**given, "domain": domain})


def uniform(space: ParameterSpace) -> Sampler:
    """Return what draws every parameter of ``space`` evenly from its range."""

    def sample(rng: np.random.Generator) -> Domain:
        return space.to_domain(space.from_unit(rng.random(len(space))))

    return sample
