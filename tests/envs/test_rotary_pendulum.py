"""The rotary pendulum against closed forms: energy, small oscillations, static deflection, back-EMF, stiction."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real_envs.parameters import Array
from sim2real_envs.rigs.commands import delayed
from sim2real_envs.rigs.rotary_pendulum import RotaryPendulum, State, dead_zone

FREE = RotaryPendulum(
    gravity=-9.81,
    motor_resistance=8.4,
    motor_constant=1e-9,  # an open circuit: no drive, no back-EMF
    arm_mass=0.095,
    arm_length=0.085,
    arm_damping=0.0,
    arm_friction=0.0,
    pole_mass=0.024,
    pole_length=0.129,
    pole_damping=0.0,
    pole_friction=0.0,
    cable_stiffness=0.0,
    cable_offset=0.0,
)


def run(pendulum: RotaryPendulum, start: State, volt: float, seconds: float, longest: float = 0.004) -> list[State]:
    spans = round(seconds / 0.004)
    return pendulum.run(start, [volt] * spans, [0.004] * spans, longest)


@pytest.mark.parametrize("start", [(0.3, 2.5, 4.0, -3.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.1, 10.0, 20.0)])
@pytest.mark.parametrize("stiffness", [0.0, 2e-3])
def test_an_undamped_pendulum_keeps_its_energy(start: State, stiffness: float) -> None:
    pendulum = replace(FREE, cable_stiffness=stiffness, cable_offset=-0.4)
    energies = np.array([pendulum.energy(state) for state in run(pendulum, start, 0.0, 2.0, longest=0.001)])
    assert np.ptp(energies) < 1e-5 * max(abs(energies[0]), 1e-3)


def test_the_angular_momentum_about_the_vertical_is_kept_without_a_cable() -> None:
    j_a, j_s, j_c, _ = FREE.inertias
    states = np.array(run(FREE, (0.0, 2.0, 5.0, -2.0), 0.0, 1.0, longest=0.001))
    _, pole, arm_speed, pole_speed = states.T
    momentum = (j_a + j_s * np.sin(pole) ** 2) * arm_speed + j_c * np.cos(pole) * pole_speed
    assert np.ptp(momentum) < 1e-6 * abs(momentum[0])


def test_a_small_swing_has_the_frequency_of_a_rod_on_a_heavy_arm() -> None:
    heavy = replace(FREE, arm_mass=1e4)  # the arm does not move: w^2 = 3 g / (2 l)
    poles = np.array([state[1] for state in run(heavy, (0.0, 0.01, 0.0, 0.0), 0.0, 4.0, longest=0.001)])
    crossings = np.flatnonzero((poles[:-1] > 0.0) & (poles[1:] <= 0.0))
    period = 0.004 * (crossings[-1] - crossings[0]) / (len(crossings) - 1)
    assert period == pytest.approx(2.0 * math.pi * math.sqrt(2.0 * 0.129 / (3.0 * 9.81)), rel=2e-3)


def test_a_swing_decays_as_its_damping_says() -> None:
    damping = 2e-5
    heavy = replace(FREE, arm_mass=1e4, pole_damping=damping)
    poles = np.array([state[1] for state in run(heavy, (0.0, 0.02, 0.0, 0.0), 0.0, 4.0)])
    tops = np.flatnonzero((poles[1:-1] > poles[:-2]) & (poles[1:-1] >= poles[2:])) + 1
    rate = -np.polyfit(0.004 * tops, np.log(poles[tops]), 1)[0]
    assert rate == pytest.approx(damping / (2.0 * FREE.inertias[3]), rel=0.02)


def test_a_constant_voltage_holds_the_arm_where_the_cable_pulls_as_hard() -> None:
    pendulum = replace(
        FREE, motor_constant=0.042, cable_stiffness=5e-3, cable_offset=-0.5, arm_damping=5e-4, pole_damping=1e-4
    )
    arm, pole, *_ = run(pendulum, (0.0, 0.0, 0.0, 0.0), 1.2, 30.0)[-1]
    assert arm == pytest.approx(-0.5 + 0.042 * 1.2 / 8.4 / 5e-3, abs=1e-4)
    assert pole == pytest.approx(0.0, abs=1e-4)


def test_without_load_the_arm_turns_until_back_emf_equals_the_voltage() -> None:
    pendulum = replace(FREE, motor_constant=0.042, gravity=-0.0, pole_mass=1e-6)
    assert run(pendulum, (0.0, 0.0, 0.0, 0.0), 0.3, 6.0)[-1][2] == pytest.approx(0.3 / 0.042, rel=1e-3)


@pytest.mark.parametrize(("share", "moves"), [(0.95, False), (1.05, True)])
def test_a_joint_sticks_until_the_torque_exceeds_its_friction(share: float, moves: bool) -> None:
    friction = 1e-3
    pendulum = replace(FREE, motor_constant=0.042, arm_friction=friction)
    volt = share * friction * 8.4 / 0.042
    states = run(pendulum, (0.2, 0.0, 0.0, 0.0), volt, 2.0)
    travelled = states[-1][0] - 0.2
    assert (travelled > 0.01) if moves else (abs(travelled) < 1e-4), travelled  # a thirtieth of an encoder's step


def test_sliding_friction_slows_the_arm_at_a_constant_rate() -> None:
    friction = 2e-4
    pendulum = replace(FREE, gravity=-0.0, pole_mass=1e-7, arm_friction=friction)
    states = run(pendulum, (0.0, 0.0, 8.0, 0.0), 0.0, 1.0)
    expected = 8.0 - friction / pendulum.inertias[0] * 1.0
    assert states[-1][2] == pytest.approx(expected, rel=1e-3)
    assert states[-1][0] == pytest.approx(0.5 * (8.0 + expected), rel=1e-3)


def test_friction_of_the_pole_takes_energy_until_it_rests() -> None:
    pendulum = replace(FREE, arm_mass=1e4, pole_friction=2e-4)
    states = run(pendulum, (0.0, 0.5, 0.0, 0.0), 0.0, 12.0)
    energies = np.array([pendulum.energy(state) for state in states])
    assert (np.diff(energies) < 1e-4 * np.ptp(energies)).all()
    assert abs(states[-1][3]) < 1e-9
    weight = 0.5 * 0.024 * 0.129 * 9.81
    assert abs(math.sin(states[-1][1])) <= 2e-4 / weight * 1.001


def test_half_the_step_changes_a_recordings_length_by_microradians() -> None:
    pendulum = replace(FREE, motor_constant=0.042, pole_damping=1e-5)
    coarse, fine = (run(pendulum, (0.0, 0.2, 3.0, -5.0), 1.5, 0.5, longest)[-1] for longest in (0.004, 0.0005))
    np.testing.assert_allclose(coarse[:2], fine[:2], atol=5e-6)


def test_a_stiff_brake_shortens_its_own_steps() -> None:
    pendulum = replace(FREE, motor_constant=0.2, motor_resistance=1.0, arm_mass=0.005, pole_mass=0.001)
    assert pendulum.fastest_decay > 1000.0
    coarse, fine = (run(pendulum, (0.0, 0.0, 5.0, 0.0), 0.0, 0.1, longest)[-1] for longest in (0.004, 1e-5))
    np.testing.assert_allclose(coarse[:2], fine[:2], atol=1e-3)


def test_a_motion_that_runs_away_ends() -> None:
    states = run(replace(FREE, motor_constant=0.2, pole_mass=0.001, arm_mass=0.005), (0.0, 0.0, 9999.0, 0.0), 1e9, 0.1)
    assert len(states) < 26


@given(st.floats(-5.0, 5.0), st.floats(-2.0, 0.0), st.floats(0.0, 2.0))
def test_a_dead_zone_passes_what_is_beyond_it(volt: float, low: float, high: float) -> None:
    passed = float(dead_zone(np.array([volt]), low, high)[0])
    assert passed == (volt - high if volt > high else volt - low if volt < low else 0.0)


@given(st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=20), st.integers(0, 4), st.floats(-3.0, 3.0))
def test_a_delay_of_whole_periods_shifts_the_commands(commands: list[float], periods: int, earlier: float) -> None:
    given_commands = np.array(commands)
    before: Array = np.full(periods + 1, earlier, dtype=np.float64)
    times = np.linspace(0.0, 0.004 * len(commands), len(commands) + 1)
    shifted = delayed(given_commands, before, times, periods * 0.004)
    np.testing.assert_allclose(shifted, np.concatenate([before, given_commands])[1 : 1 + len(commands)], atol=1e-9)


@settings(max_examples=30)
@given(st.floats(0.0, 0.05))
def test_a_delay_keeps_constant_commands_and_blends_between_samples(delay: float) -> None:
    times = np.linspace(0.0, 0.05, 6)
    np.testing.assert_allclose(delayed(np.full(5, 2.0), np.full(2, 2.0), times, delay), 2.0)
    step = delayed(np.ones(5), np.zeros(1), times, delay)
    assert float(step.sum()) == pytest.approx(5.0 - delay / 0.01, abs=1e-9)
