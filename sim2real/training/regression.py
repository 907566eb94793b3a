"""Regression of actions, common to all students."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from sim2real.errors import TooManyDivergences
from sim2real.policy import Layer
from sim2real.training.presets import ImitationPreset

_LAST_RATE = 0.05  # share of the learning rate at the end of a fit


def regression_loss(given: torch.Tensor, wanted: torch.Tensor, huber: float) -> torch.Tensor:
    """Return the mean Huber loss of actions (n, a) that will be clipped into [-1, 1].

    Where a label stands at the bound, everything beyond the bound is as right as the bound itself.
    """
    beyond = (given - wanted) * wanted.sign() > 0.0
    right = beyond & (wanted.abs() >= 1.0)
    return nn.functional.huber_loss(torch.where(right, wanted, given), wanted, delta=huber) / huber


def descend(
    network: nn.Module,
    loss: Callable[[torch.Tensor], torch.Tensor],
    rows: int,
    updates: int,
    preset: ImitationPreset,
    generator: torch.Generator,
) -> float:
    """Run Adam for ``updates`` batches drawn from ``rows`` rows, the rate falling along half a cosine.

    ``loss`` is called with the rows of a batch (b,).

    Returns:
        The mean loss of the last tenth of the updates.

    Raises:
        TooManyDivergences: If the weights are not numbers any more.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=preset.learning_rate)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, max(updates, 1), eta_min=_LAST_RATE * preset.learning_rate
    )
    losses = []
    for _ in range(updates):
        value = loss(torch.randint(rows, (preset.batch_size,), generator=generator))
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        plan.step()
        losses.append(float(value.detach()))
    if not all(bool(torch.isfinite(number).all()) for number in network.parameters()):
        raise TooManyDivergences(
            f"The policy itself diverged within {updates} updates: its weights are not numbers any more. "
            "Lower the learning rate of the preset."
        )
    return float(np.mean(losses[-max(updates // 10, 1) :]))


def layer_of(module: nn.Linear) -> Layer:
    """Return weight (out, in) and bias (out,)."""
    return module.weight.detach().numpy(), module.bias.detach().numpy()
