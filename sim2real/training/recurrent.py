"""Recurrent PPO of sb3-contrib: PPO with one LSTM for the actor and one for the critic."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from sim2real.errors import MissingExtraError
from sim2real.recurrent_policy import Lstm
from sim2real.training.normalizer import Normalizer

UNITS = 64
"""Numbers in the hidden state."""


def build_recurrent(env: Normalizer, network: dict[str, Any], common: dict[str, Any]) -> Any:
    """Return a fresh model; its weights come from torch's global generator.

    Raises:
        MissingExtraError: If sb3-contrib is not installed.
    """
    require()
    from sb3_contrib import RecurrentPPO

    from sim2real.training.lstm import SequencePolicy

    return RecurrentPPO(SequencePolicy, env, policy_kwargs={**network, "lstm_hidden_size": UNITS}, **common)


def require() -> None:
    """Look whether there is a recurrent PPO.

    Raises:
        MissingExtraError: If sb3-contrib is not installed.
    """
    try:
        import sb3_contrib  # noqa: F401
    except ImportError:
        raise MissingExtraError(
            "`policy: recurrent` needs the package sb3-contrib: pip install 'sim2real[recurrent]'"
        ) from None


def is_recurrent(model: BaseAlgorithm) -> bool:
    """Return whether the model has an LSTM."""
    return isinstance(getattr(model.policy, "lstm_actor", None), torch.nn.LSTM)


def lstm_of(model: Any) -> Lstm:
    """Return the actor's LSTM in NumPy; the two biases of torch are one."""
    lstm = model.policy.lstm_actor
    arrays = (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    return Lstm(*(array.detach().numpy() for array in arrays))
