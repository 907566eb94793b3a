"""A pushed triangle moves as friction lets it: what each parameter changes, and what it must not."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from sim2real_envs import rigs
from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.base import Path
from sim2real_envs.rigs.planar_push import GRAVITY, MASS, PARAMETERS, PlanarPushRig, angle_between, mean_force, poses
from sim2real_envs.state import WorldState

FEET = np.array([[-0.04, -0.04], [0.08, -0.04], [-0.04, 0.08]])
TIMES = np.linspace(0.0, 6.5, 27)


def push(
    domain: dict[str, float] | None = None,
    *,
    place: float = 0.0,
    slant: float = 0.0,
    angle: float = 0.0,
    load: tuple[float, float, float] | None = None,
    way: float = 0.016,
    samples: int = len(TIMES),
) -> Path:
    """Push the left leg of the triangle at height ``place`` [m] of its frame, ``slant`` [rad] off its normal."""
    cos, sin = math.cos(angle), math.sin(angle)
    turned = np.array([[cos, -sin], [sin, cos]])
    start = np.array([-0.051, place])
    tips = start + np.linspace(0.0, way, samples)[:, None] * [math.cos(slant), math.sin(slant)]
    tips = tips @ turned.T
    loads = np.tile((math.nan,) * 3 if load is None else load, (samples - 1, 1))
    state = WorldState(
        {"object.pose": poses(np.array([[0.0, 0.0, angle]]), 0.0)[0], "object.feet": FEET, "pusher.position": tips[0]}
    )
    actions = np.concatenate([tips[1:], loads], axis=1)
    return PlanarPushRig().simulate(domain or {}, state, actions, np.linspace(0.0, 6.5, samples))


def end(path: Path) -> Array:
    return np.array([*path.values["object.pose"][-1, :2], path.values["object.angle"][-1, 0]])


def test_a_push_through_the_centre_of_mass_translates() -> None:
    np.testing.assert_allclose(end(push()), [0.015, 0.0, 0.0], atol=1e-9)


def test_a_push_beside_the_centre_turns_towards_the_side_of_the_centre() -> None:
    assert end(push(place=0.02))[2] < -0.02
    assert end(push(place=-0.02))[2] > 0.02


def test_the_force_of_a_translation_is_friction_times_weight() -> None:
    force = push({"table.friction": 0.3}).values["pusher.force"]
    np.testing.assert_allclose(force[-1], [0.3 * MASS * GRAVITY, 0.0], atol=1e-9)


@pytest.mark.parametrize("name", ["table.friction", "object.mass", "recording.force_scale"])
def test_what_scales_the_force_leaves_the_motion_as_it_is(name: str) -> None:
    parameter = PARAMETERS[name]
    low, high = (push({name: value}, place=0.03, slant=0.3) for value in (parameter.low, parameter.high))
    np.testing.assert_array_equal(low.values["object.pose"], high.values["object.pose"])
    np.testing.assert_allclose(
        high.values["pusher.force"], low.values["pusher.force"] * parameter.high / parameter.low, rtol=1e-12
    )


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_every_parameter_changes_motion_or_force(name: str) -> None:
    parameter = PARAMETERS[name]
    low, high = (push({name: value}, place=0.03, slant=0.5) for value in (parameter.low, parameter.high))
    changed = [np.abs(high.values[each] - low.values[each]).max() for each in ("object.pose", "pusher.force")]
    assert max(changed) > 1e-4


def test_a_probe_sticks_within_the_friction_of_the_contact_and_slides_beyond() -> None:
    def slip(friction: float) -> float:
        path = push({"pusher.friction": friction}, slant=0.4)
        x, y, angle = end(path)
        tip = np.array([-0.051 + 0.016 * math.cos(0.4), 0.016 * math.sin(0.4)]) - [x, y]
        along_side = -math.sin(angle) * tip[0] + math.cos(angle) * tip[1]
        return float(along_side - 0.001 * math.tan(0.4))  # where it touched first

    assert slip(1.0) == pytest.approx(0.0, abs=1e-4)
    assert slip(0.1) > 0.003


def test_the_force_of_a_sliding_probe_lies_on_the_edge_of_its_friction_cone() -> None:
    path = push({"pusher.friction": 0.2}, slant=0.6)
    force, angle = path.values["pusher.force"][10], path.values["object.angle"][9:11, 0].mean()
    # In the frame of the probe's way, the inward normal of the leg points at (turn of the triangle) - slant.
    normal = angle - 0.6
    assert math.atan2(force[1], force[0]) - normal == pytest.approx(math.atan(0.2), abs=1e-3)


def test_the_probe_never_enters_the_triangle() -> None:
    for place, slant, friction in ((0.03, 0.5, 0.1), (-0.04, -0.2, 0.4), (0.0, 0.9, 0.05)):
        path = push({"pusher.friction": friction}, place=place, slant=slant)
        tips = np.array([-0.051, place]) + np.linspace(0.0, 0.016, len(TIMES))[:, None] * [
            math.cos(slant),
            math.sin(slant),
        ]
        angle = path.values["object.angle"][:, 0]
        offset = tips - path.values["object.pose"][:, :2]
        inside = np.cos(angle) * offset[:, 0] + np.sin(angle) * offset[:, 1] + 0.05
        assert inside.max() < 5e-5


def test_nothing_moves_before_the_probe_touches() -> None:
    path = push(way=0.0009)
    np.testing.assert_array_equal(path.values["object.pose"], np.tile(path.values["object.pose"][0], (len(TIMES), 1)))
    np.testing.assert_array_equal(path.values["pusher.force"], 0.0)


def test_a_turned_world_gives_the_same_push_turned() -> None:
    straight, turned = push(place=0.03, slant=0.3), push(place=0.03, slant=0.3, angle=2.0)
    np.testing.assert_allclose(straight.values["pusher.force"], turned.values["pusher.force"], atol=1e-9)
    assert end(turned)[2] - 2.0 == pytest.approx(end(straight)[2], abs=1e-12)
    np.testing.assert_allclose(straight.values["object.direction"], turned.values["object.direction"], atol=1e-9)


def test_the_direction_is_that_of_the_measured_load_where_there_is_one() -> None:
    np.testing.assert_allclose(push(load=(0.0, 3.0, 0.0)).values["object.direction"][0], [0.0, 1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(push().values["object.direction"][0], [1.0, 0.0, 0.0], atol=1e-6)


def test_a_finer_way_of_the_probe_gives_the_same_end() -> None:
    coarse, fine = (end(push({"pusher.friction": 0.2}, place=0.03, slant=0.5, samples=n)) for n in (27, 400))
    assert np.abs(coarse - fine)[:2].max() < 1e-4
    assert abs(coarse[2] - fine[2]) < 3e-3


def test_the_same_push_is_the_same_bit_for_bit() -> None:
    one, two = push(place=0.03, slant=0.3), push(place=0.03, slant=0.3)
    for name, values in one.values.items():
        np.testing.assert_array_equal(values, two.values[name])


def test_outcomes_and_misfits_are_those_declared_and_a_perfect_prediction_has_none() -> None:
    rig, path = PlanarPushRig(), push(place=0.03, load=(3.0, 0.5, 0.02))
    measured = rig.measure(path.times, path.values)
    assert list(measured) == [outcome.name for outcome in rig.outcomes]
    assert measured["turn"] == pytest.approx(end(path)[2])
    misfit = rig.misfit(path.times, path.values, path.values)
    assert list(misfit) == [each.name for each in rig.misfits]
    assert max(misfit.values()) == 0.0


def test_what_needs_a_force_is_nan_without_one() -> None:
    rig, path = PlanarPushRig(), push(place=0.03)
    recorded = dict(path.values) | {"pusher.force": np.full((len(TIMES), 2), np.nan)}
    measured = rig.measure(path.times, recorded)
    assert [name for name, value in measured.items() if math.isnan(value)] == [
        *("force_along", "force_across", "direction_x", "direction_y", "direction_turn")
    ]
    assert math.isnan(rig.misfit(path.times, recorded, path.values)["force_error"])


def test_a_mean_force_leaves_out_the_way_before_the_contact() -> None:
    np.testing.assert_allclose(mean_force(np.array([[0.0, 0.0], [0.1, 0.0], [3.0, 1.0], [5.0, 1.0]])), [4.0, 1.0])


def test_an_angle_between_directions_is_exact_for_small_ones() -> None:
    tiny = np.array([math.cos(1e-9), math.sin(1e-9), 0.0])
    assert angle_between(np.array([1.0, 0.0, 0.0]), tiny) == pytest.approx(1e-9, rel=1e-6)
    assert angle_between(np.array([1.0, 0.0, 0.0]), np.array([-1.0, 0.0, 0.0])) == pytest.approx(math.pi)


def test_a_start_or_actions_of_another_kind_are_refused() -> None:
    rig = PlanarPushRig()
    bare = WorldState({"object.pose": poses(np.zeros((1, 3)), 0.0)[0]})
    with pytest.raises(StateError, match=r"'object\.feet'"):
        rig.simulate({}, bare, np.zeros((2, 5)), np.arange(3.0))
    with pytest.raises(StateError, match=r"shape \(2, 5\), but got \(2, 2\)"):
        rig.simulate({}, bare, np.zeros((2, 2)), np.arange(3.0))
    with pytest.raises(StateError, match="increase"):
        rig.simulate({}, bare, np.zeros((2, 5)), np.zeros(3))


def test_the_rig_needs_no_engine() -> None:
    code = "import sys; from sim2real_envs import rigs; rigs.make('planar_push'); "
    code += "print(*{'pybullet', 'mujoco', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
    assert rigs.make("planar_push").applied() == dict(PARAMETERS.nominal())
