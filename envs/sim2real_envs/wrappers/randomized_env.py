"""Any environment with settable parameters, in a domain that somebody else chooses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from sim2real_envs.errors import OptionError, StateError
from sim2real_envs.parameters import Domain, ParameterSpace
from sim2real_envs.wrappers.privileged_domain import parameter_space

if TYPE_CHECKING:
    from sim2real_envs.adapters.base import Adapter

UNNUMBERED = -1
"""The ticket of an episode whose domain nobody assigned."""


class RandomizedEnv(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Gives an environment ``parameter_space``, ``reset(options={"domain": {...}})`` and ``info["domain"]``.

    The domain of an episode is the one in ``options``, else the one that was assigned last, else nominal; a parameter
    that a domain does not name is nominal. It is set before the environment's own reset and read back after it.
    ``sim2real.AdaptDomain`` assigns the domains of a Stable-Baselines3 training; ``RandomizeOnReset`` around this
    wrapper draws them from a function.

    ``info`` has ``"domain"``, read back at the reset, ``"domain_ticket"``, the number that came with it, and
    ``"domain_return"``, the sum of rewards of the episode so far.

    Args:
        env: Any Gymnasium environment.
        parameters: How its parameters are set, such as ``MujocoParameters``; None for one that has
            ``parameter_space`` and takes domains already, as those of ``sim2real_envs`` do.

    Raises:
        OptionError: If there are no ``parameters`` and the environment has none, or if it is in the domain of another
            ``RandomizedEnv`` already, so that its nominal values cannot be read.
        EnvError: What ``parameters`` raises when it is bound.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], parameters: Adapter | None = None) -> None:
        RecordConstructorArgs.__init__(self, parameters=parameters)  # so that its spec makes it again
        super().__init__(env)
        if parameters is not None:
            _check_untouched(env)
        self._part = None if parameters is None else parameters.bind(env)
        self._space = parameter_space(env) if self._part is None else self._part.parameters
        self._assigned: tuple[Domain, int] = ({}, UNNUMBERED)
        self._applied: dict[str, float] = {}
        self._ticket, self._return = UNNUMBERED, 0.0

    @property
    def parameter_space(self) -> ParameterSpace:
        """The parameters, nominal values as the environment had them."""
        return self._space

    def applied_domain(self) -> dict[str, float]:
        """Return the domain in force, read from where it acts."""
        if self._part is not None:
            return self._part.applied()
        return dict(cast("Callable[[], Domain]", self.env.get_wrapper_attr("applied_domain"))())

    def assign_domain(self, domain: Domain, ticket: int = UNNUMBERED) -> None:
        """Use ``domain`` from the next reset on, until another is assigned.

        Args:
            domain: Values of some parameters, SI.
            ticket: A number to find the episode's domain by; it comes back in ``info["domain_ticket"]``.

        Raises:
            UnknownNameError: If a parameter does not exist.
            ParameterError: If a value is not within its limits.
        """
        self._space.complete(domain)
        self._assigned = dict(domain), ticket

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode.

        Raises:
            StateError: If the environment undoes in its reset what was set before it.
        """
        rest = dict(options or {})
        domain, self._ticket = (rest.pop("domain"), UNNUMBERED) if rest.get("domain") is not None else self._assigned
        wanted, self._return = self._space.complete(domain), 0.0
        if self._part is None:
            observation, info = self.env.reset(seed=seed, options={**rest, "domain": domain})
        else:
            self._part.apply(wanted)
            observation, info = self.env.reset(seed=seed, options=rest or None)
        self._applied = self.applied_domain()
        if self._part is not None:
            self._check(wanted)
        return observation, self._told(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act, in the same domain."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        return observation, reward, terminated, truncated, self._told(info)

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        episode = {"domain_ticket": self._ticket, "domain_return": self._return}
        return {**info, "domain": dict(self._applied), **episode}

    def _check(self, wanted: Domain) -> None:
        for name, value in wanted.items():
            applied = self._applied[name]
            if not math.isclose(applied, value, rel_tol=1e-9, abs_tol=1e-12):
                raise StateError(
                    f"{name!r} was set to {value:g}, but after the reset {applied:g} acts: {self.env} sets it itself, "
                    "so nothing is randomized. Switch its own randomization off, or leave this parameter out."
                )


def _check_untouched(env: gymnasium.Env[Any, Any]) -> None:
    """Refuse an environment that a wrapper inside has moved away from nominal: that would be taken for nominal."""
    inner = env
    while isinstance(inner, gymnasium.Wrapper):
        if isinstance(inner, RandomizedEnv) and inner.applied_domain() != inner.parameter_space.nominal():
            raise OptionError(
                f"{env} is in a domain that is not nominal. Wrap a new environment, or reset this one with "
                "options={'domain': {}} before."
            )
        inner = inner.env
