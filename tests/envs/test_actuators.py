"""The joint law against its equations and in the engine; delay and backlash step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sim2real_envs.actuators import PARAMETERS, Actuators
from sim2real_envs.arms import PANDA
from sim2real_envs.backends import Backend, make_backend
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Scene
from sim2real_envs.state import WorldState

HOME = np.array(PANDA.home)
TIMESTEPS = (0.001, 0.002, 0.005, 0.01)  # s


@pytest.fixture(scope="module")
def world() -> Iterator[Backend]:
    backend = make_backend("bullet", Scene(PANDA, TABLE), CONTROL_PERIOD, 0.002)
    yield backend
    backend.close()


def actuators(world: Backend, timestep: float, **changes: float) -> Actuators:
    """Return motors for ``world`` at ``timestep``; ``changes`` are names with ``__`` for the dot."""
    domain = {name.replace("__", "."): value for name, value in changes.items()}
    in_world = {name: value for name, value in domain.items() if name in world.parameters}
    world.apply(world.parameters.complete({"physics.timestep": timestep, **in_world}))
    motors = Actuators(PANDA)
    motors.bind(world.joint_inertia(), world.timestep)
    motors.apply(PARAMETERS.complete({name: value for name, value in domain.items() if name in PARAMETERS}))
    return motors


def run(world: Backend, motors: Actuators, target: Array, periods: int) -> None:
    """Let the motors follow one joint target (n,)."""
    for _ in range(periods):
        world.advance(motors.law, motors.schedule(target.tolist(), world.substeps), world.substeps)


def begin(world: Backend, motors: Actuators, **values: Array) -> None:
    """Start at home, or where ``values`` say."""
    start = WorldState({"joint.position": HOME, **{name.replace("_", "."): value for name, value in values.items()}})
    world.reset(start)
    motors.reset(start)


# -- The law in the engine ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_friction_leaves_a_static_error_of_friction_over_stiffness_at_every_timestep(
    world: Backend, timestep: float
) -> None:
    friction, joint = 3.0, 3
    motors = actuators(world, timestep, joint__friction=friction, actuator__damping_scale=2.0)  # overdamped
    begin(world, motors)
    way = np.eye(PANDA.size)[joint] * 0.024
    for share in np.linspace(0.0, 1.0, 31)[1:]:  # slowly, so that no other joint is stirred
        run(world, motors, HOME + share * way, 1)
    run(world, motors, HOME + way, 30)
    error = (HOME + way)[joint] - world.read().joint_position[joint]
    assert error == pytest.approx(friction / PANDA.joints[joint].stiffness, rel=2e-3)
    assert abs(world.read().joint_velocity[joint]) < 1e-4


@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_a_command_within_friction_moves_nothing(world: Backend, timestep: float) -> None:
    motors = actuators(world, timestep, joint__friction=3.0)
    begin(world, motors)
    run(world, motors, HOME + np.eye(PANDA.size)[0] * 0.9 * 3.0 / PANDA.joints[0].stiffness, 10)
    assert world.read().joint_position[0] == pytest.approx(HOME[0], abs=1e-5)


@pytest.mark.parametrize("timestep", [*TIMESTEPS, 0.004])
@pytest.mark.parametrize("armature", [0.06, 0.2])
def test_the_law_is_stable_at_every_timestep(world: Backend, timestep: float, armature: float) -> None:
    motors = actuators(world, timestep, joint__friction=0.0, joint__armature=armature)
    begin(world, motors)
    rng = np.random.default_rng(0)
    for _ in range(10):
        run(world, motors, HOME + 0.1 * rng.choice([-1.0, 1.0], PANDA.size), 1)
    run(world, motors, HOME, 60)
    assert world.read().joint_position == pytest.approx(HOME, abs=1e-3)
    assert np.abs(world.read().joint_velocity).max() < 5e-3


@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_gravity_compensation_holds_the_nominal_arm_at_home_without_friction(world: Backend, timestep: float) -> None:
    motors = actuators(world, timestep, joint__friction=0.0)
    begin(world, motors)
    run(world, motors, HOME, 25)
    assert world.read().joint_position == pytest.approx(HOME, abs=1e-3)


def test_a_heavier_arm_sags_because_the_controller_compensates_the_nominal_weight(world: Backend) -> None:
    motors = actuators(world, 0.002, joint__friction=0.0, joint__mass_scale=1.2)
    begin(world, motors)
    run(world, motors, HOME, 40)
    sag = np.array(world.read().joint_position) - HOME
    assert sag[1] > 5e-3  # joint 2 carries the arm forward and down


# -- The law against its equations -------------------------------------------------------------------------------


def torques_by_the_book(law: Any, dt: float, q: Array, v: Array, wanted: Array) -> tuple[list[float], int]:
    """Return the torques (n,) of the equations in the module's docstring, without gravity, and how many saturate."""
    torques, saturated = [], 0
    for j in range(len(q)):
        inertia, kp, kd = law.inertia[j], law.stiffness[j], law.damping[j]
        b, fc, strength = law.viscous, law.friction, law.strength[j]
        e = wanted[j] - q[j]
        a = inertia + dt * (kd + b) + dt**2 * kp
        free = (inertia * v[j] + dt * kp * e) / a
        after = np.sign(free) * max(abs(free) - dt * fc / a, 0.0)
        drive = kp * (e - dt * after) - kd * after
        r = inertia * (after - v[j]) / dt - (drive - b * after)
        motor = min(max(drive, -strength), strength)
        saturated += motor != drive
        torques.append(motor - b * after + min(max(r, -fc), fc))
    return torques, saturated


@pytest.mark.parametrize("timestep", [0.001, 0.002, 0.01])
@pytest.mark.parametrize("friction", [0.0, 0.5, 10.0])
def test_the_torque_is_that_of_the_documented_equations(world: Backend, timestep: float, friction: float) -> None:
    motors = actuators(world, timestep, joint__friction=friction, joint__damping=2.0, physics__gravity=0.0)
    rng, stuck, saturated = np.random.default_rng(1), 0, 0
    for _ in range(30):
        position, velocity = HOME + rng.uniform(-0.1, 0.1, 7), rng.choice([0.0, 0.02, 1.0]) * rng.normal(size=7)
        wanted = position + rng.choice([0.002, 0.05, 3.0]) * rng.normal(size=7)
        begin(world, motors, joint_position=position, joint_velocity=velocity)
        world.advance(motors.law, [(0, wanted.tolist())], 1)
        expected, saturates = torques_by_the_book(motors.law, timestep, position, velocity, wanted)
        assert world.state().joint_torque == pytest.approx(expected, rel=1e-9, abs=1e-9)
        stuck += sum(abs(motors.law.stiffness[j] * (wanted - position)[j]) < friction for j in range(7))
        saturated += saturates
    assert saturated > 10
    assert stuck > 10 or friction == 0.0


# -- Delay and backlash ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 1, 7, 19, 20, 21, 40, 53])
def test_a_command_acts_after_exactly_its_delay_in_physics_steps(world: Backend, delay: int) -> None:
    motors = actuators(world, 0.002, actuator__delay=delay * 0.002)
    assert motors.applied()["actuator.delay"] == pytest.approx(delay * 0.002, rel=1e-12)
    begin(world, motors)
    acting: list[float] = []  # the command in force at every physics step
    for period in range(1, 9):
        commands = motors.schedule([float(period)] * PANDA.size, 20)
        begins = [first for first, _ in commands]
        ends = [*begins[1:], 20]
        assert begins[0] == 0
        for (first, target), end in zip(commands, ends, strict=True):
            acting += [target[0]] * (end - first)
    issued = [HOME[0]] * delay + [float(period) for period in range(1, 9) for _ in range(20)]
    assert acting == issued[: 8 * 20]


def test_a_delayed_joint_starts_to_move_later_by_the_delay(world: Backend) -> None:
    target = HOME + np.eye(PANDA.size)[6] * 0.1
    prompt = actuators(world, 0.002)
    begin(world, prompt)
    world.advance(prompt.law, [(0, target.tolist())], 8)
    moved = world.read().joint_position[6] - HOME[6]
    late = actuators(world, 0.002, actuator__delay=0.024)  # 12 of 20 steps
    begin(world, late)
    run(world, late, target, 1)
    assert moved > 1e-3
    assert world.read().joint_position[6] - HOME[6] == pytest.approx(moved, rel=1e-3)


def test_commands_in_the_delay_line_survive_in_a_start(world: Backend) -> None:
    motors, other = (actuators(world, 0.002, actuator__delay=0.1) for _ in range(2))
    begin(world, motors)
    for value in (1.0, 2.0, 3.0):
        motors.schedule([value] * 7, 20)
    other.reset(WorldState({"joint.position": HOME}, commands=motors.commands()))
    for value in (4.0, 5.0, 6.0):
        assert motors.schedule([value] * 7, 20) == other.schedule([value] * 7, 20)


def test_backlash_holds_a_joint_until_the_play_is_taken_up(world: Backend) -> None:
    play = 0.01
    motors = actuators(world, 0.002, actuator__backlash=play)
    begin(world, motors)
    forth, back = np.linspace(0.0, 0.05, 51)[1:], np.linspace(0.05, 0.0, 51)[1:]
    acting = [motors.schedule((HOME + change).tolist(), 20)[0][1][0] - HOME[0] for change in (*forth, *back)]
    assert acting[:50] == pytest.approx(np.maximum(forth - play / 2, 0.0), abs=1e-12)  # half the play behind
    assert acting[50:] == pytest.approx(np.minimum(back + play / 2, 0.05 - play / 2), abs=1e-12)
