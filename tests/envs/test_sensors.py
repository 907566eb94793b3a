"""Sensors corrupt what they say by as much as their parameters say, in the documented order."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim2real_envs.backends.base import BodyReading, Reading
from sim2real_envs.parameters import Array
from sim2real_envs.sensors import Measurement, Sensors, yaw_of
from sim2real_envs.state import WorldState

PERIOD = 0.04
SAMPLES = 3000


def reading(value: float = 0.3, yaw: float = 0.2) -> Reading:
    """Return a reading whose joints, place and forces are ``value``, and twice, three times, four times of it."""
    turn = (0.0, 0.0, math.sin(yaw / 2.0), math.cos(yaw / 2.0))
    body = BodyReading([3.0 * value] * 3, turn, [0.0] * 3, [0.0] * 3)
    forces = [[4.0 * value] * 3] * 2
    return Reading([value] * 2, [2.0 * value] * 2, [0.0, 0.0], (body,), forces, False)


def sensors(**changes: float) -> Sensors:
    """Return sensors of two joints; ``changes`` are parameter names without ``sensor.``."""
    made = Sensors(2, PERIOD, bodies=1)
    made.apply(made.parameters.complete({f"sensor.{name}": value for name, value in changes.items()}))
    return made


def measured(made: Sensors, readings: list[Reading], seed: int = 0) -> list[Measurement]:
    """Return what the sensors say of an episode."""
    rng = np.random.default_rng(seed)
    first = made.reset(readings[0], rng)
    return [first, *(made.measure(each, rng) for each in readings[1:])]


def column(measurements: list[Measurement], name: str) -> Array:
    """Return one channel (t, d), of an object where the name begins so."""
    if name.startswith("object_"):
        part = name.removeprefix("object_")
        return np.array([np.atleast_1d(getattr(each.bodies[0], part)) for each in measurements])
    return np.array([np.ravel(getattr(each, name)) for each in measurements])


def test_nominal_sensors_tell_the_truth() -> None:
    seen = measured(sensors(), [reading(value) for value in (0.1, 0.2, 0.4)])[-1]
    assert seen.joint_position == pytest.approx([0.4] * 2, abs=1e-15)
    assert seen.joint_velocity == pytest.approx([0.8] * 2, abs=1e-15)
    assert seen.bodies[0].position == pytest.approx([1.2] * 3, abs=1e-15)
    assert seen.bodies[0].yaw == pytest.approx(0.2)
    assert seen.bodies[0].tilt.tolist() == [0.0, 0.0]
    assert seen.bodies[0].velocity == pytest.approx([(1.2 - 0.6) / PERIOD] * 3)
    assert seen.finger_forces == pytest.approx(np.full((2, 3), 1.6), abs=1e-15)
    assert seen.tool_force == pytest.approx([3.2] * 3, abs=1e-15)


@pytest.mark.parametrize(
    ("parameter", "channel", "truth"),
    [
        ("joint_position_noise", "joint_position", 0.3),
        ("joint_velocity_noise", "joint_velocity", 0.6),
        ("object_position_noise", "object_position", 0.9),
        ("object_rotation_noise", "object_yaw", 0.2),
        ("object_rotation_noise", "object_tilt", 0.0),
        ("force_noise", "finger_forces", 1.2),
    ],
)
def test_noise_is_normal_white_and_of_the_stated_size(parameter: str, channel: str, truth: float) -> None:
    std = 0.05
    error = column(measured(sensors(**{parameter: std}), [reading()] * SAMPLES), channel) - truth  # (t, d)
    n = error.size
    assert abs(error.mean()) < 4.5 * std / math.sqrt(n)
    assert error.std() == pytest.approx(std, rel=4.5 / math.sqrt(2.0 * n))
    assert (np.abs(error) < std).mean() == pytest.approx(0.6827, abs=4.5 * math.sqrt(0.6827 * 0.3173 / n))
    lagged = (error[1:] * error[:-1]).mean() / std**2
    assert abs(lagged) < 4.5 / math.sqrt(n)
    if error.shape[1] > 1:
        across = (error[:, 0] * error[:, 1]).mean() / std**2
        assert abs(across) < 4.5 / math.sqrt(len(error))


def test_noise_of_one_channel_leaves_the_others_alone() -> None:
    seen = measured(sensors(force_noise=1.0), [reading()] * 3)[-1]
    assert seen.joint_position == pytest.approx([0.3] * 2, abs=1e-15)
    assert seen.bodies[0].position == pytest.approx([0.9] * 3, abs=1e-15)


def test_a_bias_is_the_same_in_every_sample() -> None:
    seen = measured(sensors(joint_position_bias=-0.01, object_position_bias=0.02), [reading()] * 4)
    assert column(seen, "joint_position") - 0.3 == pytest.approx(np.full((4, 2), -0.01))
    assert column(seen, "object_position") - 0.9 == pytest.approx(np.tile([0.02, 0.02, 0.0], (4, 1)))  # x and y only
    assert column(seen, "object_velocity") == pytest.approx(np.zeros((4, 3)), abs=1e-12)


def test_taking_the_bias_off_gives_the_true_state_back() -> None:
    made = sensors(joint_position_bias=-0.01, object_position_bias=0.02)
    true = WorldState({"joint.position": np.array([0.3, 0.3]), "object.pose": np.array([0.9, 0.9, 0.9, 0, 0, 0, 1.0])})
    seen = WorldState(
        {
            "joint.position": true.values["joint.position"] - 0.01,
            "object.pose": true.values["object.pose"] + [0.02, 0.02, 0, 0, 0, 0, 0],
        }
    )
    for name, value in made.without_bias(seen).values.items():
        assert value == pytest.approx(true.values[name], abs=1e-15)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.04, 0.05, 0.1, 0.3])
def test_what_is_seen_is_as_old_as_the_delay(delay: float) -> None:
    times = [PERIOD * step for step in range(20)]
    seen = measured(sensors(delay=delay), [reading(time) for time in times])
    wanted = np.maximum(np.array(times) - delay, 0.0)  # linear in time, so interpolation is exact
    for channel, factor in (("joint_position", 1.0), ("joint_velocity", 2.0), ("object_position", 3.0)):
        assert column(seen, channel)[:, 0] == pytest.approx(factor * wanted, abs=1e-12)
    assert column(seen, "finger_forces")[:, 0] == pytest.approx(4.0 * wanted, abs=1e-12)


def test_a_new_episode_remembers_nothing_of_the_last() -> None:
    made = sensors(delay=0.1)
    measured(made, [reading(9.0)] * 5)
    seen = measured(made, [reading(0.1)] * 2)
    assert column(seen, "joint_position") == pytest.approx(np.full((2, 2), 0.1))
    assert column(seen, "object_velocity") == pytest.approx(np.zeros((2, 3)))


def test_a_yaw_beyond_a_full_turn_does_not_jump() -> None:
    angles = np.linspace(0.0, 7.0, 40)
    seen = column(measured(sensors(delay=0.06), [reading(yaw=angle) for angle in angles]), "object_yaw")[:, 0]
    assert np.diff(seen).max() < 0.2
    assert seen[-1] == pytest.approx(angles[-1] - 1.5 * (angles[1] - angles[0]), abs=1e-9)


def test_dropout_holds_the_last_sample_as_often_as_stated() -> None:
    chance = 0.3
    seen = measured(sensors(dropout=chance), [reading(0.001 * step) for step in range(SAMPLES)])
    held = {}
    for channel in ("joint_position", "joint_velocity", "object_position", "finger_forces"):
        values = column(seen, channel)
        still = np.diff(values, axis=0) == 0.0
        assert (still == still[:, :1]).all()  # a channel is lost as a whole
        held[channel] = still[:, 0]
        assert still[:, 0].mean() == pytest.approx(chance, abs=4.5 * math.sqrt(chance * (1.0 - chance) / SAMPLES))
    both = (held["joint_position"] & held["object_position"]).mean()
    assert both == pytest.approx(chance**2, abs=4.5 * math.sqrt(chance**2 / SAMPLES))  # channels are lost apart


def test_the_controller_reads_fresh_joints_with_bias_and_noise() -> None:
    made = sensors(delay=0.2, dropout=0.9, joint_position_bias=0.01)
    seen = measured(made, [reading(0.1 * step) for step in range(5)])
    assert made.controller_joints == pytest.approx([0.41] * 2)
    assert seen[-1].joint_position == pytest.approx([0.01] * 2)


def test_the_same_random_numbers_are_used_whatever_the_parameters_are() -> None:
    states = []
    everything = {"joint_position_noise": 0.01, "dropout": 0.5, "delay": 0.1, "force_noise": 1.0}
    for changes in ({}, everything):
        rng, made = np.random.default_rng(3), sensors(**changes)
        made.reset(reading(), rng)
        for _ in range(5):
            made.measure(reading(), rng)
        states.append(rng.bit_generator.state)
    assert states[0] == states[1]


def test_more_noise_scales_the_same_errors() -> None:
    small, large = (
        column(measured(sensors(joint_position_noise=std), [reading()] * 5), "joint_position") - 0.3
        for std in (0.01, 0.02)
    )
    assert large == pytest.approx(2.0 * small)


def test_a_world_without_an_object_has_no_sensors_for_it() -> None:
    made = Sensors(2, PERIOD)
    made.apply(made.parameters.complete({"sensor.joint_position_bias": 0.01}))
    assert not [name for name in made.parameters if "object" in name or "force" in name]
    bare = Reading([0.1] * 2, [0.0] * 2, [0.0, 0.0], (), [(0.0, 0.0, 0.0)] * 2, False)
    seen = measured(made, [bare] * 2)[-1]
    assert seen.joint_position == pytest.approx([0.11] * 2)
    assert seen.bodies == ()
    assert seen.tool_force.tolist() == [0.0] * 3


def test_the_tilt_is_where_the_body_s_own_vertical_points() -> None:
    lean = 0.3  # about x: the vertical leans to -y
    body = BodyReading([0.0] * 3, (math.sin(lean / 2.0), 0.0, 0.0, math.cos(lean / 2.0)), [0.0] * 3, [0.0] * 3)
    tilted = reading()._replace(bodies=(body,))
    assert measured(sensors(), [tilted])[0].bodies[0].tilt == pytest.approx([0.0, -math.sin(lean)])


def test_fingers_that_move_and_a_second_object_are_seen_too() -> None:
    made = Sensors(2, PERIOD, bodies=2, fingers_move=True)
    made.apply(made.parameters.complete({"sensor.object_position_bias": 0.02}))
    first = reading().bodies[0]
    second = BodyReading([0.7, 0.1, 0.2], first.orientation, [0.0] * 3, [0.0] * 3)
    both = reading()._replace(bodies=(first, second), finger_position=[0.01, 0.02])
    seen = measured(made, [both])[0]
    assert seen.finger_position.tolist() == [0.01, 0.02]
    assert seen.bodies[1].position == pytest.approx([0.72, 0.12, 0.2])
    assert seen.finger_forces == pytest.approx(np.full((2, 3), 1.2))


@pytest.mark.parametrize("yaw", [-3.0, -0.5, 0.0, 1.0, 3.1])
def test_the_yaw_of_a_quaternion(yaw: float) -> None:
    assert yaw_of((0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))) == pytest.approx(yaw)
    assert yaw_of((0.0, 0.0, -math.sin(yaw / 2), -math.cos(yaw / 2))) == pytest.approx(yaw)
