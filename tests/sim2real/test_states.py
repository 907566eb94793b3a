"""Twists that follow from the poses around: exact for steady motion, and zero for what lies still."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sim2real.states import twists, with_twists
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

PERIOD = 0.04
SPEEDS = st.floats(-2.0, 2.0)


def poses(places: Array, turns: Array) -> Array:
    """Return poses (t, 7) at places (t, 3), turned by rotation vectors (t, 3)."""
    return np.hstack([places, Rotation.from_rotvec(turns).as_quat()])


@given(SPEEDS, SPEEDS, SPEEDS)
def test_steady_motion_has_its_own_twist_at_every_sample(forward: float, upward: float, spin: float) -> None:
    times = PERIOD * np.arange(6)[:, None]
    measured = twists(poses(times * [forward, 0.0, upward], times * [0.0, 0.0, spin]), PERIOD)
    wanted = np.tile([forward, 0.0, upward, 0.0, 0.0, spin], (6, 1))
    np.testing.assert_allclose(measured, wanted, atol=1e-9)


@given(st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=12))
def test_a_twist_never_exceeds_twice_the_slower_of_its_two_periods(places: list[float]) -> None:
    path = poses(np.outer(places, [1.0, 0.0, 0.0]), np.zeros((len(places), 3)))
    velocity = np.abs(np.diff(places)) / PERIOD
    slower = np.minimum(velocity[1:], velocity[:-1])
    assert (np.abs(twists(path, PERIOD)[1:-1, 0]) <= 2.0 * slower + 1e-9).all()


def test_what_lay_still_and_is_hit_has_no_twist_yet_and_what_has_come_to_rest_none_any_more() -> None:
    places = np.outer([0.0, 0.0, 0.0, 0.01, 0.02, 0.02, 0.02], [1.0, 0.0, 0.0])
    speed = twists(poses(places, np.zeros((7, 3))), PERIOD)[:, 0]
    np.testing.assert_allclose(speed, [0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0], atol=1e-12)


def test_states_get_the_twists_of_their_poses_and_keep_everything_else() -> None:
    spread = {"object.pose": np.array([0.002, 0.002, 0.0, 0.0, 0.0, 0.01])}
    places = poses(np.outer(0.01 * np.arange(4), [1.0, 0.0, 0.0]), np.zeros((4, 3)))
    states = [
        WorldState({"object.pose": pose, "goal": np.ones(3)}, spread, np.full((row + 1, 2), float(row)))
        for row, pose in enumerate(places)
    ]
    told = with_twists(states, PERIOD)
    assert "object.twist" not in told[0].values, "the start is told as it is"
    for before, after in zip(states[1:], told[1:], strict=True):
        assert after.values["object.twist"] == pytest.approx([0.25, 0.0, 0.0, 0.0, 0.0, 0.0])
        assert after.spread["object.twist"] == pytest.approx(spread["object.pose"] / (np.sqrt(2.0) * PERIOD))
        assert (after.values["goal"] == before.values["goal"]).all()
        assert (after.commands == before.commands).all()  # type: ignore[union-attr]
    assert with_twists(states[:1], PERIOD) == (states[0],)
