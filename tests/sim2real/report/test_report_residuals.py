"""Residuals of signals: how long they last is measured right, and friction that a model lacks is seen by direction."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim2real.report.residuals import autocorrelation, memories, residuals_by_state, residuals_over_time
from sim2real.report.run import Piece
from sim2real.report.signals import signals_over_time
from sim2real.report.style import styled
from sim2real_envs.parameters import Array

TIMES = np.arange(400) * 0.005
SIGMA = 0.01


def piece(folder: Path, residual: Array, columns: tuple[str, ...] = ("angle [rad]",)) -> Piece:
    """A piece whose recordings are sines, and whose predictions miss them by ``residual`` (e, t)."""
    count = len(residual)
    phases = np.linspace(0.0, 2.0 * math.pi, count, endpoint=False)
    recorded = np.sin(2.0 * math.pi * TIMES + phases[:, None])  # (e, t)
    recorded[0, 300:] = np.nan
    np.savez(
        folder / "predictions.npz",
        times=TIMES,
        recorded=np.stack([recorded] * len(columns), axis=2),
        predicted=np.stack([recorded - residual] * len(columns), axis=2),
        stock=np.stack([0.8 * recorded] * len(columns), axis=2),
        columns=np.array(columns),
        labels=np.array([f"window {index} of a log with a long name" for index in range(count)]),
    )
    return Piece("servo", "logs", "least_squares", 0, folder)


def noise(seed: int = 0, count: int = 12) -> Array:
    return np.random.default_rng(seed).normal(0.0, SIGMA, size=(count, len(TIMES)))


def first_order(share: float) -> Array:
    """Noise that keeps ``share`` of itself from sample to sample: autocorrelation share^k."""
    fresh = noise(1, 40)
    kept = np.zeros_like(fresh)
    for index in range(1, fresh.shape[1]):
        kept[:, index] = share * kept[:, index - 1] + fresh[:, index]
    return kept


def test_the_autocorrelation_of_a_first_order_process_is_a_power_of_the_lag() -> None:
    found = autocorrelation(first_order(0.9))
    np.testing.assert_allclose(found[:20], 0.9 ** np.arange(20.0), atol=0.06)
    assert found[0] == pytest.approx(1.0)
    assert len(found) == 201


def test_recordings_that_end_early_do_not_disturb_it() -> None:
    whole = first_order(0.9)
    whole[::2, 200:] = np.nan
    np.testing.assert_allclose(autocorrelation(whole)[:10], 0.9 ** np.arange(10.0), atol=0.08)
    assert not autocorrelation(np.zeros((3, 10))).any()


def test_noise_is_forgotten_and_what_lasts_is_said_to_last(tmp_path: Path) -> None:
    paths = piece(tmp_path, noise()).predictions
    assert paths is not None
    (found,) = memories(paths)
    assert not found.lasting
    assert found.rms == pytest.approx(SIGMA, rel=0.03)
    assert found.sentence() == "Residuals of the angle (0.01 rad) are forgotten within 0.005 s, like noise."
    lasting = memories({**paths, "predicted": paths["recorded"] - first_order(0.98)[:12, :, None]})[0]
    assert lasting.lasting
    assert lasting.seconds == pytest.approx(0.005 / -math.log(0.98), rel=0.4)
    assert "stay alike for" in lasting.sentence()
    constant = memories({**paths, "predicted": paths["recorded"] - 0.1})[0]
    assert math.isinf(constant.seconds)
    assert "to the end of the recordings, noise would for one sample of 0.005 s" in constant.sentence()


def test_the_figure_over_time_says_what_was_found(tmp_path: Path) -> None:
    with styled():
        drawing = residuals_over_time(piece(tmp_path, noise(), ("arm angle [rad]", "pole angle [rad]")))
    assert drawing is not None
    assert drawing.name == "residuals_over_time_logs_least_squares"
    assert "Residuals of the arm angle" in drawing.caption
    assert "like noise" in drawing.caption
    assert "cannot represent" not in drawing.caption
    assert len(drawing.table) == 12 * 400 - 100
    assert len(drawing.figure.axes) == 2


def test_friction_that_the_model_lacks_parts_the_directions(tmp_path: Path) -> None:
    phases = np.linspace(0.0, 2.0 * math.pi, 12, endpoint=False)
    friction = -0.05 * np.sign(np.cos(2.0 * math.pi * TIMES + phases[:, None]))
    with styled():
        drawing = residuals_by_state(piece(tmp_path, friction + noise()))
    assert drawing is not None
    table = drawing.table[drawing.table["against"] == "angle"]
    up, down = (table[table["direction"] == f"going {way}"]["residual"] for way in ("up", "down"))
    assert len(up) >= 5
    assert len(down) >= 5
    np.testing.assert_allclose(up, -0.05, atol=0.01)
    np.testing.assert_allclose(down, 0.05, atol=0.01)
    assert (table["standard_error"] < 0.01).all()


def test_a_load_that_the_model_lacks_slopes_the_lines(tmp_path: Path) -> None:
    phases = np.linspace(0.0, 2.0 * math.pi, 12, endpoint=False)
    load = 0.1 * np.sin(2.0 * math.pi * TIMES + phases[:, None])
    with styled():
        drawing = residuals_by_state(piece(tmp_path, load))
    assert drawing is not None
    table = drawing.table[(drawing.table["against"] == "angle") & (drawing.table["direction"] == "going up")]
    assert np.polyfit(table["state"], table["residual"], 1)[0] == pytest.approx(0.1, rel=0.02)


def test_positions_in_space_have_their_own_figures(tmp_path: Path) -> None:
    cube = piece(tmp_path, noise(), ("x [m]", "y [m]", "z [m]"))
    assert signals_over_time(cube) is None
    assert residuals_over_time(cube) is None
    assert residuals_by_state(cube) is None


def test_a_signal_that_rests_is_drawn_at_rest(tmp_path: Path) -> None:
    made = piece(tmp_path, noise())
    paths = made.predictions
    assert paths is not None
    paths["recorded"][3] = 0.2
    paths["predicted"][3] = 0.2001
    with styled():
        drawing = signals_over_time(made)
    assert drawing is not None
    spans = [np.ptp(axis.get_ylim()) for axis in drawing.figure.axes]
    assert min(spans) > 0.05 * 2.0
    assert "\n" in drawing.figure.axes[0].get_title(loc="left")
