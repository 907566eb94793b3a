"""The pushed cube moves as mechanics says, and episodes end as they should."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sim2real_envs
from sim2real_envs.backends.engine import pybullet
from sim2real_envs.parameters import Array

Action = NDArray[np.float32]
G, EDGE, PERIOD = 9.81, 0.05, 0.04
STAY: Action = np.zeros(2, dtype=np.float32)


@pytest.fixture(scope="module")
def env() -> Iterator[Any]:
    made: Any = sim2real_envs.make("PandaPush-v0").unwrapped
    yield made
    made.close()


def begin(
    env: Any, place: tuple[float, float, float], velocity: tuple[float, float, float] = (0.0, 0.0, 0.0), **domain: float
) -> None:
    """Start with the cube at ``place``, far from the goal; ``domain`` is names with ``__`` for the dot."""
    start = {
        "object.pose": np.array([*place, 0.0, 0.0, 0.0, 1.0]),
        "object.twist": np.array([*velocity, 0.0, 0.0, 0.0]),
        "goal": np.array([0.5, -0.34, 0.0]),
    }
    parameters = {name.replace("__", "."): value for name, value in domain.items()}
    env.reset(seed=0, options={"domain": parameters, "start": start})


def cube(env: Any) -> Array:
    """Return the cube's true position (3,) m."""
    place: Array = env.state().object_poses["object"][:3]
    return place


def ended(env: Any, action: Action = STAY, steps: int = 80) -> dict[str, Any]:
    """Return the last ``info`` of an episode under one action."""
    for _ in range(steps):
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return dict(info)
    raise AssertionError("The episode must end.")


# -- Mechanics ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.004])
@pytest.mark.parametrize(("friction", "table"), [(0.3, 1.0), (0.5, 1.0), (0.5, 0.8), (1.0, 0.5)])
def test_a_sliding_cube_stops_after_speed_squared_over_twice_friction_and_gravity(
    env: Any, timestep: float, friction: float, table: float
) -> None:
    speed, domain = 0.6, {"object__friction": friction, "table__friction": table, "physics__timestep": timestep}
    begin(env, (0.4, 0.25, EDGE / 2), (speed, 0.0, 0.0), **domain)
    for _ in range(14):
        env.step(STAY)
    expected = speed**2 / (2.0 * friction * table * G)
    assert cube(env)[0] - 0.4 == pytest.approx(expected, rel=0.03, abs=speed * timestep)
    assert cube(env)[1:] == pytest.approx([0.25, EDGE / 2], abs=1e-3)
    assert np.abs(env.state().object_twists["object"]).max() < 0.01


def test_the_mass_of_a_sliding_cube_does_not_matter(env: Any) -> None:
    ways = []
    for mass in (0.05, 0.5):
        begin(env, (0.4, 0.25, EDGE / 2), (0.6, 0.0, 0.0), object__mass=mass)
        for _ in range(14):
            env.step(STAY)
        ways.append(cube(env)[0] - 0.4)
    assert ways[0] == pytest.approx(ways[1], rel=0.03)


@pytest.mark.parametrize("timestep", [0.001, 0.004])
@pytest.mark.parametrize("gravity", [-9.81, -9.0])
def test_a_cube_in_the_air_falls_freely(env: Any, timestep: float, gravity: float) -> None:
    begin(env, (0.4, 0.25, 0.5), (0.2, 0.0, 1.0), physics__timestep=timestep, physics__gravity=gravity)
    for _ in range(5):
        env.step(STAY)
    time = 5 * PERIOD
    height = 0.5 + 1.0 * time + gravity * time * (time + timestep) / 2.0  # the sum over semi-implicit Euler steps
    assert cube(env) == pytest.approx([0.4 + 0.2 * time, 0.25, height], abs=1e-9)
    assert env.state().object_twists["object"][:3] == pytest.approx([0.2, 0.0, 1.0 + gravity * time], abs=1e-9)


@pytest.mark.parametrize("mass", [0.05, 0.2, 0.5])
def test_the_table_carries_the_weight_of_the_cube(env: Any, mass: float) -> None:
    begin(env, (0.4, 0.25, EDGE / 2), object__mass=mass)
    for _ in range(10):
        env.step(STAY)
    assert env.applied_domain()["object.mass"] == mass
    client, body = env._backend._client, env._backend._parameters.objects[0]
    contacts = pybullet.getContactPoints(bodyA=body, physicsClientId=client)
    assert sum(contact[7][2] * contact[9] for contact in contacts) == pytest.approx(mass * G, rel=0.02)


@pytest.mark.parametrize(("mass", "friction"), [(0.2, 0.5), (0.4, 0.5), (0.4, 0.3)])
def test_the_force_on_the_fingers_balances_friction_in_a_slow_steady_push(
    env: Any, mass: float, friction: float
) -> None:
    begin(env, (0.385, 0.0, EDGE / 2), object__mass=mass, object__friction=friction)
    push, forces, places = np.array([0.15, 0.0], dtype=np.float32), [], []
    for _ in range(40):
        env.step(push)
        forces.append(np.sum(env._backend.read().finger_forces, axis=0))
        places.append(cube(env)[0])
    steady = slice(-15, None)
    assert np.diff(places[steady]).min() > 0.0  # it is being pushed all the time
    along, across, up = np.mean(forces[steady], axis=0)
    weight = mass * G + up  # fingers that are pushed up press the cube down
    assert along == pytest.approx(-friction * weight, rel=0.08)  # four samples a period, not all
    assert across == pytest.approx(0.0, abs=0.02 * friction * weight)
    assert 0.0 < up < 0.4 * mass * G


def test_a_cube_at_rest_stays_where_it_is(env: Any) -> None:
    begin(env, (0.45, 0.2, EDGE / 2))
    for _ in range(20):
        env.step(STAY)
    assert cube(env) == pytest.approx([0.45, 0.2, EDGE / 2], abs=2e-4)


@pytest.mark.parametrize("size", [0.9, 1.1])
def test_a_cube_of_another_size_rests_at_its_own_height(env: Any, size: float) -> None:
    begin(env, (0.45, 0.2, EDGE / 2 * size), object__size=size)
    for _ in range(20):
        env.step(STAY)
    assert cube(env)[2] == pytest.approx(EDGE / 2 * size, abs=5e-4)


# -- How episodes end --------------------------------------------------------------------------------------------


def test_a_cube_that_crosses_the_goal_has_not_succeeded(env: Any) -> None:
    goal = np.array([0.5, 0.2, 0.0])
    pose, twist = np.array([0.46, 0.2, EDGE / 2, 0, 0, 0, 1.0]), np.array([1.2, 0.0, 0.0, 0.0, 0.0, 0.0])
    start = {"object.pose": pose, "object.twist": twist, "goal": goal}
    env.reset(seed=0, options={"domain": {"object.friction": 0.5}, "start": start})
    near = []
    for _ in range(20):
        _, _, terminated, _, info = env.step(STAY)
        near.append(math.dist(cube(env)[:2], goal[:2]) < 0.05)
        assert not terminated
        assert not info["is_success"]
    assert near[0]
    assert not near[-1]


def test_success_is_a_cube_near_the_goal_and_at_rest(env: Any) -> None:
    goal = np.array([0.5, 0.2, 0.0])
    pose, twist = np.array([0.47, 0.2, EDGE / 2, 0, 0, 0, 1.0]), np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    env.reset(seed=0, options={"start": {"object.pose": pose, "object.twist": twist, "goal": goal}})
    speeds: list[float] = []
    terminated, info = False, {}
    while not terminated and len(speeds) < 20:
        _, reward, terminated, _, info = env.step(STAY)
        speeds.append(float(np.linalg.norm(env.state().object_twists["object"][:3])))
        assert math.dist(cube(env)[:2], goal[:2]) < 0.05
    assert (info["is_success"], info["failure_mode"]) == (True, "none")
    assert len(speeds) > 1
    assert speeds[-1] < 0.02
    assert all(speed >= 0.02 for speed in speeds[:-1])
    assert reward > 9.0
    assert info["outcome"]["success"] == 1.0
    assert info["outcome"]["duration"] == pytest.approx(len(speeds) * PERIOD)
    assert info["outcome"]["object_x"] == pytest.approx(cube(env)[0])


def test_a_cube_thrown_off_the_table_has_dropped(env: Any) -> None:
    begin(env, (0.74, 0.22, 0.3), (5.0, 0.0, -8.0))
    assert ended(env)["failure_mode"] == "drop"
    assert cube(env)[2] < 0.0


def test_a_cube_that_slides_away_is_out_of_reach(env: Any) -> None:
    begin(env, (0.7, 0.2, EDGE / 2), (1.2, 0.0, 0.0))
    info = ended(env)
    assert info["failure_mode"] == "out_of_reach"
    assert info["outcome"]["success"] == 0.0


def test_doing_nothing_times_out_at_the_horizon(env: Any) -> None:
    begin(env, (0.45, 0.2, EDGE / 2))
    info = ended(env, steps=env.horizon)
    assert info["failure_mode"] == "timeout"
    assert info["outcome"]["onset"] == info["outcome"]["duration"] == pytest.approx(env.horizon * PERIOD)
    assert info["outcome"]["object_travel"] == pytest.approx(0.0, abs=1e-3)


def test_an_arm_that_has_touched_the_table_ends_in_collision() -> None:
    env: Any = sim2real_envs.make("PandaPush-v0", control="joint_delta", horizon=8).unwrapped
    begin(env, (0.45, 0.25, EDGE / 2))
    down = np.zeros(7, dtype=np.float32)
    down[1] = 1.0
    assert ended(env, down)["failure_mode"] == "collision"
    env.close()
