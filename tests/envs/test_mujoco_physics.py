"""MuJoCo's arm obeys the joint law, and its objects mechanics: each against a closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real_envs.actuators import PARAMETERS, Actuators
from sim2real_envs.arms import PANDA
from sim2real_envs.backends import make_backend
from sim2real_envs.backends.base import Disturbance
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.peg_insert import DEPTH, HALF_LENGTH, tip_of

mujoco: Any = pytest.importorskip("mujoco")
HOME = np.array(PANDA.home)
TIMESTEPS = (0.001, 0.002, 0.005, 0.01)  # [s]
G, EDGE, MASS = 9.81, 0.05, 0.2
CUBE = Body("object", (EDGE / 2, EDGE / 2, EDGE / 2), (0.5, 0.3, EDGE / 2), MASS)


@pytest.fixture(scope="module")
def world() -> Iterator[Any]:
    made = make_backend("mujoco", Scene(PANDA, TABLE, (CUBE,)), CONTROL_PERIOD, 0.002)
    yield made
    made.close()


def actuators(world: Any, timestep: float = 0.002, kind: Any = "position", **changes: float) -> Actuators:
    """Return motors for ``world``; ``changes`` are names with ``__`` for the dot."""
    domain = {name.replace("__", "."): value for name, value in changes.items()}
    in_world = {name: value for name, value in domain.items() if name in world.parameters}
    world.apply(world.parameters.complete({"physics.timestep": timestep, **in_world}))
    motors = Actuators(PANDA, kind=kind)
    motors.bind(world.joint_inertia(), world.timestep)
    motors.apply(PARAMETERS.complete({name: value for name, value in domain.items() if name in PARAMETERS}))
    return motors


def begin(world: Any, motors: Actuators, pose: Any = (0.7, 0.3, EDGE / 2, 0, 0, 0, 1), twist: Any = (0,) * 6) -> None:
    start = WorldState({"joint.position": HOME, "object.pose": np.array(pose), "object.twist": np.array(twist)})
    world.reset(start)
    motors.reset(start)


def run(world: Any, motors: Actuators, target: Array, periods: int) -> None:
    """Let the motors follow one target (n,)."""
    for _ in range(periods):
        world.advance(motors.law, motors.schedule(target.tolist(), world.substeps), world.substeps)


# -- Joints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_friction_leaves_a_static_error_of_friction_over_stiffness_at_every_timestep(
    world: Any, timestep: float
) -> None:
    friction, joint = 3.0, 3
    motors = actuators(world, timestep, joint__friction=friction, actuator__damping_scale=2.0)
    begin(world, motors)
    way = np.eye(PANDA.size)[joint] * 0.024
    for share in np.linspace(0.0, 1.0, 31)[1:]:
        run(world, motors, HOME + share * way, 1)
    run(world, motors, HOME + way, 30)
    error = (HOME + way)[joint] - world.read().joint_position[joint]
    assert error == pytest.approx(friction / PANDA.joints[joint].stiffness, rel=2e-3)
    assert abs(world.read().joint_velocity[joint]) < 1e-5


@pytest.mark.parametrize("timestep", TIMESTEPS)
@pytest.mark.parametrize("armature", [0.06, 0.2])
def test_the_law_is_stable_at_every_timestep(world: Any, timestep: float, armature: float) -> None:
    motors = actuators(world, timestep, joint__friction=0.0, joint__armature=armature)
    begin(world, motors)
    rng = np.random.default_rng(0)
    for _ in range(10):
        run(world, motors, HOME + 0.1 * rng.choice([-1.0, 1.0], PANDA.size), 1)
    run(world, motors, HOME, 60)
    assert world.read().joint_position == pytest.approx(HOME, abs=1e-3)
    assert np.abs(world.read().joint_velocity).max() < 5e-3


@pytest.mark.parametrize("gravity", [-9.81, -9.0, 0.0])
def test_the_controller_carries_the_nominal_weight_at_nominal_gravity(world: Any, gravity: float) -> None:
    motors = actuators(world, joint__friction=0.0, physics__gravity=gravity)
    begin(world, motors)
    run(world, motors, HOME, 50)
    sag = np.abs(np.array(world.read().joint_position) - HOME).max()
    if gravity == -9.0:
        assert sag > 1e-3  # it lifts 8 % more than there is
    else:
        assert sag < 1e-6


def test_a_payload_bends_every_joint_by_its_weight_over_the_stiffness(world: Any) -> None:
    motors = actuators(world, joint__friction=0.0)
    begin(world, motors)
    world.disturb(Disturbance(payload=0.5))
    run(world, motors, HOME, 60)
    torque = np.array(motors.law.stiffness) * (HOME - np.array(world.read().joint_position))
    model, data = world._model, world._data
    hand = model.body("link7").id
    jacobian = np.zeros((3, model.nv))
    mujoco.mj_jacBodyCom(model, data, jacobian, None, hand)
    assert torque == pytest.approx(0.5 * G * jacobian[2, :7], abs=0.01)
    world.disturb(Disturbance())
    run(world, motors, HOME, 60)
    assert world.read().joint_position == pytest.approx(HOME, abs=1e-5)


def test_torque_limits_hold_for_feedback_and_weight_together(world: Any) -> None:
    motors = actuators(world, actuator__strength_scale=0.5)
    begin(world, motors)
    run(world, motors, HOME + 3.0, 1)
    driven = world._data.qfrc_actuator[: PANDA.size]
    assert np.abs(driven) == pytest.approx([0.5 * joint.effort for joint in PANDA.joints])


def test_a_torque_accelerates_a_joint_by_its_inertia(world: Any) -> None:
    motors = actuators(world, kind="torque", joint__friction=0.0, joint__damping=0.0)
    begin(world, motors)
    torque = np.eye(PANDA.size)[0] * 5.0
    run(world, motors, torque, 1)
    wanted = np.linalg.solve(world._parameters.masses(HOME)[:7, :7], torque) * CONTROL_PERIOD
    assert world.read().joint_velocity == pytest.approx(wanted, abs=0.02 * wanted[0])
    assert world.state().joint_torque == pytest.approx(torque + world._data.qfrc_gravcomp[:7], abs=0.05)


def test_a_delayed_command_acts_later_by_the_delay(world: Any) -> None:
    target = HOME + np.eye(PANDA.size)[6] * 0.1
    prompt = actuators(world)
    begin(world, prompt)
    world.advance(prompt.law, [(0, target.tolist())], 8)
    moved = world.read().joint_position[6] - HOME[6]
    late = actuators(world, actuator__delay=0.024)  # 12 of 20 steps
    begin(world, late)
    run(world, late, target, 1)
    assert moved > 1e-3
    assert world.read().joint_position[6] - HOME[6] == pytest.approx(moved, rel=1e-3)


# -- Objects -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mass", [0.05, 0.5])
@pytest.mark.parametrize("stiffness", [5e3, 1e5])
def test_a_cube_sinks_by_its_weight_over_the_stiffness_of_its_four_contacts(
    world: Any, mass: float, stiffness: float
) -> None:
    motors = actuators(world, object__mass=mass, physics__contact_stiffness=stiffness)
    begin(world, motors)
    run(world, motors, HOME, 10)
    sunk = EDGE / 2 - world.read().bodies[0].position[2]
    assert sunk == pytest.approx(mass * G / (4.0 * stiffness), rel=1e-3)


@pytest.mark.parametrize("timestep", [0.001, 0.004])
def test_a_hard_landing_gives_back_what_spring_and_damper_do(world: Any, timestep: float) -> None:
    """Of one step: f = -(K r + (D + h K) (v + h g)) / (1 + h (D + h K) n / m), n contacts."""
    stiffness, damping, speed, depth = 1e4, 300.0, -0.5, 1e-4
    motors = actuators(
        world, timestep, physics__contact_stiffness=stiffness, physics__contact_damping=damping, object__friction=0.01
    )
    begin(world, motors, (0.7, 0.3, EDGE / 2 - depth, 0, 0, 0, 1), (0, 0, speed, 0, 0, 0))
    world.advance(motors.law, [(0, HOME.tolist())], 1)
    both = damping + 0.1 + timestep * stiffness
    force = (stiffness * depth - both * (speed - timestep * G)) / (1.0 + 4.0 * timestep * both / MASS)
    after = speed + timestep * (4.0 * force / MASS - G)
    assert world.read().bodies[0].velocity[2] == pytest.approx(after, rel=1e-3)


def test_spinning_friction_is_a_torque_of_its_coefficient_times_the_weight(world: Any) -> None:
    spin, start = 0.01, 10.0
    motors = actuators(world, object__friction=0.01, object__spinning_friction=spin)
    begin(world, motors, twist=(0, 0, 0, 0, 0, start))
    for _ in range(10):
        world.advance(motors.law, [(0, HOME.tolist())], 1)
    lost = (start - world.read().bodies[0].spin[2]) / (10 * 0.002)
    assert lost * MASS * EDGE**2 / 6.0 == pytest.approx(spin * MASS * G, rel=0.05)


def test_a_fast_sliding_cube_stays_on_the_table(world: Any) -> None:
    motors, heights = actuators(world, object__friction=0.5), []
    begin(world, motors, (0.3, 0.4, EDGE / 2, 0, 0, 0, 1), (1.0, 0, 0, 0, 0, 0))
    for _ in range(100):
        world.advance(motors.law, [(0, HOME.tolist())], 1)
        heights.append(world.read().bodies[0].position[2])
    assert max(heights) < EDGE / 2 + 2e-5


def test_an_impulse_moves_the_object_and_drift_changes_how_far(world: Any) -> None:
    motors, ways = actuators(world), []
    for factor in (1.0, 0.5):
        begin(world, motors)
        world.disturb(Disturbance(object_impulse=(0.0, 0.1, 0.0), friction_factor=factor))
        for _ in range(25):
            run(world, motors, HOME, 1)
        ways.append(world.read().bodies[0].position[1] - 0.3)
    assert ways == pytest.approx([(0.1 / MASS) ** 2 / (2.0 * mu * G) for mu in (0.5, 0.25)], rel=0.05)


def test_the_velocity_of_an_object_is_that_of_its_centre_of_mass(world: Any) -> None:
    motors = actuators(world, object__com_offset_x=0.02, physics__gravity=0.0)
    quarter = math.sqrt(0.5)
    twist = (0.1, 0.2, 0.3, 1.0, 2.0, 3.0)
    begin(world, motors, (0.5, 0.3, 0.5, 0, 0, quarter, quarter), twist)
    body = world.read().bodies[0]
    assert [*body.velocity, *body.spin] == pytest.approx(twist, abs=1e-12)
    centre = np.array(body.position) + np.array([0.0, 0.02, 0.0])  # turned by a quarter about z
    world.advance(motors.law, [(0, HOME.tolist())], 1)
    after = world.read().bodies[0]
    turned = np.zeros(3)
    mujoco.mju_rotVecQuat(turned, np.array([0.02, 0, 0]), np.array(after.orientation)[[3, 0, 1, 2]])
    assert np.array(after.position) + turned - centre == pytest.approx(0.002 * np.array(twist[:3]), abs=1e-6)


@pytest.mark.parametrize("clearance", [0.0005, 0.003])
@pytest.mark.parametrize("size", [0.9, 1.0])
def test_walls_begin_at_the_clearance(clearance: float, size: float) -> None:
    env: Any = sim2real_envs.make("PandaPegInsert-v0", backend="mujoco").unwrapped
    moved = []
    for aside in (0.7 * clearance, clearance + 5e-4):
        start = {
            "hole.pose": [0.55, 0.12, DEPTH, 0.0, 0.0, 0.0, 1.0],
            "object.pose": [0.55 + aside, 0.12, DEPTH - 0.02 + HALF_LENGTH * size, 0.0, 0.0, 0.0, 1.0],
            "finger.position": [0.04, 0.04],
        }
        env.reset(seed=0, options={"start": start, "domain": {"hole.clearance": clearance, "object.size": size}})
        env.step(np.zeros(7, np.float32))
        moved.append(tip_of(env._reading.bodies[0])[0] - 0.55 - aside)
    assert abs(moved[0]) < 1e-5
    assert moved[1] < -1e-4
    env.close()


def test_fingers_feel_what_the_engine_says_of_every_contact() -> None:
    env: Any = sim2real_envs.make("PandaPickAndPlace-v0", backend="mujoco", horizon=200).unwrapped
    env.reset(seed=0)
    half = env.task.scene.objects[0].half_extents[1]
    start = {"object.pose": np.array([*env.state().tool_position, 0, 0, 0, 1.0]), "finger.command": np.zeros(1)}
    env.reset(seed=0, options={"start": start | {"finger.position": np.full(2, half)}})
    for _ in range(5):
        env.step(np.array([0.5, 0.5, 1.0, -1.0], np.float32))
    model, data = env._backend._model, env._backend._data
    fingers = [model.body(finger.name).id for finger in PANDA.fingers]
    felt = np.zeros((2, 3))
    for index in range(data.ncon):
        contact, force = data.contact[index], np.zeros(6)
        mujoco.mj_contactForce(model, data, index, force)
        on_second = contact.frame.reshape(3, 3).T @ force[:3]  # along the normal, from the first geom to the second
        for geom, sign in ((contact.geom2, 1.0), (contact.geom1, -1.0)):
            if model.geom_bodyid[geom] in fingers:
                felt[fingers.index(model.geom_bodyid[geom])] += sign * on_second
    assert np.abs(felt).max() > 30.0
    assert env.state().finger_forces == pytest.approx(felt, abs=1e-9)
    env.close()


def test_a_touched_table_is_noticed() -> None:
    env: Any = sim2real_envs.make("PandaPush-v0", backend="mujoco", control="joint_delta", horizon=8).unwrapped
    env.reset(seed=0)
    down = np.zeros(7, np.float32)
    down[1] = 1.0
    for _ in range(8):
        *_, terminated, truncated, info = env.step(down)
        if terminated or truncated:
            break
    assert info["failure_mode"] == "collision"
    env.close()
