"""Every parameter of the rotary pendulum is read back and changes its motion; a path is measured as declared."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim2real_envs import rigs
from sim2real_envs.errors import ParameterError, StateError
from sim2real_envs.parameters import Array
from sim2real_envs.rigs.furuta import FurutaRig
from sim2real_envs.state import WorldState

TIMES = np.arange(126) / 250.0
VOLTS = (1.5 * np.sin(2.0 * math.pi * 4.0 * TIMES[:-1]) + 0.3)[:, None]
START = WorldState(
    {"joint.position": np.array([0.3, 0.4]), "joint.velocity": np.array([1.0, -2.0])}, commands=np.full((30, 1), -1.0)
)
BUSY = {"cable.stiffness": 1e-3, "motor.delay": 0.004}
"""Where every parameter matters: an offset of a cable that does not pull would not."""


@pytest.fixture
def rig() -> FurutaRig:
    made = rigs.make("furuta")
    assert isinstance(made, FurutaRig)
    return made


def angles(rig: FurutaRig, domain: dict[str, float]) -> Array:
    return rig.simulate(domain, START, VOLTS, TIMES).values["joint.position"]


def test_nominal_values_are_those_of_the_authors(rig: FurutaRig) -> None:
    nominal = rig.parameters.nominal()
    assert nominal["motor.resistance"] == 8.4
    assert nominal["motor.constant"] == 0.042
    assert (nominal["arm.mass"], nominal["arm.length"]) == (0.095, 0.085)
    assert (nominal["pole.mass"], nominal["pole.length"]) == (0.024, 0.129)
    assert nominal["motor.dead_zone_low"] == nominal["motor.dead_zone_high"] == 0.0


@pytest.mark.parametrize("name", list(rigs.make("furuta").parameters))
def test_a_parameter_is_read_back_and_matters(rig: FurutaRig, name: str) -> None:
    parameter = rig.parameters[name]
    paths = []
    for value in (parameter.low, parameter.high):
        paths.append(angles(rig, {**BUSY, name: value}))
        assert rig.applied()[name] == value
        others = {**rig.parameters.nominal(), **BUSY, name: value}
        assert rig.applied() == others
    assert np.abs(paths[1] - paths[0]).max() > 3e-3, "less than a step of the encoder"


def test_applying_twice_equals_applying_once(rig: FurutaRig) -> None:
    once = angles(rig, {"arm.mass": 0.15})
    angles(rig, {"arm.mass": 0.06, "motor.delay": 0.01})
    np.testing.assert_array_equal(angles(rig, {"arm.mass": 0.15}), once)


def test_a_value_beyond_the_limits_is_refused(rig: FurutaRig) -> None:
    with pytest.raises(ParameterError, match=r"pole\.length"):
        rig.simulate({"pole.length": 0.0}, START, VOLTS, TIMES)


def test_a_delay_still_has_the_commands_before_the_start_in_it(rig: FurutaRig) -> None:
    without = WorldState(START.values)
    late = {"motor.delay": 0.01}
    assert not np.array_equal(
        rig.simulate(late, START, VOLTS, TIMES).values["joint.position"],
        rig.simulate(late, without, VOLTS, TIMES).values["joint.position"],
    )
    np.testing.assert_allclose(
        rig.simulate({}, START, VOLTS, TIMES).values["joint.position"],
        rig.simulate({}, without, VOLTS, TIMES).values["joint.position"],
        atol=1e-12,
    )


def test_a_path_measures_where_it_was_and_how_far_it_went(rig: FurutaRig) -> None:
    times = np.arange(5.0)
    positions = np.array([[0.0, 0.0], [1.0, 0.1], [0.5, 0.2], [0.5, 0.1], [0.25, -0.1]])
    found = rig.measure(times, {"joint.position": positions})
    assert found == pytest.approx(
        {
            "arm_angle_halfway": 0.5,
            "arm_angle": 0.25,
            "pole_angle_halfway": 0.2,
            "pole_angle": -0.1,
            "arm_way": 1.75,
            "pole_way": 0.5,
        }
    )
    assert list(found) == [outcome.name for outcome in rig.outcomes]
    positions[3] = np.nan
    assert all(math.isnan(value) for value in rig.measure(times, {"joint.position": positions}).values())


def test_a_misfit_is_the_root_mean_square_of_each_angle(rig: FurutaRig) -> None:
    recorded = {"joint.position": np.zeros((4, 2))}
    predicted = {"joint.position": np.array([[0.3, 0.0], [-0.3, 0.0], [0.3, 0.2], [0.3, 0.0]])}
    found = rig.misfit(np.arange(4.0), recorded, predicted)
    assert found == pytest.approx({"arm_angle_error": 0.3, "pole_angle_error": 0.1})
    assert list(found) == [misfit.name for misfit in rig.misfits]


def test_what_does_not_fit_is_refused(rig: FurutaRig) -> None:
    with pytest.raises(StateError, match=r"shape \(125, 1\), but got \(125, 2\)"):
        rig.simulate({}, START, np.zeros((125, 2)), TIMES)
    with pytest.raises(StateError, match="begin at 0"):
        rig.simulate({}, START, VOLTS, TIMES + 1.0)
    with pytest.raises(StateError, match=r"joint\.velocity"):
        rig.simulate({}, WorldState({"joint.position": np.zeros(2)}), VOLTS, TIMES)


def test_a_runaway_is_marked_as_diverged(rig: FurutaRig) -> None:
    start = WorldState({"joint.position": np.zeros(2), "joint.velocity": np.array([0.0, 1e6])})
    path = rig.simulate({}, start, VOLTS, TIMES)
    assert path.diverged
    assert path.values["joint.position"].shape == (126, 2)
