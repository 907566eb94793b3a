"""Figures of planar pushes show what was recorded of them, and leave out what was not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from sim2real.report.pushes import COLUMNS, motion_directions, of_pushes, push_forces, push_map
from sim2real.report.run import Piece
from sim2real.report.style import styled
from sim2real_envs.rigs.planar_push import SIGNALS

TIMES = np.arange(25) * 0.25


def piece(folder: Path, *, forces: bool = True, columns: list[str] | None = None) -> Piece:
    """Twelve pushes of 10 mm along x, predicted in directions that are off by 0, 3, 6 ... degrees."""
    recorded = np.full((12, len(TIMES), 8), np.nan)
    recorded[:, [0, -1], :3] = [[0.0, 0.0, 0.0], [0.01, 0.0, 0.1]]
    recorded[:, :, 5:] = [1.0, 0.0, 0.0]
    predicted = np.full_like(recorded, 0.5)
    predicted[:, :, :3] = np.linspace(0.0, 1.0, len(TIMES))[:, None] * [0.01, 0.001, 0.12]
    for index, off in enumerate(np.radians(3.0 * np.arange(12))):
        predicted[index, :, 5:] = [math.cos(off), math.sin(off), 0.0]
    if forces:
        recorded[:, :, 3:5] = [3.0, -0.5]
    np.savez(
        folder / "predictions.npz",
        times=TIMES,
        recorded=recorded,
        predicted=predicted,
        stock=predicted,
        columns=np.array(COLUMNS if columns is None else columns),
        labels=np.array([f"push-{index}" for index in range(12)]),
    )
    return Piece("planar_push", "forces", "particles", 0, folder)


def test_the_columns_are_those_that_the_rig_has_drawn(tmp_path: Path) -> None:
    assert [f"{name} [{signal.unit}]" for signal in SIGNALS for name in signal.columns[: signal.drawn]] == COLUMNS
    assert of_pushes(piece(tmp_path))
    assert not of_pushes(piece(tmp_path, columns=[f"{letter} [m]" for letter in "abcdefgh"]))


def test_the_map_goes_from_the_best_to_the_worst_and_says_where_each_push_ended(tmp_path: Path) -> None:
    with styled():
        drawing = push_map(piece(tmp_path))
    assert drawing is not None
    assert len(drawing.figure.axes) == 8
    angles = drawing.table["motion_angle_deg"]
    assert angles.tolist() == sorted(angles)
    assert (angles.iloc[0], angles.iloc[-1]) == pytest.approx((0.0, 33.0))
    row = drawing.table.iloc[0]
    assert (row["recorded_x_mm"], row["predicted_y_mm"], row["recorded_turn_rad"]) == pytest.approx((10.0, 1.0, 0.1))


def test_directions_are_compared_component_by_component(tmp_path: Path) -> None:
    with styled():
        drawing = motion_directions(piece(tmp_path))
    assert drawing is not None
    assert len(drawing.table) == 12
    np.testing.assert_allclose(drawing.table["recorded along the object's x"], 1.0)
    np.testing.assert_allclose(drawing.table["predicted along the object's y"], np.sin(np.radians(3.0 * np.arange(12))))


def test_forces_are_drawn_where_they_were_measured_and_left_out_where_not(tmp_path: Path) -> None:
    with styled():
        drawing = push_forces(piece(tmp_path))
        assert drawing is not None
        assert set(drawing.table["recorded_along_N"]) == {3.0}
        assert push_forces(piece(tmp_path, forces=False)) is None
        assert push_map(piece(tmp_path, forces=False)) is not None
