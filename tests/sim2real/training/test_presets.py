"""Presets are values, and say how the learning rate falls."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.training.presets import IMITATION_PRESETS, PRESETS, Preset


def test_the_learning_rate_falls_evenly_to_the_last_one() -> None:
    preset = Preset(8, (8,), "tanh", 0.9, 100, {"learning_rate": 1e-3, "n_steps": 4}, last_learning_rate=1e-4)
    rates = [preset.at(share).options["learning_rate"] for share in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([1e-3, 5.5e-4, 1e-4])
    assert preset.at(0.5).options["n_steps"] == 4
    assert preset.options["learning_rate"] == 1e-3


def test_without_a_last_one_the_learning_rate_stays() -> None:
    preset = PRESETS["push", "PPO"]
    assert all(preset.at(share) is preset for share in np.linspace(0.0, 1.0, 5))


def test_every_task_has_a_preset() -> None:
    shipped = {task for task, _ in PRESETS} | set(IMITATION_PRESETS)
    assert {"reach", "push", "slide", "pick_place", "stack", "peg_insert", "reach_pixels"} <= shipped
