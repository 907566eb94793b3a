"""The cube on its table obeys mechanics, its parameters act, and a path depends on nothing but its arguments."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from sim2real_envs import rigs
from sim2real_envs.errors import ClosedError, OptionError, ParameterError, StateError, UnknownNameError
from sim2real_envs.parameters import Array, Domain
from sim2real_envs.rigs.cube_toss import EDGE, PARAMETERS, RATE, CubeTossRig, flight_samples, lowest_corner
from sim2real_envs.state import WorldState
from tests.support import tosses

HALF = EDGE / 2.0
GRAVITY = 9.81


@pytest.fixture(scope="module")
def rig() -> CubeTossRig:
    return CubeTossRig()


def start(pose: list[float], twist: list[float]) -> WorldState:
    return WorldState({"object.pose": np.array(pose), "object.twist": np.array(twist)})


def flying(height: float = 3.0) -> WorldState:
    return start([0.1, -0.2, height, 0, 0, 0, 1], [0.7, -0.3, 0.5, 0, 0, 0])


def lying(speed: float = 0.0, height: float = HALF) -> WorldState:
    return start([0, 0, height, 0, 0, 0, 1], [speed, 0, 0, 0, 0, 0])


def poses(rig: CubeTossRig, domain: Domain, begin: WorldState, count: int = 100) -> Array:
    times = tosses.sample_times(count)
    return rig.simulate(domain, begin, np.empty((count - 1, 0)), times).values["object.pose"]


def throw(seed: int = 3) -> WorldState:
    return tosses.thrown(np.random.default_rng(seed))


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.0067])
def test_free_flight_is_the_exact_parabola_at_every_timestep(rig: CubeTossRig, timestep: float) -> None:
    path = poses(rig, {"physics.timestep": timestep}, flying(), 60)
    t = tosses.sample_times(60)
    expected = np.stack([0.1 + 0.7 * t, -0.2 - 0.3 * t, 3.0 + 0.5 * t - 0.5 * GRAVITY * t**2], axis=1)
    np.testing.assert_allclose(path[:, :3], expected, atol=1e-9)


def test_a_length_scale_shrinks_the_recorded_fall_and_the_recorded_cube(rig: CubeTossRig) -> None:
    domain = {"recording.length_scale": 0.98}
    t = tosses.sample_times(60)
    fall = poses(rig, domain, flying(), 60)[:, 2]
    np.testing.assert_allclose(fall, 3.0 + 0.5 * t - 0.5 * 0.98 * GRAVITY * t**2, atol=1e-9)
    resting = poses(rig, domain, lying(height=0.06), 150)[-1, 2]
    assert resting == pytest.approx(0.98 * HALF, abs=1e-4)


@pytest.mark.parametrize("friction", [0.1, 0.3])
def test_a_sliding_cube_stops_after_v_squared_over_two_mu_g(rig: CubeTossRig, friction: float) -> None:
    path = poses(rig, {"object.friction": friction}, lying(speed=0.5), 150)
    way = 0.5**2 / (2.0 * friction * GRAVITY)
    assert path[-1, 0] == pytest.approx(way, rel=0.03)
    np.testing.assert_allclose(path[-1, :3], path[-20, :3], atol=1e-5)


@pytest.mark.parametrize("restitution", [0.25, 0.6])
def test_restitution_returns_most_of_its_square_of_the_height(rig: CubeTossRig, restitution: float) -> None:
    as_shipped = _bounce(rig, {"object.restitution": restitution})
    assert 0.6 * restitution**2 < as_shipped < restitution**2  # the contact is somewhat soft
    hard = {"physics.contact_damping": 1e5, "physics.timestep": 0.001}
    assert _bounce(rig, {"object.restitution": restitution} | hard) == pytest.approx(restitution**2, rel=0.1)


def _bounce(rig: CubeTossRig, domain: Domain) -> float:
    """Return the height of the first bounce of a cube that falls flat, as a share of the fall."""
    height = poses(rig, domain, lying(height=HALF + 0.3), 140)[:, 2] - HALF
    near = int(np.argmax(height < 0.01))
    landed = near + int(np.argmin(height[near : near + 6]))
    return float(height[landed:].max()) / 0.3


def test_mass_cancels_where_the_contact_scales_with_it(rig: CubeTossRig) -> None:
    light = {"object.mass": 0.25, "physics.contact_stiffness": 1e4, "physics.contact_damping": 100.0}
    heavy = {name: 2.0 * value for name, value in light.items()}
    np.testing.assert_allclose(poses(rig, light, throw()), poses(rig, heavy, throw()), atol=5e-4)


def test_inertia_scales_with_mass(rig: CubeTossRig) -> None:
    for mass in (0.37, 0.74):
        rig.apply(PARAMETERS.complete({"object.mass": mass}))
        assert rig._engine.inertia() == pytest.approx((8.1e-4 * mass / 0.37,) * 3, rel=1e-12)


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("end", ["low", "high"])
def test_every_parameter_is_read_back_as_it_was_applied(rig: CubeTossRig, name: str, end: str) -> None:
    domain = PARAMETERS.complete({name: getattr(PARAMETERS[name], end)})
    rig.apply(domain)
    applied = rig.applied()
    assert list(applied) == list(PARAMETERS)
    snapped = 1.0 / RATE / round(1.0 / RATE / domain["physics.timestep"])
    assert applied == pytest.approx(domain | {"physics.timestep": snapped}, rel=1e-12)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_matters(rig: CubeTossRig, name: str) -> None:
    low, high = (poses(rig, {name: end}, throw()) for end in (PARAMETERS[name].low, PARAMETERS[name].high))
    assert np.abs(low - high).max() > 1e-4


def test_a_domain_acts_the_same_after_any_other(rig: CubeTossRig) -> None:
    first = poses(rig, {"object.friction": 0.2}, throw())
    for name in PARAMETERS:
        poses(rig, {name: PARAMETERS[name].high}, throw(4))
    np.testing.assert_array_equal(poses(rig, {"object.friction": 0.2}, throw()), first)
    fresh = CubeTossRig()
    np.testing.assert_array_equal(poses(fresh, {"object.friction": 0.2}, throw()), first)
    fresh.close()


def _elsewhere() -> Array:
    return poses(CubeTossRig(), {"object.friction": 0.2}, throw())


def test_another_process_gives_the_same_bits(rig: CubeTossRig) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(_elsewhere)
    np.testing.assert_array_equal(there, poses(rig, {"object.friction": 0.2}, throw()))


def test_a_world_that_runs_away_diverges_and_does_not_spoil_the_next(rig: CubeTossRig) -> None:
    before = poses(rig, {}, throw())
    times = tosses.sample_times(30)
    gone = rig.simulate({}, start([0, 0, 1, 0, 0, 0, 1], [1e6, 0, 0, 0, 0, 0]), np.empty((29, 0)), times)
    assert gone.diverged
    assert np.isfinite(gone.values["object.pose"][0]).all()
    assert np.isnan(gone.values["object.pose"][-1]).all()
    assert np.isnan(list(rig.measure(times, gone.values).values())).all()
    np.testing.assert_array_equal(poses(rig, {}, throw()), before)


def test_times_may_leave_samples_out(rig: CubeTossRig) -> None:
    every = poses(rig, {}, throw(), 61)
    third = rig.simulate({}, throw(), np.empty((20, 0)), tosses.sample_times(61)[::3])
    np.testing.assert_array_equal(third.values["object.pose"], every[::3])


def test_outcomes_of_a_known_path(rig: CubeTossRig) -> None:
    t = tosses.sample_times(101)
    along = np.array([0.6, 0.8])
    s = np.minimum(t, 0.5)  # 1 m/s until it stands
    path = np.zeros((101, 7))
    path[:, :2], path[:, 2], path[:, 6] = np.outer(s, along), np.maximum(1.0 - 2.0 * t**2, 0.05), 1.0
    measured = rig.measure(t, {"object.pose": path})
    assert list(measured) == [outcome.name for outcome in rig.outcomes]
    assert measured["travel_halfway"] == pytest.approx(t[50])
    assert measured["travel_late"] == measured["travel"] == pytest.approx(0.5)
    assert measured["rest_height"] == pytest.approx(path[-5:, 2].mean())
    assert measured["fall_acceleration"] == pytest.approx(4.0)


def test_outcomes_do_not_depend_on_where_a_throw_points(rig: CubeTossRig) -> None:
    path = poses(rig, {"object.friction": 0.2}, throw())
    turn = Rotation.from_euler("z", 70, degrees=True)
    moved = turn.apply(path[:, :3]) + np.array([0.3, -0.1, 0.0])
    turned = np.concatenate([moved, (turn * Rotation.from_quat(path[:, 3:])).as_quat()], axis=1)
    t = tosses.sample_times(100)
    assert rig.measure(t, {"object.pose": turned}) == pytest.approx(rig.measure(t, {"object.pose": path}), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1), st.floats(-0.1, 0.3))
def test_the_lowest_corner_is_the_lowest_of_eight(quaternion: tuple[float, ...], height: float) -> None:
    pose = np.array([0.1, 0.2, height, *(np.array(quaternion) / np.linalg.norm(quaternion))])
    assert lowest_corner(pose[None])[0] == pytest.approx(tosses.corners(pose)[:, 2].min(), abs=1e-12)


def test_flight_ends_before_the_first_contact(rig: CubeTossRig) -> None:
    path = poses(rig, {}, throw())
    count = flight_samples(path)
    assert 5 <= count < 60
    assert lowest_corner(path[:count]).min() >= 0.008 > lowest_corner(path)[count]


def test_sixty_tosses_take_a_few_tenths_of_a_second(rig: CubeTossRig) -> None:
    starts = [throw(seed) for seed in range(60)]
    times, nobody = tosses.sample_times(101), np.empty((100, 0))
    began = time.process_time()  # not wall time: a busy machine says nothing about the rig
    for begin in starts:
        path = rig.simulate({"object.friction": 0.18}, begin, nobody, times)
        rig.measure(times, path.values)
    assert time.process_time() - began < 0.9


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (np.array([0.0]), "t >= 2"),
        (np.array([0.0, 0.0]), "increase"),
        (np.array([1.0, 2.0]) / RATE, "begin at 0"),
        (np.array([0.0, 0.5]) / RATE, "increase|multiples"),
        (np.array([0.0, 1.4]) / RATE, "multiples"),
    ],
)
def test_times_that_are_not_samples_are_refused(rig: CubeTossRig, times: Array, message: str) -> None:
    with pytest.raises(StateError, match=message):
        rig.simulate({}, flying(), np.empty((max(len(times) - 1, 0), 0)), times)


def test_what_a_toss_cannot_take_is_refused(rig: CubeTossRig) -> None:
    times = tosses.sample_times(5)
    with pytest.raises(StateError, match=r"\(4, 0\)"):
        rig.simulate({}, flying(), np.zeros((4, 1)), times)
    with pytest.raises(StateError, match=r"object\.twist"):
        rig.simulate({}, WorldState({"object.pose": np.array([0, 0, 1, 0, 0, 0, 1])}), np.empty((4, 0)), times)
    with pytest.raises(UnknownNameError, match=r"object\.friction"):
        rig.simulate({"object.frcition": 0.2}, flying(), np.empty((4, 0)), times)
    with pytest.raises(ParameterError, match="limits"):
        rig.simulate({"object.friction": float("nan")}, flying(), np.empty((4, 0)), times)
    with pytest.raises(OptionError, match="rate"):
        CubeTossRig(rate=0.0)


def test_a_closed_rig_says_so() -> None:
    closed = rigs.make("cube_toss")
    closed.close()
    closed.close()
    with pytest.raises(ClosedError):
        closed.applied()


def test_an_unknown_rig_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="cube_toss"):
        rigs.make("cube_tos")


def test_reading_about_rigs_loads_no_engine() -> None:
    code = "import sys, sim2real_envs.rigs.cube_toss; print(*{'pybullet', 'scipy', 'torch'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []
