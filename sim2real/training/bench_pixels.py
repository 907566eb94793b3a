"""Contestants that learn from pictures: ours with every fault of a camera, and panda-gym's through Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv

from sim2real import panda_gym
from sim2real.training.vec_env import Sb3Worlds

_SIZE = 84  # pixels, width and height
_STOCK_ENVS, _WORLDS, _ROLLOUT = 2, 8, 512
_OPTIONS = {"batch_size": 128, "n_epochs": 4, "device": "cpu"}  # the same on both sides; the network is NatureCNN


class StockPixels:
    """panda-gym's pictures as observations, one process an environment."""

    def __init__(self) -> None:
        self.name = f"SubprocVecEnv, panda-gym, pictures, {_STOCK_ENVS} envs"
        self._env: VecEnv = SubprocVecEnv([_panda_gym] * _STOCK_ENVS)
        self.model: Any = PPO("CnnPolicy", self._env, n_steps=_ROLLOUT // _STOCK_ENVS, **_OPTIONS)  # type: ignore[arg-type]

    def close(self) -> None:
        """End its processes."""
        self._env.close()


class OurPixels:
    """``observation="pixels"``, each episode under another camera, light and appearance."""

    def __init__(self, workers: int) -> None:
        self.name = f"sim2real, PandaPush-v0, pictures, {_WORLDS} worlds in {workers} workers"
        options = {"observation": "pixels", "image_size": (_SIZE, _SIZE)}
        self._env = Sb3Worlds("PandaPush-v0", _WORLDS, workers, randomizer="visual", seed=0, env_options=options)
        self.model: Any = PPO("CnnPolicy", self._env, n_steps=_ROLLOUT // _WORLDS, **_OPTIONS)  # type: ignore[arg-type]

    def close(self) -> None:
        """End its processes."""
        self._env.close()


def _panda_gym() -> gymnasium.Env[Any, Any]:
    env = panda_gym.make("PandaPush-v3", render_width=_SIZE, render_height=_SIZE)
    return gymnasium.wrappers.AddRenderObservation(env, render_only=True)
