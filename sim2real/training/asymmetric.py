"""Networks of an actor that sees the first numbers of an observation, beside a critic that sees them all."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor
from stable_baselines3.sac.policies import Actor, SACPolicy


class SplitExtractor(MlpExtractor):
    """The hidden layers of both, without shared weights; the actor's first takes ``seen`` numbers only."""

    def __init__(self, features: int, seen: int, net_arch: Any, activation: Any, device: Any) -> None:
        super().__init__(features, net_arch, activation, device)
        self.policy_net = MlpExtractor(seen, net_arch, activation, device).policy_net
        self._seen = seen

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        """Return the actor's last hidden layer; of the critic's numbers nothing gets in."""
        latent: torch.Tensor = self.policy_net(features[:, : self._seen])
        return latent


class AsymmetricActorCritic(ActorCriticPolicy):
    """PPO's policy; ``seen`` is how many numbers the actor sees."""

    def __init__(self, *args: Any, seen: int, **kwargs: Any) -> None:
        self._seen = seen
        super().__init__(*args, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = SplitExtractor(
            self.features_dim, self._seen, self.net_arch, self.activation_fn, self.device
        )


class FirstNumbers(BaseFeaturesExtractor):
    """The first ``seen`` numbers of a flat observation."""

    def __init__(self, observation_space: gymnasium.Space[Any], seen: int) -> None:
        super().__init__(observation_space, seen)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return them, (n, seen)."""
        return observations[:, : self.features_dim]


class AsymmetricSac(SACPolicy):
    """SAC's policy; ``seen`` is how many numbers the actor sees, the critics see all and the action."""

    def __init__(self, *args: Any, seen: int, **kwargs: Any) -> None:
        self._seen = seen
        super().__init__(*args, **kwargs)

    def make_actor(self, features_extractor: BaseFeaturesExtractor | None = None) -> Actor:
        """Return the actor, with eyes for its own part."""
        first = FirstNumbers(self.observation_space, self._seen)
        return Actor(**self._update_features_extractor(self.actor_kwargs, first)).to(self.device)
