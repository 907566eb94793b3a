"""Hyper-parameters so small that a training takes a second."""

from __future__ import annotations

from sim2real.training.presets import Preset

PPO = Preset(
    worlds=4,
    hidden=(16, 16),
    activation="tanh",
    gamma=0.95,
    chunk_steps=512,
    log_std_init=-0.5,
    options={"n_steps": 64, "batch_size": 64, "n_epochs": 2, "gae_lambda": 0.9, "learning_rate": 1e-3},
)
SAC = Preset(
    worlds=4,
    hidden=(16, 16),
    activation="relu",
    gamma=0.95,
    chunk_steps=256,
    options={
        "learning_rate": 1e-3,
        "buffer_size": 2_000,
        "learning_starts": 100,
        "batch_size": 32,
        "train_freq": 4,
        "gradient_steps": 2,
        "tau": 0.02,
    },
)
PRESETS = {"PPO": PPO, "SAC": SAC}
