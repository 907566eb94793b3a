"""Adaptive domain randomization for anybody's Stable-Baselines3 script.

def make():
    return RandomizedEnv(gymnasium.make("Hopper-v5"), MujocoParameters({"torso.mass": "body_mass[torso]"}))

worlds = make_vec_env(make, n_envs=8, vec_env_cls=SubprocVecEnv)
adapt = AdaptDomain(resolve("doraemon").create(make().parameter_space), every=10_000, success=500.0)
PPO("MlpPolicy", worlds, seed=0).learn(200_000, callback=adapt)
adapt.randomizer.describe()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from sim2real.evidence import Evidence
from sim2real.randomizers.base import Practice, Randomizer
from sim2real.training.adapt_log import figures_of, log_figures
from sim2real.training.supply import DomainSupply
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.wrappers import RandomizedEnv

Success: TypeAlias = Callable[[Mapping[str, Any]], bool] | float
AskReality: TypeAlias = Callable[[BaseAlgorithm, Randomizer, int, np.random.Generator], Evidence]
Unit: TypeAlias = Literal["steps", "episodes"]

_STREAMS = ("domains", "seeds", "training", "evidence")


class _Ended(NamedTuple):
    ticket: int
    success: bool
    total_reward: float


class AdaptDomain(BaseCallback):
    """Lets a randomizer choose the domain of every training episode, and learn from how the episodes end.

    For every algorithm and every ``VecEnv`` whose environments are wrapped in ``RandomizedEnv``. Domains are drawn in
    the main process from one stream, in the order of (step, environment), so that one seed gives the same domains in
    ``DummyVecEnv`` and ``SubprocVecEnv``. Since Stable-Baselines3 resets an environment in the step that ends its
    episode, the next domain is sent one episode ahead: what is learned shows in the episode after the next.
    The first episode of each environment begins before a callback is asked; it is nominal and not learned from.
    The log of the training has mean and central 90 % interval of every parameter below ``adapt/``, the share of
    successes that was learned from last, and the method's own diagnostics.

    Args:
        randomizer: Where domains come from; its parameters are some of those of the environments.
        every: When the randomizer is given the episodes that ended since the last time.
        unit: What ``every`` counts: env steps of all environments together, or finished episodes.
        success: Whether an episode succeeded, from the ``info`` of its last step; or the return from which on it did.
            None: ``info["is_success"]``.
        seed: Of the domains and the updates. None: that of the model, and another one each time if it has none.
        evidence: For methods that learn from the real side: called with (model, randomizer, round, rng), it tries the
            policy where it counts and returns what it saw, for ``update_from_evidence``. The function
            ``sim2real.training.outcomes.outcomes_only`` makes evidence of trials that were counted by hand. The model
            learns on from where it is, also where a method would rather train anew (``warm_start``).
        evidence_every: Env steps between two calls of it.
        verbose: 1 prints what the randomizer says of itself after every update.

    Attributes:
        randomizer: What it is now. ``json.dumps(adapt.randomizer.to_dict())`` keeps it beside a checkpoint of the
            model, and ``AdaptDomain(type.from_dict(space, data), ...)`` goes on with it.

    Raises:
        OptionError: If an argument is not allowed; from ``learn``, if an environment is not wrapped, or an episode
            does not say whether it succeeded.
        UnknownNameError: From ``learn``, if the randomizer draws a parameter that the environments do not have.
    """

    def __init__(
        self,
        randomizer: Randomizer,
        every: int = 10_000,
        *,
        unit: Unit = "steps",
        success: Success | None = None,
        seed: int | None = None,
        evidence: AskReality | None = None,
        evidence_every: int = 100_000,
        verbose: int = 0,
    ) -> None:
        super().__init__(verbose)
        _check(randomizer, every, unit, evidence_every)
        self.randomizer = randomizer
        self._every, self._unit, self._success, self._seed = every, unit, success, seed
        self._evidence, self._evidence_every = evidence, evidence_every
        self._ended: list[_Ended] = []
        self._expected: set[int] = set()
        self._supply: DomainSupply | None = None
        self._rounds = 0

    # -- what Stable-Baselines3 calls ---------------------------------------------------------------------------

    def _on_training_start(self) -> None:
        self._check_worlds()
        if self._supply is None:
            seed = self._seed if self._seed is not None else self.model.seed
            streams = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(len(_STREAMS))]
            domains, seeds, self._updates, self._asking = streams
            self._supply = DomainSupply(self.randomizer, domains, seeds)
        self._next_update = self.num_timesteps + self._every
        self._next_evidence = self.num_timesteps + self._evidence_every
        self._send(range(self.training_env.num_envs))
        self._figures = figures_of(self.randomizer)

    def _on_step(self) -> bool:
        ended = np.flatnonzero(self.locals["dones"]).tolist()
        for world in ended:
            self._note(self.locals["infos"][world])
        if self._is_due():
            self.adapt()
        if self._evidence is not None and self.num_timesteps >= self._next_evidence:
            self._next_evidence += self._evidence_every
            self._ask(self._evidence)
        self._send(ended)
        return True

    def _on_rollout_end(self) -> None:
        log_figures(self.logger, self._figures)

    # -- domains out, episodes in -------------------------------------------------------------------------------

    def _send(self, worlds: Sequence[int]) -> None:
        """Send each of these environments the domain of its next episode but the one that runs."""
        if not worlds or self._supply is None:
            return
        _, _, tickets = self._supply.take(len(worlds))
        for world, ticket in zip(worlds, tickets.tolist(), strict=True):
            self.training_env.env_method("assign_domain", self._supply.domain(ticket), ticket, indices=[world])
            self._expected.add(ticket)

    def _note(self, info: Mapping[str, Any]) -> None:
        ticket = int(info["domain_ticket"])
        if ticket not in self._expected:  # a domain of somebody else
            return
        self._expected.remove(ticket)
        total_reward = float(info["episode"]["r"] if "episode" in info else info["domain_return"])
        self._ended.append(_Ended(ticket, self._succeeded(info, total_reward), total_reward))

    def _succeeded(self, info: Mapping[str, Any], total_reward: float) -> bool:
        if callable(self._success):
            return bool(self._success(info))
        if self._success is not None:
            return total_reward >= self._success
        if "is_success" not in info:
            raise OptionError(
                "Episodes of this environment do not say whether they succeeded: there is no info['is_success']. Give "
                "`success=`, the return from which on an episode succeeds or a function of the last info."
            )
        return bool(info["is_success"])

    # -- learning -----------------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        if self._unit == "episodes":
            return len(self._ended) >= self._every
        if self.num_timesteps < self._next_update:
            return False
        self._next_update += self._every
        return True

    def adapt(self) -> None:
        """Let the randomizer learn from the episodes that ended since the last call."""
        if not self._ended or self._supply is None:
            return
        practice = Practice(
            self._supply.draws([episode.ticket for episode in self._ended]),
            np.array([episode.success for episode in self._ended], dtype=np.bool_),
            np.array([episode.total_reward for episode in self._ended], dtype=np.float64),
        )
        self._supply.forget([episode.ticket for episode in self._ended])
        self._ended.clear()
        self._use(self.randomizer.update_from_training(practice, self._updates))
        self._figures["success"] = float(practice.success.mean())

    def _ask(self, evidence: AskReality) -> None:
        seen = evidence(self.model, self.randomizer, self._rounds, self._asking)
        self._rounds += 1
        self._use(self.randomizer.update_from_evidence(seen, self._updates))

    def _use(self, randomizer: Randomizer) -> None:
        self.randomizer = randomizer
        if self._supply is not None:
            self._supply.change_source(randomizer)
        self._figures = figures_of(randomizer)
        if self.verbose:
            for name, marginal in randomizer.describe().parameters.items():
                print(f"{name}: {marginal.mean:.4g} ({marginal.low:.4g} … {marginal.high:.4g})")

    # -- what can be wrong --------------------------------------------------------------------------------------

    def _check_worlds(self) -> None:
        worlds = self.training_env
        if not all(worlds.env_is_wrapped(RandomizedEnv)):
            raise OptionError(
                "AdaptDomain needs environments that take domains: wrap each in sim2real_envs.wrappers.RandomizedEnv, "
                "inside the function that makes it. For Sb3Worlds, which draw their own domains, use "
                "sim2real.training.vec_env.AdaptRandomizer."
            )
        spaces: list[ParameterSpace] = worlds.get_attr("parameter_space")
        for space in spaces:
            for name, parameter in self.randomizer.space.items():
                if name not in space:
                    raise UnknownNameError(name, "a parameter of the training environments", space)
                for end in (parameter.low, parameter.high):
                    space[name].check(end)


def _check(randomizer: Randomizer, every: int, unit: str, evidence_every: int) -> None:
    if not isinstance(randomizer, Randomizer):
        raise OptionError(
            f"AdaptDomain needs a Randomizer, but got {randomizer!r}. Make one by its method's name: "
            "sim2real.randomizers.resolve('doraemon').create(env.parameter_space)."
        )
    if unit not in ("steps", "episodes"):
        raise OptionError(f"`unit` must be 'steps' or 'episodes', but got {unit!r}.")
    for name, value in (("every", every), ("evidence_every", evidence_every)):
        if value < 1:
            raise OptionError(f"`{name} >= 1` must hold, but got {name}={value}.")
