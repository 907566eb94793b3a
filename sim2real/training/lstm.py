"""The policy of recurrent PPO, with a whole sequence in one call of its LSTM; needs sb3-contrib."""

from __future__ import annotations

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy


class SequencePolicy(RecurrentActorCriticPolicy):
    """The library's own goes step by step through every sequence that an episode starts in.

    Sequences are cut where episodes start, so that only their first step can be a start: it is enough to begin with
    zeros there. Numbers are the same but for rounding, and an update takes a fraction of the time.
    """

    @staticmethod
    def _process_sequence(  # type: ignore[override]  # the library's annotation forgets that states are two
        features: torch.Tensor,  # (n t, i)
        lstm_states: tuple[torch.Tensor, torch.Tensor],  # (1, n, H) each
        episode_starts: torch.Tensor,  # (n t,)
        lstm: torch.nn.LSTM,
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        count = lstm_states[0].shape[1]
        starts = episode_starts.reshape(count, -1)  # (n, t)
        if bool(starts[:, 1:].any()):
            return RecurrentActorCriticPolicy._process_sequence(features, lstm_states, episode_starts, lstm)  # type: ignore[return-value]
        sequences = features.reshape(count, -1, lstm.input_size).swapaxes(0, 1)  # (t, n, i)
        goes_on = (1.0 - starts[:, 0]).reshape(1, count, 1)
        output, states = lstm(sequences, (goes_on * lstm_states[0], goes_on * lstm_states[1]))
        return output.transpose(0, 1).flatten(0, 1), states
