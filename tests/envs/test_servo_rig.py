"""Every parameter of the servo is read back and changes its motion; a path is measured as declared."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim2real_envs import rigs
from sim2real_envs.errors import ParameterError, StateError
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.servo import ServoRig
from sim2real_envs.state import WorldState

TIMES = np.linspace(0.0, 2.0, 401)
ACTIONS = np.stack([1.4 * np.sin(2.0 * math.pi * TIMES[:-1]), np.full(400, 800.0)], axis=1)
START = WorldState({"joint.position": np.array([0.2]), "joint.velocity": np.array([-0.5])})
BUSY = {"joint.stribeck_friction": 0.02}
"""Where every parameter matters: a Stribeck velocity without such friction would not."""


@pytest.fixture
def rig() -> ServoRig:
    made = rigs.make("servo")
    assert isinstance(made, ServoRig)
    return made


def angles(rig: ServoRig, domain: dict[str, float], actions: Array = ACTIONS) -> Array:
    return rig.simulate(domain, START, actions, TIMES).values["joint.position"]


@pytest.mark.parametrize("name", list(rigs.make("servo").parameters))
def test_a_parameter_is_read_back_and_matters(rig: ServoRig, name: str) -> None:
    parameter = rig.parameters[name]
    paths = []
    for value in (parameter.low, parameter.high):
        paths.append(angles(rig, {**BUSY, name: value}))
        assert rig.applied() == {**rig.parameters.nominal(), **BUSY, name: value}
    assert np.abs(paths[1] - paths[0]).max() > 1.5e-3, "less than a step of the encoder"


def test_applying_twice_equals_applying_once(rig: ServoRig) -> None:
    once = angles(rig, {"joint.friction": 0.05})
    angles(rig, {"motor.constant": 0.5, "motor.delay": 0.01})
    np.testing.assert_array_equal(angles(rig, {"joint.friction": 0.05}), once)


def test_a_larger_gain_follows_the_goal_more_closely(rig: ServoRig) -> None:
    errors = []
    for gain in (100.0, 400.0, 800.0):
        actions = np.stack([ACTIONS[:, 0], np.full(400, gain)], axis=1)
        errors.append(float(np.abs(angles(rig, {}, actions)[1:, 0] - ACTIONS[:, 0])[100:].mean()))
    assert errors[0] > errors[1] > errors[2]


def test_a_servo_that_is_switched_off_swings_out(rig: ServoRig) -> None:
    off = np.stack([np.full(400, 1.0), np.zeros(400)], axis=1)
    rest = float(angles(rig, {"joint.damping": 0.02}, off)[-1, 0])
    assert abs(rest + rig.parameters["joint.position_offset"].nominal) < 0.05


def test_a_delay_still_has_the_goals_before_the_start_in_it(rig: ServoRig) -> None:
    before = WorldState(START.values, commands=np.array([[-1.0, 800.0]] * 30))
    late = rig.simulate({"motor.delay": 0.05}, before, ACTIONS, TIMES).values["joint.position"]
    assert np.abs(late - angles(rig, {"motor.delay": 0.05})).max() > 0.01


def test_a_path_measures_where_it_was_and_how_far_it_went(rig: ServoRig) -> None:
    positions = np.array([[0.0], [1.0], [0.5], [0.7], [-0.25]])
    found = rig.measure(np.arange(5.0), {"joint.position": positions})
    assert found == pytest.approx(
        {"angle_halfway": 0.5, "angle": -0.25, "angle_lowest": -0.25, "angle_highest": 1.0, "angle_way": 2.65}
    )
    assert list(found) == [outcome.name for outcome in rig.outcomes]
    positions[2] = np.nan
    assert all(math.isnan(value) for value in rig.measure(np.arange(5.0), {"joint.position": positions}).values())
    misfit = rig.misfit(
        np.arange(4.0),
        {"joint.position": np.zeros((4, 1))},
        {"joint.position": np.array([[0.3], [-0.3], [0.3], [0.3]])},
    )
    assert misfit == pytest.approx({"angle_error": 0.3})


def test_what_does_not_fit_is_refused(rig: ServoRig) -> None:
    with pytest.raises(StateError, match=r"shape \(400, 2\), but got \(400, 1\)"):
        rig.simulate({}, START, ACTIONS[:, :1], TIMES)
    with pytest.raises(StateError, match="gain of a servo must be at least 0, but is -1"):
        rig.simulate({}, START, np.full((400, 2), -1.0), TIMES)
    with pytest.raises(StateError, match=r"joint\.velocity"):
        rig.simulate({}, WorldState({"joint.position": np.zeros(1)}), ACTIONS, TIMES)
    with pytest.raises(ParameterError, match=r"motor\.max_duty"):
        rig.simulate({"motor.max_duty": 1.5}, START, ACTIONS, TIMES)


def test_a_runaway_is_marked_as_diverged(rig: ServoRig) -> None:
    start = WorldState({"joint.position": np.zeros(1), "joint.velocity": np.array([1e6])})
    assert rig.simulate({}, start, ACTIONS, TIMES).diverged
