"""How fast PPO trains: ours beside Stable-Baselines3's SubprocVecEnv with panda-gym, in one run.

Identical runs on a shared machine differ by 15 % and more, so that contestants
take turns and the figures to quote are ratios within a turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecNormalize

import sim2real_envs
from sim2real import panda_gym
from sim2real.randomizers.uniform import Uniform
from sim2real.speed import Speed, compare
from sim2real.training import models
from sim2real.training.bench_pixels import OurPixels, StockPixels
from sim2real.training.normalizer import Normalizer
from sim2real.training.ppo import LeanPPO
from sim2real.training.presets import Preset, find_preset
from sim2real.training.streams import borrowed_globals
from sim2real.training.worlds import DomainSupply, TrainingWorlds
from sim2real_envs.errors import UnknownNameError
from sim2real_envs.vector import VectorWorlds

Progress = Callable[[int, int], None]
OBSERVATIONS = ("state", "pixels")
_STOCK_ENVS = 4
_PARAMETERS = ("object.friction", "actuator.delay")  # what ours randomizes meanwhile


class Contestant(Protocol):
    """One way to train."""

    name: str

    def learn(self, steps: int) -> float:
        """Return env steps per second over at least ``steps`` of them."""

    def close(self) -> None:
        """End its processes."""


def train_speed(
    *,
    observation: str = "state",
    turns: int = 3,
    steps: int = 8_192,
    workers: int = 2,
    progress: Progress | None = None,
) -> tuple[Speed, ...]:
    """Measure PPO on pushing: stock with its defaults, stock with our preset and one torch thread, and ours.

    From pictures, 84 x 84: panda-gym's and ours, the same NatureCNN, rollouts, batches and single torch thread.

    Args:
        observation: ``"state"`` or ``"pixels"``.
        turns: Times that each contestant runs.
        steps: Env steps of a turn, rounded up to whole rollouts.
        workers: Processes of ours.
        progress: Called with (runs done, runs in total).

    Raises:
        MissingExtraError: If panda-gym is not installed.
        UnknownNameError: If ``observation`` is neither of the two.
    """
    if observation not in OBSERVATIONS:
        raise UnknownNameError(observation, "an observation of this benchmark", OBSERVATIONS)
    panda_gym.require()
    preset, threads = find_preset("push", "PPO"), torch.get_num_threads()
    makers: tuple[Callable[[], Contestant], ...] = (
        lambda: _StockDefaults(threads),
        lambda: _StockPreset(preset),
        lambda: _Ours(preset, workers),
    )
    if observation == "pixels":
        makers = (lambda: _OneThread(StockPixels()), lambda: _OneThread(OurPixels(workers)))
    with borrowed_globals(), ExitStack() as stack:
        contestants: list[Contestant] = []
        for make in makers:
            contestants.append(make())
            stack.callback(contestants[-1].close)
        rates = np.zeros((turns, len(contestants)))
        for turn, column in np.ndindex(rates.shape):
            rates[turn, column] = contestants[column].learn(steps)
            if progress is not None:
                progress(turn * len(contestants) + column + 1, rates.size)
        return compare([contestant.name for contestant in contestants], rates)


def _timed(model: Any, steps: int, threads: int) -> float:
    torch.set_num_threads(threads)
    before, began = model.num_timesteps, time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    rate: float = (model.num_timesteps - before) / (time.perf_counter() - began)
    torch.set_num_threads(1)
    return rate


def _panda_gym() -> gymnasium.Env[Any, Any]:
    return panda_gym.make("PandaPush-v3")


class _OneThread:
    """A contestant that learns from pictures, torch having one thread."""

    def __init__(self, contestant: StockPixels | OurPixels) -> None:
        self.name, self._contestant = contestant.name, contestant

    def learn(self, steps: int) -> float:
        return _timed(self._contestant.model, steps, 1)

    def close(self) -> None:
        self._contestant.close()


class _StockDefaults:
    """Everything as it comes, torch's threads among it: as many as there are cores."""

    def __init__(self, threads: int) -> None:
        self.name = f"SubprocVecEnv, panda-gym, {_STOCK_ENVS} envs, defaults, torch threads: {threads}"
        self._threads = threads
        self._env: VecEnv = SubprocVecEnv([_panda_gym] * _STOCK_ENVS)
        self._model = PPO("MultiInputPolicy", self._env, device="cpu")

    def learn(self, steps: int) -> float:
        return _timed(self._model, steps, self._threads)

    def close(self) -> None:
        self._env.close()


class _StockPreset:
    """Our hyper-parameters, rollouts of the same size, and one torch thread."""

    def __init__(self, preset: Preset) -> None:
        self.name = f"SubprocVecEnv, panda-gym, {_STOCK_ENVS} envs, our preset, torch threads: 1"
        self._env: VecEnv = VecNormalize(SubprocVecEnv([_panda_gym] * _STOCK_ENVS), gamma=preset.gamma)
        options = {**preset.options, "n_steps": models.rollout_steps("PPO", preset) // _STOCK_ENVS}
        network = {"net_arch": list(preset.hidden), "log_std_init": preset.log_std_init}
        self._model = PPO(
            "MultiInputPolicy", self._env, gamma=preset.gamma, device="cpu", policy_kwargs=network, **options
        )

    def learn(self, steps: int) -> float:
        return _timed(self._model, steps, 1)

    def close(self) -> None:
        self._env.close()


class _Ours:
    """What ``Sb3Trainer`` runs within a chunk, two parameters being randomized."""

    def __init__(self, preset: Preset, workers: int) -> None:
        self.name = f"sim2real, PandaPush-v0, {preset.worlds} worlds in {workers} workers"
        vector = VectorWorlds(_push, preset.worlds, workers, columns=_PARAMETERS)
        self._worlds = TrainingWorlds(vector)
        randomizer = Uniform.create(vector.parameter_space.subset(_PARAMETERS))
        self._worlds.begin(DomainSupply(randomizer, np.random.default_rng(0), np.random.default_rng(1)))
        self._model = models.build("PPO", preset, Normalizer(self._worlds, gamma=preset.gamma))
        if isinstance(self._model, LeanPPO):
            self._model.exploration = np.random.default_rng(2)

    def learn(self, steps: int) -> float:
        return _timed(self._model, steps, 1)

    def close(self) -> None:
        self._worlds.close()


def _push() -> gymnasium.Env[Any, Any]:
    return sim2real_envs.make("PandaPush-v0")
