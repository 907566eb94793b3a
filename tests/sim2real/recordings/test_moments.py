"""States inside recordings: velocities from the samples around, the commands of before; None where paths have gaps."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.recordings.base import Recording
from sim2real.recordings.moments import states_of
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

RATE, COUNT = 100.0, 30
TIMES: Array = np.arange(COUNT) / RATE


def recording(values: dict[str, Array], actions: Array, start: WorldState) -> Recording:
    return Recording("one", TIMES, values, actions, RATE, start, "one")


def thrown(noise: float) -> Recording:
    """Return a body in free flight that turns about z at 2 rad/s, tracked with ``noise`` [m]."""
    rng = np.random.default_rng(0)
    place = np.stack([0.8 * TIMES, 0.0 * TIMES, 0.3 - 0.5 * 9.81 * TIMES**2], axis=1)
    turn = np.stack([0.0 * TIMES, 0.0 * TIMES, np.sin(TIMES), np.cos(TIMES)], axis=1)
    poses = np.hstack([place + noise * rng.normal(size=place.shape), turn])
    start = WorldState({"object.pose": poses[0], "object.twist": np.array([0.8, 0.0, 0.0, 0.0, 0.0, 2.0])})
    return recording({"object.pose": poses}, np.empty((COUNT - 1, 0)), start)


def test_a_thrown_body_has_the_twist_of_its_flight_at_every_sample() -> None:
    told = states_of(thrown(0.0))
    assert told is not None
    assert len(told) == COUNT
    for time, state in zip(TIMES, told, strict=True):
        assert state.values["object.twist"] == pytest.approx([0.8, 0.0, -9.81 * time, 0.0, 0.0, 2.0], abs=1e-6)
        assert state.values["object.pose"][:3] == pytest.approx([0.8 * time, 0.0, 0.3 - 0.5 * 9.81 * time**2], abs=1e-9)


def test_the_errors_that_a_state_tells_are_those_that_it_has() -> None:
    told = states_of(thrown(1e-3))
    assert told is not None
    inner = range(4, COUNT - 4)
    off = np.array([told[row].values["object.twist"][0] - 0.8 for row in inner])
    stated = np.array([told[row].spread["object.twist"][0] for row in inner])
    # 22 neighbours share samples: their root mean square is known to about a factor of two
    assert 0.4 < np.sqrt((off**2).mean()) / np.sqrt((stated**2).mean()) < 2.0


def test_joints_have_the_commands_of_before_with_those_of_the_start() -> None:
    angle = np.sin(3.0 * TIMES)[:, None]
    start = WorldState({"joint.position": angle[0], "joint.velocity": np.array([3.0])}, {}, -np.ones((2, 1)))
    told = states_of(recording({"joint.position": angle}, np.arange(COUNT - 1.0)[:, None], start))
    assert told is not None
    assert told[0] is start
    assert told[3].commands is not None
    assert told[3].commands[:, 0].tolist() == [-1.0, -1.0, 0.0, 1.0, 2.0]
    assert told[10].values["joint.velocity"] == pytest.approx(3.0 * np.cos(3.0 * TIMES[10]), abs=1e-3)


def test_a_pushed_object_goes_on_where_the_probe_was() -> None:
    poses = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], (COUNT, 1))
    actions = np.hstack([np.arange(2.0 * (COUNT - 1)).reshape(-1, 2), np.zeros((COUNT - 1, 3))])
    feet = np.zeros((3, 2))
    start = WorldState({"object.pose": poses[0], "object.feet": feet, "pusher.position": np.array([-2.0, -1.0])})
    told = states_of(recording({"object.pose": poses}, actions, start))
    assert told is not None
    assert told[5].values["pusher.position"].tolist() == [8.0, 9.0]


def test_a_path_with_gaps_or_of_something_else_tells_no_states() -> None:
    gap = np.zeros((COUNT, 1))
    gap[3] = np.nan
    start = WorldState({"joint.position": np.zeros(1), "joint.velocity": np.zeros(1)})
    assert states_of(recording({"joint.position": gap}, np.zeros((COUNT - 1, 1)), start)) is None
    assert states_of(recording({"tip.force": np.zeros((COUNT, 2))}, np.zeros((COUNT - 1, 1)), start)) is None
