"""Our worlds for anybody's Stable-Baselines3 script: several a worker process, observations in shared memory.

from stable_baselines3 import PPO
from sim2real import Sb3Worlds

worlds = Sb3Worlds("PandaPush-v0", worlds=8, workers=2, randomizer="object")
PPO("MlpPolicy", worlds, seed=0).learn(100_000)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

import sim2real_envs
from sim2real.randomizers.base import Randomizer
from sim2real.randomizers.uniform import Uniform
from sim2real.training.supply import DomainSupply, Sampled, Source
from sim2real.training.worlds import SuppliedWorlds
from sim2real_envs.errors import OptionError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.vector import VectorWorlds
from sim2real_envs.wrappers import Sampler

MakeEnv = Callable[[], "gymnasium.Env[Any, Any]"]
_REMEMBERED = 10_000  # episodes that a randomizer may learn from at a time
_OF_A_MODEL = ("compute_reward",)  # methods that do not depend on where a world is


class Sb3Worlds(SuppliedWorlds):
    """Worlds as a ``VecEnv`` of Stable-Baselines3, each episode in a domain of its own.

    Works with PPO, SAC, hindsight replay (``goal_conditioned=True``), images and Dicts of arrays, and below
    ``VecNormalize``, ``VecMonitor`` and the like. ``info["episode"]`` and ``info["is_success"]`` are there without a
    ``Monitor``. Results depend on ``seed``, never on ``workers``. Give torch one thread
    (``torch.set_num_threads(1)``): with more, it takes the cores from the workers.

    Args:
        env: Such as ``"PandaPush-v0"``, any Gymnasium id, or a function that returns a new environment.
        worlds: Number of worlds.
        workers: Processes that step them; 0 steps them in this one.
        randomizer: Where domains come from: a ``Randomizer``, a function from a generator to a domain, or the name of
            a preset of parameters, which are then drawn evenly from their ranges. None: nominal.
        seed: Of domains and episodes; ``model = PPO(..., seed=0)`` sets it too. None: another one each time.
        env_options: Options of the environment's constructor.
        start_method: How workers are started; None is the platform's default.

    Raises:
        UnknownNameError: If environment, preset or parameters do not exist.
        OptionError: If ``env_options`` are given together with a function.
        TooManyDivergences: From ``step``, if more than 5 and more than 1 % of the episodes diverged.
        WorkerError: If a worker dies.
    """

    def __init__(
        self,
        env: str | MakeEnv,
        worlds: int = 8,
        workers: int = 2,
        *,
        randomizer: Randomizer | Sampler | str | None = None,
        seed: int | None = None,
        env_options: Mapping[str, Any] | None = None,
        start_method: str | None = None,
    ) -> None:
        self._make_env = _maker(env, env_options or {})
        self._source = self._as_source(randomizer)
        columns = self._source.space.names
        super().__init__(
            VectorWorlds(self._make_env, worlds, workers, columns=columns, start_method=start_method), _REMEMBERED
        )
        self._entropy: int | None = seed
        self._started = False

    def _as_source(self, given: Randomizer | Sampler | str | None) -> Source:
        if isinstance(given, Randomizer):
            return given
        if given is None:
            return Sampled(ParameterSpace(), lambda rng: {})
        space = self._parameter_space()
        return Uniform.create(space.preset(given)) if isinstance(given, str) else Sampled(space, given)

    def _parameter_space(self) -> ParameterSpace:
        env = self._model_env
        space = env.get_wrapper_attr("parameter_space") if env.has_wrapper_attr("parameter_space") else None
        if not isinstance(space, ParameterSpace):
            raise OptionError(f"{self._model_env} has no parameter_space: nothing of it can be randomized.")
        return space

    @cached_property
    def _model_env(self) -> gymnasium.Env[Any, Any]:
        """An environment of the same kind in this process, never reset: for what does not depend on a state."""
        return self._make_env()

    @property
    def randomizer(self) -> Source:
        """Where domains come from now."""
        return self._source

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Begin all random streams anew at the next ``reset``."""
        self._entropy, self._started = seed, False
        return [seed] * self.num_envs

    def reset(self) -> Any:
        """Start all worlds anew; the random streams go on, unless they were seeded again."""
        if not self._started:
            domains, seeds, self._updates = (
                np.random.default_rng(stream) for stream in np.random.SeedSequence(self._entropy).spawn(3)
            )
            self.begin(DomainSupply(self._source, domains, seeds))
            self._started = True
        return super().reset()

    def adapt(self) -> None:
        """Let the randomizer learn from the episodes since the last call, and draw from what it returns.

        The next domain of every world has been handed out already; the change shows one episode later.

        Raises:
            OptionError: If domains do not come from a ``Randomizer``.
        """
        if not isinstance(self._source, Randomizer):
            raise OptionError("Only a Randomizer can adapt; give one as `randomizer`.")
        if not self._ended:
            return
        self._source = self._source.update_from_training(self.practice(), self._updates)
        self._supply.change_source(self._source)
        self._supply.forget([episode.tag for episode in self._ended])
        self._ended.clear()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """Return an attribute that all worlds have in common, such as ``"spec"``, from one that was never reset."""
        value = self._worlds.render_mode if attr_name == "render_mode" else self._model_env.get_wrapper_attr(attr_name)
        return [value] * len(list(self._get_indices(indices)))

    def env_method(
        self, method_name: str, *args: Any, indices: int | Iterable[int] | None = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method that is the same for all worlds: ``compute_reward`` of a goal environment.

        Raises:
            NotImplementedError: If it is another one: the worlds themselves are in worker processes.
        """
        if method_name not in _OF_A_MODEL:
            raise NotImplementedError(
                f"Worlds are in worker processes and answer {', '.join(_OF_A_MODEL)} only, not {method_name!r}; "
                "domains come from `randomizer`."
            )
        method = self._model_env.get_wrapper_attr(method_name)
        return [method(*args, **kwargs) for _ in self._get_indices(indices)]

    def close(self) -> None:
        """Stop the workers; may be called twice."""
        super().close()
        if "_model_env" in self.__dict__:
            self._model_env.close()


class AdaptRandomizer(BaseCallback):
    """Lets the randomizer of ``Sb3Worlds`` learn during ``model.learn``.

    Args:
        worlds: Where the randomizer draws, also where wrappers stand around it.
        every: Env steps between two updates.
    """

    def __init__(self, worlds: Sb3Worlds, every: int = 10_000) -> None:
        super().__init__()
        if every < 1:
            raise OptionError(f"`every >= 1` must hold, but got {every=}.")
        self._worlds, self._every = worlds, every

    def _on_training_start(self) -> None:
        self._next = self.num_timesteps + self._every

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._next:
            self._worlds.adapt()
            self._next += self._every
        return True


def _maker(env: str | MakeEnv, options: Mapping[str, Any]) -> MakeEnv:
    if isinstance(env, str):
        return partial(sim2real_envs.make, env, **options)
    if options:
        raise OptionError("`env_options` are for an environment given by its id; give them inside the function.")
    return env
