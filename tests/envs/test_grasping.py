"""A grasp is what it says: speed, force, no slip, at every timestep; a lost object ends an episode."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import sim2real_envs
from sim2real_envs.backends.base import BodyReading
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.gripper import FINGER_SPEED, GRIP_FORCE
from sim2real_envs.kinematics import ToolPose
from sim2real_envs.tasks.grasping import Lift

CLOSE, OPEN = np.array([0.0, 0.0, 0.0, -1.0], np.float32), np.array([0.0, 0.0, 0.0, 1.0], np.float32)
UP = np.array([0.0, 0.0, 0.5, -1.0], np.float32)


def made(name: str = "PandaPickAndPlace-v0", **options: Any) -> Any:
    """Return an environment without its wrappers."""
    return sim2real_envs.make(name, horizon=400, **options).unwrapped


def around_the_cube(env: Any, domain: dict[str, float] | None = None, **start: Any) -> None:
    """Begin with the open hand around the cube, which lies on the table, and a goal far away."""
    env.reset(seed=0)
    x, y, _ = env.state().tool_position
    place = {"object.pose": [x, y, 0.02, 0.0, 0.0, 0.0, 1.0], "goal": [0.5, 0.3, 0.3]} | start
    env.reset(seed=0, options={"domain": domain or {}, "start": place})
    while env.state().tool_position[2] > 0.021:
        env.step(np.array([0.0, 0.0, -0.3, 1.0], np.float32))
    for _ in range(15):
        env.step(np.append(np.clip([(x - env.state().tool_position[0]) * 10, 0.0, 0.0], -1, 1), 1.0).astype(np.float32))


def held(env: Any) -> str:
    """Close the hand and lift; return how the episode ended, ``"none"`` where it goes on."""
    for action in [CLOSE] * 20 + [UP] * 25:
        *_, terminated, _, info = env.step(action)
        if terminated:
            return str(info["failure_mode"])
    return "none"


def sideways(env: Any) -> NDArray[np.float64]:
    """Return the force on each finger along y [N]: the direction in which they close."""
    forces: NDArray[np.float64] = np.array(env.state().finger_forces)[:, 1]
    return np.abs(forces)


def test_fingers_close_at_the_stated_speed() -> None:
    env = made()
    env.reset(seed=0)
    positions = [env.state().finger_position.mean()]
    for _ in range(12):
        env.step(CLOSE)
        positions.append(env.state().finger_position.mean())
    speeds = -np.diff(positions)[2:] / CONTROL_PERIOD
    assert speeds == pytest.approx(FINGER_SPEED, rel=0.05)
    env.close()


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.003, 0.004])
def test_a_lifted_cube_feels_the_grip_force_and_stays_where_it_is(timestep: float) -> None:
    env = made()
    around_the_cube(env, {"physics.timestep": timestep})
    held(env)
    for _ in range(15):
        env.step(CLOSE)
    before, forces, speeds = env.state(), [], []
    for _ in range(25):
        env.step(CLOSE)
        forces.append(sideways(env))
        state = env.state()
        speeds.append(np.linalg.norm(state.object_twists["object"][:3] - state.tool_linear_velocity))
    after = env.state()
    assert state.object_poses["object"][2] > 0.1
    assert np.array(forces) == pytest.approx(GRIP_FORCE, rel=0.03)
    slip = (after.object_poses["object"][:3] - after.tool_position) - (
        before.object_poses["object"][:3] - before.tool_position
    )
    assert np.linalg.norm(slip) < 5e-4  # in a second
    assert max(speeds) < 2e-3
    env.close()


@pytest.mark.parametrize(
    "domain",
    [
        {"object.mass": 0.5, "object.friction": 0.3},
        {"object.size": 0.9},
        {"object.size": 1.1},
        {"physics.contact_stiffness": 5e3},
        {"physics.contact_stiffness": 1e5, "physics.contact_damping": 1000.0},
        {"actuator.strength_scale": 0.7},
    ],
)
def test_a_cube_does_not_fall_anywhere_in_the_ranges(domain: dict[str, float]) -> None:
    env = made()
    around_the_cube(env, domain)
    held(env)
    state = env.state()
    assert math.dist(state.object_poses["object"][:3], state.tool_position) < 0.012
    assert state.object_poses["object"][2] > 0.08
    env.close()


def test_the_grip_force_follows_the_strength_of_the_actuators() -> None:
    env = made()
    around_the_cube(env, {"actuator.strength_scale": 0.7})
    held(env)
    assert sideways(env) == pytest.approx(0.7 * GRIP_FORCE, rel=0.03)
    env.close()


def test_too_little_friction_lets_the_cube_slip() -> None:
    env = made()
    around_the_cube(env, {"object.friction": 0.01})
    assert held(env) in ("none", "drop")
    assert env.state().object_poses["object"][2] < env.state().tool_position[2] - 0.02
    env.close()


def test_an_opened_hand_drops_the_cube_and_ends_the_episode() -> None:
    env = made()
    around_the_cube(env)
    held(env)
    for _ in range(20):
        *_, terminated, _, info = env.step(OPEN)
        if terminated:
            break
    assert (terminated, info["failure_mode"], info["is_success"]) == (True, "drop", False)
    assert info["outcome"]["object_peak_height"] > 0.08
    env.close()


def test_a_cube_put_down_again_is_not_dropped() -> None:
    env = made()
    around_the_cube(env)
    held(env)
    while env.state().object_poses["object"][2] > 0.022:
        env.step(np.array([0.0, 0.0, -0.2, -1.0], np.float32))
    for action in [OPEN] * 15 + [np.array([0.0, 0.0, 0.5, 1.0], np.float32)] * 15:
        *_, terminated, _, info = env.step(action)
        assert (terminated, info["failure_mode"]) == (False, "none")
    env.close()


# -- The judgement of a lift -------------------------------------------------------------------------------------


@pytest.fixture
def tool() -> Callable[[float], ToolPose]:
    """Return a maker of tool poses at some height [m], pointing down."""
    down = np.diag([1.0, -1.0, -1.0])
    return lambda height: ToolPose(np.array([0.5, 0.0, height]), down, np.zeros((6, 7)))


def at(height: float, lean: float = 0.0) -> BodyReading:
    turn = (math.sin(lean / 2), 0.0, 0.0, math.cos(lean / 2))
    return BodyReading((0.5, 0.0, height), turn, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_an_object_that_turns_in_the_hand_is_an_unstable_grasp(tool: Callable[[float], ToolPose]) -> None:
    lift = Lift(0.02)
    assert lift.failure(at(0.02, lean=1.5), tool(0.02)) == "none"  # on whatever side it lies
    assert lift.failure(at(0.1, lean=1.5), tool(0.1)) == "none"
    assert lift.failure(at(0.1, lean=1.0), tool(0.1)) == "none"
    assert lift.failure(at(0.1, lean=0.8), tool(0.1)) == "unstable_grasp"


def test_an_object_is_dropped_only_where_it_was_lifted(tool: Callable[[float], ToolPose]) -> None:
    lift = Lift(0.02)
    assert lift.failure(at(0.02), tool(0.2)) == "none"
    assert lift.failure(at(0.1), tool(0.1)) == "none"
    assert lift.failure(at(0.04), tool(0.1)) == "drop"
    assert Lift(0.02).failure(at(-0.05), tool(0.1)) == "drop"
