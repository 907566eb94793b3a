"""PPO of Stable-Baselines3 with a leaner way to collect.

During a rollout the network does not change, so that actions come from NumPy
copies of its weights (some 30 us for eight worlds, against 300 us through
torch), and values and log probabilities of the whole rollout are computed in
one batch at its end. What the update sees is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

Floats = NDArray[np.float32]


class LeanPPO(PPO):
    """PPO for flat observations and actions in [-1, 1]; ``exploration`` must be set before ``learn``."""

    exploration: np.random.Generator

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Fill the buffer with ``n_rollout_steps`` steps of every world.

        Raises:
            FloatingPointError: If a weight of the policy is not finite.
        """
        self.policy.set_training_mode(False)
        actor = Actor(self.policy)
        if not actor.is_finite():
            raise FloatingPointError("A weight of the policy is not finite.")
        rollout_buffer.reset()
        cut_short: list[tuple[int, int, Floats]] = []  # step, world, last observation
        callback.on_rollout_start()
        for step in range(n_rollout_steps):
            observations: Any = self._last_obs
            mean = actor(observations)  # (w, a)
            actions = mean + actor.std * self.exploration.standard_normal(mean.shape, dtype=np.float32)
            self._last_obs, rewards, dones, infos = env.step(np.minimum(np.maximum(actions, -1.0), 1.0))  # type: ignore[assignment]
            self.num_timesteps += env.num_envs
            rollout_buffer.observations[step], rollout_buffer.actions[step] = observations, actions
            rollout_buffer.rewards[step], rollout_buffer.episode_starts[step] = rewards, self._last_episode_starts
            self._last_episode_starts = dones
            for world in np.flatnonzero(dones):
                if infos[world]["TimeLimit.truncated"]:
                    cut_short.append((step, int(world), infos[world]["terminal_observation"]))
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
        rollout_buffer.pos, rollout_buffer.full = n_rollout_steps, True
        self._evaluate(rollout_buffer, cut_short, dones)
        callback.on_rollout_end()
        return True

    def _evaluate(self, buffer: RolloutBuffer, cut_short: list[tuple[int, int, Floats]], dones: NDArray[Any]) -> None:
        """Add values, log probabilities and advantages; an episode cut short by the clock goes on in its value."""
        shape = buffer.values.shape  # (n, w)
        with torch.no_grad():
            seen = torch.as_tensor(buffer.observations.reshape(-1, buffer.observations.shape[-1]))
            done = torch.as_tensor(buffer.actions.reshape(-1, buffer.actions.shape[-1]))
            values, log_probs, _ = self.policy.evaluate_actions(seen, done)
            last_values = self.policy.predict_values(torch.as_tensor(self._last_obs))
            if cut_short:
                steps, worlds, ends = zip(*cut_short, strict=True)
                bootstrap = self.policy.predict_values(torch.as_tensor(np.stack(ends)))
                buffer.rewards[list(steps), list(worlds)] += self.gamma * bootstrap.numpy()[:, 0]
        buffer.values[:], buffer.log_probs[:] = values.numpy().reshape(shape), log_probs.numpy().reshape(shape)
        buffer.compute_returns_and_advantage(last_values=last_values, dones=dones)


class Actor:
    """NumPy copy of the mean and the standard deviation of a Gaussian MLP policy."""

    def __init__(self, policy: Any) -> None:
        modules = [*policy.mlp_extractor.policy_net, policy.action_net]
        linear = [module for module in modules if isinstance(module, torch.nn.Linear)]
        self._layers = [(_copy(layer.weight.T), _copy(layer.bias)) for layer in linear]
        self._seen = linear[0].in_features  # an asymmetric critic sees more
        self._tanh = any(isinstance(module, torch.nn.Tanh) for module in modules)
        self.std = _copy(policy.log_std.exp())  # (a,)

    def is_finite(self) -> bool:
        """Return whether every weight is a number."""
        return all(np.isfinite(array).all() for array in (self.std, *(a for layer in self._layers for a in layer)))

    def __call__(self, observations: Floats) -> Floats:
        """Return the mean actions (w, a) for observations (w, o)."""
        x = observations[:, : self._seen]
        for weight, bias in self._layers[:-1]:
            x = x @ weight
            x += bias
            x = np.tanh(x, out=x) if self._tanh else np.maximum(x, 0.0, out=x)
        weight, bias = self._layers[-1]
        mean: Floats = x @ weight + bias
        return mean


def _copy(tensor: torch.Tensor) -> Floats:
    return np.array(tensor.detach().numpy(), order="C")
