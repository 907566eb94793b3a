"""World states are checked when they are made, and are values afterwards."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from sim2real_envs.errors import StateError
from sim2real_envs.state import WORLD_STATE_SHAPES, WorldState, frozen

POSE = np.array([0.5, 0.0, 0.025, 0.0, 0.0, 0.0, 1.0])


def test_a_frozen_array_is_a_read_only_copy() -> None:
    source = np.array([1, 2, 3])
    array = frozen(source)
    source[0] = 9
    assert array.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0.0


def test_a_world_state_shares_nothing_with_what_it_was_made_of() -> None:
    pose, commands, values = POSE.copy(), np.ones((2, 7)), {"object.pose": POSE}
    state = WorldState({"object.pose": pose}, {"object.pose": np.full(6, 0.01)}, commands)
    pose[:] = commands[:] = 0.0
    values.clear()
    assert state.values["object.pose"].tolist() == POSE.tolist()
    assert state.commands is not None
    assert state.commands.tolist() == np.ones((2, 7)).tolist()
    for array in (state.values["object.pose"], state.spread["object.pose"], state.commands):
        assert not array.flags.writeable
    with pytest.raises(TypeError):
        state.values["goal"] = np.zeros(3)  # type: ignore[index]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"object.psoe": POSE}, "'object.psoe' is not a name of a WorldState. Available: joint.position"),
        ({"object.pose": POSE[:6]}, "'object.pose' must have shape (7,), but got (6,)."),
        ({"object.twist": np.zeros((1, 6))}, "'object.twist' must have shape (6,), but got (1, 6)."),
        ({"joint.position": 1.0}, "'joint.position' must have shape (n,), but got ()."),
        ({"goal": [0.0, np.nan, 0.0]}, "'goal' must be finite"),
        ({"joint.velocity": [np.inf] * 7}, "'joint.velocity' must be finite"),
    ],
)
def test_what_is_no_world_state_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(StateError) as caught:
        WorldState(values)
    assert message in str(caught.value)


def test_every_name_is_accepted_in_its_shape() -> None:
    values = {name: np.zeros([5 if edge is None else edge for edge in s]) for name, s in WORLD_STATE_SHAPES.items()}
    assert set(WorldState(values).values) == set(WORLD_STATE_SHAPES)


def test_a_world_state_travels_between_processes() -> None:
    state = WorldState({"object.pose": POSE}, {"object.pose": np.full(6, 0.01)}, np.ones((2, 7)))
    copy = pickle.loads(pickle.dumps(state))
    assert copy.values["object.pose"].tolist() == POSE.tolist()
    assert copy.spread["object.pose"].tolist() == [0.01] * 6
    assert copy.commands.tolist() == np.ones((2, 7)).tolist()
    assert not copy.values["object.pose"].flags.writeable
