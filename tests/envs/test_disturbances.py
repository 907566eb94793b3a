"""Disturbances against their closed forms, and what they do to a world."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sim2real_envs.actuators import PARAMETERS as ACTUATOR_PARAMETERS
from sim2real_envs.actuators import Actuators
from sim2real_envs.arms import PANDA
from sim2real_envs.arms.urdf import merged
from sim2real_envs.backends import Backend, make_backend
from sim2real_envs.backends.base import Disturbance
from sim2real_envs.control import CONTROL_PERIOD
from sim2real_envs.disturbances import NOTHING, PROBE_WITH, PULSE, Disturbances
from sim2real_envs.kinematics import Kinematics, rotation_from_rpy
from sim2real_envs.parameters import Array
from sim2real_envs.scene import TABLE, Body, Scene
from sim2real_envs.state import WorldState

JACOBIAN = np.vstack([np.eye(3, 7), np.zeros((3, 7))])  # the torque of joints 1 to 3 is the force
CUBE = Body("object", (0.025, 0.025, 0.025), (0.5, 0.0, 50.0), 0.2)
HOME = np.array(PANDA.home)


def disturbances(**domain: float) -> Disturbances:
    """Return disturbances of a world with an object; ``domain`` without the prefix."""
    part = Disturbances(CONTROL_PERIOD, has_object=True)
    part.apply(part.parameters.complete({f"disturbance.{name}": value for name, value in domain.items()}))
    return part


def episode(part: Disturbances, seconds: float, seed: int = 0) -> list[Disturbance]:
    """Return what acts in every period of an episode."""
    part.reset(np.random.default_rng(seed))
    return [part.step(JACOBIAN) for _ in range(round(seconds / CONTROL_PERIOD))]


# -- What is drawn -----------------------------------------------------------------------------------------------


def test_nominal_disturbances_do_nothing() -> None:
    part = disturbances()
    assert not part.active
    assert episode(part, 2.0) == [NOTHING] * 50


def test_every_value_is_read_back_and_applying_twice_is_applying_once() -> None:
    part = Disturbances(CONTROL_PERIOD, has_object=True)
    for position in (0.0, 0.3, 1.0):
        domain = part.parameters.to_domain(part.parameters.from_unit(np.full(len(part.parameters), position)))
        part.apply(domain)
        part.apply(domain)
        assert part.applied() == domain
        assert tuple(part.applied()) == part.parameters.names


def test_a_world_without_an_object_or_without_gains_lacks_their_parameters() -> None:
    bare = Disturbances(CONTROL_PERIOD, has_object=False, has_gains=False)
    assert bare.parameters.names == (
        "disturbance.arm_push",
        "disturbance.arm_push_rate",
        "disturbance.payload",
        "disturbance.payload_onset",
    )
    bare.apply(bare.parameters.nominal())
    assert not bare.active
    named = {other for name, with_it in PROBE_WITH.items() for other in with_it}
    assert named < set(disturbances().parameters)


@pytest.mark.parametrize("rate", [0.5, 2.0, 20.0])
def test_pushes_come_at_their_rate(rate: float) -> None:
    seconds = 4000.0 / rate
    pushes = episode(disturbances(object_push=0.01, object_push_rate=rate), seconds)
    sizes = np.array([math.hypot(*push.object_impulse) for push in pushes])
    # A period is without a push with probability exp(-rate period), Poisson.
    empty, expected = float((sizes == 0.0).mean()), math.exp(-rate * CONTROL_PERIOD)
    assert empty == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1.0 - expected) / len(sizes)))


def test_the_time_between_two_pushes_is_exponential() -> None:
    rate = 0.5
    pushes = episode(disturbances(object_push=0.01, object_push_rate=rate), 4000.0)
    times = np.flatnonzero([any(push.object_impulse) for push in pushes]) * CONTROL_PERIOD
    waits = np.diff(times)
    error = 4.0 / rate / math.sqrt(len(waits))
    assert waits.mean() == pytest.approx(1.0 / rate, abs=error + CONTROL_PERIOD)
    assert np.quantile(waits, 0.5) == pytest.approx(math.log(2.0) / rate, abs=error + CONTROL_PERIOD)


def test_an_impulse_has_its_size_and_any_horizontal_direction() -> None:
    pushes = episode(disturbances(object_push=0.03, object_push_rate=1.0), 2000.0)
    impulses = np.array([push.object_impulse for push in pushes if any(push.object_impulse)])
    sizes = np.linalg.norm(impulses, axis=1)
    assert (impulses[:, 2] == 0.0).all()
    assert np.median(sizes) == pytest.approx(0.03)  # only where two fall into one period is it another
    assert (np.abs(sizes - 0.03) < 1e-12).mean() > 0.95
    assert impulses.mean(axis=0) / 0.03 == pytest.approx(np.zeros(3), abs=4.0 / math.sqrt(2.0 * len(impulses)))
    assert (impulses[:, 0] ** 2).mean() == pytest.approx((impulses[:, 1] ** 2).mean(), rel=0.15)


def test_a_push_on_the_arm_is_a_force_of_its_size_for_its_time() -> None:
    pushes = episode(disturbances(arm_push=10.0, arm_push_rate=0.1), 4000.0)
    forces = np.array([push.arm_torque[:3] if push.arm_torque else (0.0, 0.0, 0.0) for push in pushes])
    acting = np.linalg.norm(forces, axis=1) > 0.0
    starts = np.flatnonzero(acting & ~np.roll(acting, 1))
    lengths = [int(np.argmin(acting[start:])) for start in starts[:-1].tolist()]
    assert np.median(lengths) * CONTROL_PERIOD == pytest.approx(PULSE)
    single = forces[starts]
    single = single[np.abs(np.linalg.norm(single, axis=1) - 10.0) < 1e-9]  # not two in one period
    assert len(single) > 0.95 * len(starts)
    heights = single[:, 2] / 10.0  # uniform on the sphere: uniform in height, variance 1/3
    assert heights.mean() == pytest.approx(0.0, abs=4.0 / math.sqrt(3.0 * len(heights)))
    assert (heights**2).mean() == pytest.approx(1.0 / 3.0, abs=0.08)


def test_drifts_are_exponential() -> None:
    acting = episode(disturbances(friction_drift=-0.1, stiffness_drift=0.05), 4.0)
    time = np.arange(len(acting)) * CONTROL_PERIOD
    assert [push.friction_factor for push in acting] == pytest.approx(np.exp(-0.1 * time))
    assert [push.stiffness_factor for push in acting] == pytest.approx(np.exp(0.05 * time))
    assert not any(any(push.object_impulse) or push.arm_torque or push.payload for push in acting)


def test_a_payload_acts_from_the_start_or_from_a_moment_drawn_evenly() -> None:
    assert all(push.payload == 0.5 for push in episode(disturbances(payload=0.5), 2.0))
    part = disturbances(payload=0.5, payload_onset=2.0)
    onsets = []
    for seed in range(400):
        loads = [push.payload for push in episode(part, 2.4, seed)]
        onsets.append(loads.index(0.5) * CONTROL_PERIOD)
        assert loads == sorted(loads)
    assert np.mean(onsets) == pytest.approx(1.0 + CONTROL_PERIOD / 2.0, abs=4.0 * 2.0 / math.sqrt(12.0 * 400))
    assert np.std(onsets) == pytest.approx(2.0 / math.sqrt(12.0), rel=0.1)


def test_the_same_stream_gives_the_same_disturbances_whatever_the_others_do() -> None:
    both = episode(disturbances(object_push=0.02, arm_push=5.0), 60.0)
    assert both == episode(disturbances(object_push=0.02, arm_push=5.0), 60.0)
    alone = episode(disturbances(object_push=0.02), 60.0)
    assert [push.object_impulse for push in alone] == [push.object_impulse for push in both]
    more = episode(disturbances(object_push=0.02, object_push_rate=2.0, arm_push=5.0, payload=1.0), 60.0)
    assert [push.arm_torque for push in more] == [push.arm_torque for push in both]
    stronger = episode(disturbances(object_push=0.04, arm_push=5.0), 60.0)
    assert np.array([push.object_impulse for push in stronger]) == pytest.approx(
        2.0 * np.array([push.object_impulse for push in both])
    )


@pytest.mark.parametrize("name", disturbances().parameters.names)
def test_every_parameter_matters(name: str) -> None:
    parameter = disturbances().parameters[name]
    short = {other.removeprefix("disturbance."): value for other, value in PROBE_WITH.get(name, {}).items()}
    short_name = name.removeprefix("disturbance.")
    low, high = (episode(disturbances(**short, **{short_name: end}), 4.0) for end in (parameter.low, parameter.high))
    assert low != high


# -- What it does to a world -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Backend, Actuators]]:
    backend = make_backend("bullet", Scene(PANDA, TABLE, (CUBE,)), CONTROL_PERIOD, 0.002)
    backend.apply(backend.parameters.nominal())
    motors = Actuators(PANDA)
    motors.bind(backend.joint_inertia(), backend.timestep)
    motors.apply(ACTUATOR_PARAMETERS.complete({"joint.friction": 0.0}))
    yield backend, motors
    backend.close()


def settled(world: tuple[Backend, Actuators], disturbance: Disturbance, periods: int = 50) -> Any:
    """Return the reading after the arm was held at home for ``periods`` under ``disturbance``."""
    backend, motors = world
    start = WorldState({"joint.position": HOME, "object.pose": np.array([0.7, 0.3, 0.025, 0.0, 0.0, 0.0, 1.0])})
    backend.reset(start)
    motors.reset(start)
    for period in range(periods):
        backend.disturb(disturbance if period == 0 else Disturbance(payload=disturbance.payload))
        backend.advance(motors.law, motors.schedule(HOME.tolist(), backend.substeps), backend.substeps)
    return backend.read()


def test_an_impulse_sends_the_object_as_far_as_friction_lets_it(world: tuple[Backend, Actuators]) -> None:
    body = settled(world, Disturbance(object_impulse=(0.0, 0.1, 0.0)), 25).bodies[0]
    expected = (0.1 / 0.2) ** 2 / (2.0 * 0.5 * 9.81)  # v^2 / (2 mu g)
    assert body.position[1] - 0.3 == pytest.approx(expected, rel=0.05)
    assert body.position[0] == pytest.approx(0.7, abs=1e-3)


def test_a_payload_makes_the_arm_sag_because_the_controller_does_not_know_it(
    world: tuple[Backend, Actuators],
) -> None:
    free = np.array(settled(world, Disturbance()).joint_position)
    loaded = np.array(settled(world, Disturbance(payload=0.5)).joint_position)
    backend, motors = world
    softer = np.array([row[0] for row in motors.law.constants(backend.timestep)])  # I / A: the law expects to move
    torque = softer * np.array(motors.law.stiffness) * (HOME - loaded)
    assert free == pytest.approx(HOME, abs=1e-4)
    assert loaded[1] - HOME[1] > 1e-3
    assert torque == pytest.approx(0.5 * 9.81 * _lever_of_the_hand(loaded), abs=0.02)


def _lever_of_the_hand(joints: Array) -> Array:
    """Return by how much the centre of mass of last link and hand rises with each joint, (n,) m per rad."""
    hand, rotation = np.array(PANDA.hand_xyz), rotation_from_rpy(PANDA.hand_rpy)
    com = merged(PANDA.joints[-1].inertia, PANDA.hand_inertia, PANDA.hand_xyz, PANDA.hand_rpy).com
    from_tool = rotation.T @ (np.array(com) - hand) - np.array(PANDA.tool_xyz)  # in the frame of the hand
    kinematics, width = Kinematics(PANDA), 1e-6

    def height(position: Array) -> float:
        tool = kinematics.tool(position)
        return float((tool.position + tool.rotation @ from_tool)[2])

    steps = np.eye(PANDA.size) * width
    return np.array([(height(joints + step) - height(joints - step)) / (2.0 * width) for step in steps])
