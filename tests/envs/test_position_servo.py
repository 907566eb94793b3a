"""The servo against closed forms: statics, back-EMF, free swing, stiction, and friction that grows with the load."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim2real_envs.rigs.position_servo import PositionServo

PLAIN = PositionServo(
    gravity=-9.81,
    supply_voltage=7.4,
    motor_duty_per_error=0.0025,
    motor_max_duty=1.0,
    motor_constant=0.4,
    motor_resistance=4.0,
    motor_armature=0.002,
    joint_friction=0.0,
    joint_damping=0.0,
    joint_load_friction=0.0,
    joint_stribeck_friction=0.0,
    joint_stribeck_load_friction=0.0,
    joint_stribeck_velocity=0.2,
    joint_position_offset=0.0,
    load_mass=0.49,
    load_length=0.1,
)
STALL = 0.4 * 7.4 / 4.0  # Nm at full duty
WEIGHT = 0.49 * 9.81 * 0.1  # Nm when the arm is level


def run(
    servo: PositionServo, start: tuple[float, float], goal: float, gain: float, seconds: float, longest: float = 0.003
) -> list[tuple[float, float]]:
    spans = round(seconds / 0.005)
    return servo.run(start, [goal] * spans, [gain] * spans, [0.005] * spans, longest)


@pytest.mark.parametrize(("goal", "gain"), [(0.5, 100.0), (1.2, 400.0), (-1.0, 800.0)])
def test_at_rest_the_motor_carries_the_weight(goal: float, gain: float) -> None:
    position, velocity = run(PLAIN, (0.0, 0.0), goal, gain, 8.0)[-1]
    assert velocity == pytest.approx(0.0, abs=1e-6)
    assert STALL * 0.0025 * gain * (goal - position) == pytest.approx(WEIGHT * math.sin(position), rel=1e-6)


def test_an_offset_is_where_the_weight_hangs() -> None:
    servo = replace(PLAIN, joint_position_offset=0.1, joint_damping=0.05)
    assert run(servo, (0.3, 0.0), 0.0, 0.0, 10.0)[-1][0] == pytest.approx(-0.1, abs=1e-4)


def test_a_motor_at_its_largest_duty_stalls_where_the_weight_is_as_strong() -> None:
    servo = replace(PLAIN, motor_max_duty=0.4)
    assert run(servo, (0.0, 0.0), 3.0, 800.0, 8.0)[-1][0] == pytest.approx(math.asin(0.4 * STALL / WEIGHT), abs=1e-4)


def test_without_a_weight_it_turns_until_back_emf_equals_the_voltage() -> None:
    free = replace(PLAIN, load_mass=1e-9, motor_max_duty=0.5)
    assert run(free, (0.0, 0.0), 1e6, 800.0, 2.0)[-1][1] == pytest.approx(0.5 * 7.4 / 0.4, rel=1e-4)


def test_a_motor_that_is_off_lets_the_weight_swing_with_the_period_of_a_pendulum() -> None:
    angles = np.array([state[0] for state in run(PLAIN, (0.01, 0.0), 0.0, 0.0, 6.0, longest=0.0005)])
    crossings = np.flatnonzero((angles[:-1] > 0.0) & (angles[1:] <= 0.0))
    period = 0.005 * (crossings[-1] - crossings[0]) / (len(crossings) - 1)
    assert period == pytest.approx(2.0 * math.pi * math.sqrt(PLAIN.inertia / WEIGHT), rel=2e-3)


def test_a_swing_decays_as_its_damping_says() -> None:
    servo = replace(PLAIN, joint_damping=0.002)
    angles = np.array([state[0] for state in run(servo, (0.02, 0.0), 0.0, 0.0, 6.0, longest=0.0005)])
    tops = np.flatnonzero((angles[1:-1] > angles[:-2]) & (angles[1:-1] >= angles[2:])) + 1
    rate = -np.polyfit(0.005 * tops, np.log(angles[tops]), 1)[0]
    # The damping is clipped like friction, and equals a viscous torque while the weight moves.
    assert rate == pytest.approx(0.002 / (2.0 * PLAIN.inertia), rel=0.03)


@pytest.mark.parametrize(("share", "moves"), [(0.98, False), (1.02, True)])
def test_a_joint_sticks_until_the_torque_exceeds_its_friction(share: float, moves: bool) -> None:
    servo = replace(PLAIN, joint_friction=0.05, gravity=-0.0)
    error = share * 0.05 / (STALL * 0.0025 * 400.0)
    travelled = run(servo, (0.3, 0.0), 0.3 + error, 400.0, 2.0)[-1][0] - 0.3
    assert (travelled > 1e-4) if moves else (travelled == 0.0)


def test_friction_that_grows_with_the_load_holds_in_proportion_to_it() -> None:
    # Off, so that the gears pass on the weight alone: it stays where tan-like sin(q) is below its share of itself.
    servo = replace(PLAIN, joint_load_friction=1.001)
    assert run(servo, (1.0, 0.0), 0.0, 0.0, 2.0)[-1][0] == pytest.approx(1.0, abs=1e-9)
    slipping = replace(PLAIN, joint_load_friction=0.9)
    assert run(slipping, (1.0, 0.0), 0.0, 0.0, 2.0)[-1][0] < 0.99


def test_friction_at_rest_can_be_larger_than_in_motion() -> None:
    servo = replace(PLAIN, joint_friction=0.02, joint_stribeck_friction=0.05, joint_stribeck_velocity=0.1, gravity=-0.0)
    error = 0.04 / (STALL * 0.0025 * 400.0)  # between friction in motion and friction at rest
    assert run(servo, (0.0, 0.0), error, 400.0, 2.0)[-1][0] == 0.0
    assert run(servo, (0.0, 0.6), error, 400.0, 0.02)[-1][0] > 0.0


def test_half_the_step_changes_little() -> None:
    servo = replace(PLAIN, joint_friction=0.02, joint_damping=0.005, joint_load_friction=0.1)
    coarse, fine = (np.array(run(servo, (0.0, 0.0), 1.0, 400.0, 1.0, longest)) for longest in (0.003, 0.0003))
    assert np.abs(coarse[:, 0] - fine[:, 0]).max() < 3e-3


def test_a_stiff_gain_shortens_its_own_steps() -> None:
    states = run(replace(PLAIN, motor_armature=0.0, load_mass=0.01), (0.0, 0.0), 0.5, 5000.0, 1.0, longest=0.1)
    assert len(states) == 201
    assert states[-1][0] == pytest.approx(0.5, abs=0.01)


def test_a_motion_that_runs_away_ends() -> None:
    assert len(run(PLAIN, (0.0, 1e6), 0.0, 100.0, 0.1)) == 1
