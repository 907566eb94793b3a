"""The struck puck slides as Coulomb says, episodes go on until it rests, and the expert solves them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sim2real_envs
from sim2real_envs.errors import StateError
from sim2real_envs.parameters import Array
from sim2real_envs.tasks.planar import REST_SPEED
from sim2real_envs.tasks.slide import FRICTION, HALF_HEIGHT, TOLERANCE, resting_place
from sim2real_envs.testing import EnvContract, ParameterContract

Action = NDArray[np.float32]
G = 9.81
STAY: Action = np.zeros(2, dtype=np.float32)


class TestSlide(EnvContract):
    env_id = "PandaSlide-v0"


class TestParametersOfSlide(ParameterContract):
    env_id = "PandaSlide-v0"


@pytest.fixture(scope="module")
def env() -> Iterator[Any]:
    made: Any = sim2real_envs.make("PandaSlide-v0").unwrapped
    yield made
    made.close()


def begin(
    env: Any,
    place: tuple[float, float],
    velocity: tuple[float, float] = (0.0, 0.0),
    goal: tuple[float, float] = (0.75, -0.5),
    **domain: float,
) -> None:
    """Start with the puck at ``place``; ``domain`` is names with ``__`` for the dot."""
    start = {
        "object.pose": np.array([*place, HALF_HEIGHT, 0.0, 0.0, 0.0, 1.0]),
        "object.twist": np.array([*velocity, 0.0, 0.0, 0.0, 0.0]),
        "goal": np.array([*goal, 0.0]),
    }
    parameters = {name.replace("__", "."): value for name, value in domain.items()}
    env.reset(seed=0, options={"domain": parameters, "start": start})


def puck(env: Any) -> Array:
    """Return the puck's true position (3,) m."""
    place: Array = env.state().object_poses["object"][:3]
    return place


def speed(env: Any) -> float:
    """Return the puck's true speed [m/s]."""
    return float(np.linalg.norm(env.state().object_twists["object"][:3]))


def played(env: Any, action: Action = STAY) -> dict[str, Any]:
    """Return the last ``info`` of an episode under one action."""
    while True:
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return dict(info)


def expert_failures(env: Any, seeds: range, **domain: float) -> Counter[str]:
    """Return how often each failure mode ended an episode of the expert."""
    ends: Counter[str] = Counter()
    parameters = {name.replace("__", "."): value for name, value in domain.items()}
    for seed in seeds:
        env.reset(seed=seed, options={"domain": parameters})
        while True:
            _, _, terminated, truncated, info = env.step(env.expert_action())
            if terminated or truncated:
                break
        ends[info["failure_mode"]] += 1
    return ends


# -- Mechanics ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.004])
@pytest.mark.parametrize(("friction", "start_speed"), [(0.02, 0.3), (0.04, 0.45), (0.08, 0.6), (0.3, 0.9)])
def test_a_puck_stops_after_speed_squared_over_twice_friction_and_gravity(
    env: Any, timestep: float, friction: float, start_speed: float
) -> None:
    begin(env, (0.45, 0.2), (start_speed, 0.0), object__friction=friction, physics__timestep=timestep)
    while speed(env) >= REST_SPEED:
        env.step(STAY)
    rest = speed(env) ** 2 / (2.0 * friction * G)  # an episode ends a little before the puck rests
    expected = start_speed**2 / (2.0 * friction * G) - rest
    assert puck(env)[0] - 0.45 == pytest.approx(expected, rel=0.03, abs=start_speed * timestep)
    assert puck(env)[1:] == pytest.approx([0.2, HALF_HEIGHT], abs=2e-3)


def test_a_sliding_puck_rests_where_the_formula_says_in_every_direction(env: Any) -> None:
    for angle in (0.0, 0.4, -1.0):
        velocity = (0.4 * math.cos(angle), 0.4 * math.sin(angle))
        begin(env, (0.5, 0.1), velocity)
        played(env)
        assert puck(env)[:2] == pytest.approx(resting_place((0.5, 0.1), velocity), abs=0.006)


def test_friction_of_the_table_counts_as_much_as_that_of_the_puck(env: Any) -> None:
    begin(env, (0.45, 0.2), (0.4, 0.0), object__friction=0.075, table__friction=0.8)
    played(env)
    assert puck(env)[0] == pytest.approx(resting_place((0.45, 0.2), (0.4, 0.0), FRICTION)[0], abs=0.01)


def test_a_struck_puck_neither_rolls_nor_tumbles(env: Any) -> None:
    begin(env, (0.42, 0.0))
    tilt = []
    for _ in range(30):
        env.step(np.array([1.0 if puck(env)[0] < 0.5 else -0.3, 0.0], dtype=np.float32))
        x, y, _, _ = env.state().object_poses["object"][3:]
        tilt.append(2.0 * math.hypot(x, y))
        assert abs(puck(env)[2] - HALF_HEIGHT) < 0.004
    assert max(tilt) < 0.08
    assert speed(env) > 0.05


def test_the_tool_alone_cannot_carry_a_puck_to_any_goal(env: Any) -> None:
    begin(env, (0.42, 0.0), object__friction=0.5)  # sticky: the puck stops where the tool does
    for _ in range(60):
        env.step(np.array([0.3, 0.0], dtype=np.float32))
    nearest = min(env.task.sample(np.random.default_rng(seed)).values["goal"][0] for seed in range(300))
    assert puck(env)[0] > 0.55
    assert nearest - puck(env)[0] > TOLERANCE


# -- How episodes end --------------------------------------------------------------------------------------------


def test_success_is_a_puck_near_the_goal_and_at_rest(env: Any) -> None:
    begin(env, (0.6, 0.1), (0.4, 0.0), goal=(0.77, 0.1))
    near, speeds = [], []
    while True:
        _, reward, terminated, _, info = env.step(STAY)
        near.append(abs(puck(env)[0] - 0.77) < TOLERANCE)
        speeds.append(speed(env))
        if terminated:
            break
    assert (info["is_success"], info["failure_mode"]) == (True, "none")
    assert sum(near) > 1
    assert speeds[-1] < REST_SPEED <= speeds[-2]
    assert reward > 9.0
    assert info["outcome"]["object_x"] == pytest.approx(puck(env)[0])
    assert info["outcome"]["slide_time"] == pytest.approx(info["outcome"]["duration"], abs=0.09)


def test_a_puck_that_crosses_the_goal_rests_out_of_reach(env: Any) -> None:
    begin(env, (0.6, 0.1), (0.6, 0.0), goal=(0.75, 0.1))
    info = played(env)
    assert (info["is_success"], info["failure_mode"]) == (False, "out_of_reach")
    assert puck(env)[0] == pytest.approx(resting_place((0.6, 0.1), (0.6, 0.0))[0], abs=0.01)


def test_a_puck_at_rest_within_reach_may_be_struck_again(env: Any) -> None:
    begin(env, (0.42, 0.1), (0.2, 0.0))
    info = played(env)
    assert info["failure_mode"] == "timeout"
    assert info["outcome"]["duration"] == pytest.approx(env.horizon * 0.04)
    assert info["outcome"]["onset"] == pytest.approx(0.04)


def test_a_puck_that_slides_over_the_edge_has_dropped(env: Any) -> None:
    begin(env, (0.7, 0.4), (0.2, 1.5), object__friction=0.02)
    assert played(env)["failure_mode"] == "drop"


def test_a_start_inside_the_table_or_beside_it_is_refused(env: Any) -> None:
    with pytest.raises(StateError, match="into the table"):
        env.reset(options={"start": {"object.pose": [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]}})
    with pytest.raises(StateError, match="beside the table"):
        begin(env, (0.9, 0.7))


def test_the_reward_of_a_free_slide_is_nearly_nothing(env: Any) -> None:
    begin(env, (0.6, 0.1), (0.4, 0.0), goal=(0.77, 0.1))
    rewards = [env.step(STAY)[1] for _ in range(8)]
    assert np.abs(rewards).max() < 0.1  # the place of rest has been known from the start


# -- The expert --------------------------------------------------------------------------------------------------


def test_the_expert_solves_most_episodes(env: Any) -> None:
    assert expert_failures(env, range(20))["none"] >= 18


@pytest.mark.slow
def test_the_expert_solves_95_of_100_episodes(env: Any) -> None:
    assert expert_failures(env, range(100))["none"] >= 95


def test_the_expert_who_cannot_see_friction_misses_where_it_is_another(env: Any) -> None:
    assert expert_failures(env, range(8), object__friction=0.03)["none"] <= 2


def test_the_expert_is_a_function_of_the_state_alone(env: Any) -> None:
    env.reset(seed=1)
    for _ in range(12):
        action = env.expert_action()
        assert (env.expert_action() == action).all()
        env.step(action)
