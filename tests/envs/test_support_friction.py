"""Friction under a body on points agrees with closed forms, and load and motion undo each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real_envs.errors import StateError
from sim2real_envs.rigs.support_friction import SupportFriction, three_point_shares

TRIANGLE = np.array([[-0.04, -0.04], [0.08, -0.04], [-0.04, 0.08]])


def ring(radius: float, count: int = 720) -> SupportFriction:
    angles = 2.0 * np.pi * np.arange(count) / count
    return SupportFriction(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), np.full(count, 1.0 / count))


def tripod() -> SupportFriction:
    return SupportFriction(TRIANGLE, three_point_shares(TRIANGLE, [0.0, 0.0]))


def test_a_body_that_slides_straight_needs_its_weight_times_the_coefficient() -> None:
    assert tripod().load((0.3, 0.4, 0.0)) == pytest.approx((0.6, 0.8, 0.0), abs=1e-15)


def test_a_ring_that_turns_on_the_spot_needs_its_radius_as_moment() -> None:
    assert ring(0.05).load((0.0, 0.0, -2.0)) == pytest.approx((0.0, 0.0, -0.05), abs=1e-12)


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0, 1.6])
def test_a_ring_that_slides_and_turns_agrees_with_the_elliptic_integral(share: float) -> None:
    """A ring of radius R with speed v and turn rate w loses the mean of |v + w R e_phi| over the ring."""
    radius, speed = 0.05, 0.1
    turn = share * speed / radius
    angles = 2.0 * np.pi * (np.arange(200_000) + 0.5) / 200_000
    integral = np.sqrt(speed**2 + (turn * radius) ** 2 + 2.0 * speed * turn * radius * np.cos(angles)).mean()
    assert ring(radius).power((speed, 0.0, turn)) == pytest.approx(integral, rel=1e-4)


def test_a_load_through_the_centre_of_friction_translates() -> None:
    direction = tripod().twist((0.0, 2.5, 0.0))
    assert direction == pytest.approx((0.0, 0.4, 0.0), abs=1e-7)


def test_a_bar_pushed_beside_its_middle_turns_about_the_far_foot() -> None:
    """A force f across a bar at x takes f (1 + x) / 2 of the foot at 1, and f (1 - x) / 2, less, of the one at -1.

    The foot at 1 gives way first, at half of the weight, while the other still holds: the bar turns about it.
    """
    bar = SupportFriction([[-1.0, 0.0], [1.0, 0.0]], [0.5, 0.5])
    vx, vy, turn = bar.twist((0.0, 1.0, 0.6))
    assert vx == pytest.approx(0.0, abs=1e-9)
    assert vy == pytest.approx(turn, rel=1e-6)  # the foot at -1 stands still


finite = st.floats(-1.0, 1.0)


@given(finite, finite, finite)
def test_a_load_and_the_motion_it_causes_undo_each_other(vx: float, vy: float, turn: float) -> None:
    support = tripod()
    if max(abs(vx), abs(vy), abs(turn)) < 0.01:
        return
    speeds = [math.hypot(vx - turn * y, vy + turn * x) for x, y in TRIANGLE]
    if min(speeds) < 0.01 * max(speeds):
        return  # about a foot, many loads cause the same motion
    found = np.array(support.twist(support.load((vx, vy, turn))))
    one, other = found / np.linalg.norm(found), np.array([vx, vy, turn]) / np.linalg.norm([vx, vy, turn])
    np.testing.assert_allclose(one, other, atol=1e-4)


@given(finite, finite, st.floats(-0.1, 0.1))
def test_no_other_motion_is_resisted_less(fx: float, fy: float, moment: float) -> None:
    if max(abs(fx), abs(fy), abs(moment)) < 1e-3:
        return
    support, load = tripod(), np.array([fx, fy, moment])
    least = support.power(support.twist(load.tolist()))
    rng = np.random.default_rng(0)
    for twist in rng.normal(size=(200, 3)) * [1.0, 1.0, 20.0]:
        if (power := float(load @ twist)) > 0.0:
            assert support.power((twist / power).tolist()) >= least * (1.0 - 1e-6)


@given(finite, finite, st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_a_moved_point_turns_the_body_where_friction_has_no_moment_about_it(
    vx: float, vy: float, x: float, y: float
) -> None:
    support = tripod()
    if math.hypot(vx, vy) < 0.01:
        return
    turn = support.turn_about((x, y), (vx, vy))
    best = support.power((vx + turn * y, vy - turn * x, turn))
    for other in np.linspace(turn - 5.0, turn + 5.0, 41):
        assert support.power((vx + other * y, vy - other * x, other)) >= best * (1.0 - 1e-9)


def test_three_feet_share_the_weight_so_that_it_balances() -> None:
    shares = three_point_shares(TRIANGLE, [0.01, -0.02])
    assert shares.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(shares @ TRIANGLE, [0.01, -0.02], atol=1e-15)


def test_a_foot_that_would_lift_carries_nothing() -> None:
    shares = three_point_shares(TRIANGLE, [-0.06, 0.0])
    assert shares.min() == 0.0
    assert shares.sum() == pytest.approx(1.0)


def test_what_cannot_stand_is_refused() -> None:
    with pytest.raises(StateError, match="not stand on one line"):
        three_point_shares([[0.0, 0.0], [0.1, 0.1], [0.2, 0.2]], [0.0, 0.0])
    with pytest.raises(StateError, match=r"shape \(3, 2\)"):
        three_point_shares([[0.0, 0.0], [0.1, 0.1]], [0.0, 0.0])
    with pytest.raises(StateError, match="add up to 1"):
        SupportFriction(TRIANGLE, [0.5, 0.5, 0.5])
    with pytest.raises(StateError, match="n >= 2"):
        SupportFriction([[0.0, 0.0]], [1.0])
    with pytest.raises(StateError, match="finite and not zero"):
        tripod().twist((0.0, 0.0, 0.0))
