"""The states of an episode go to disk and come back to the last bit, each command kept once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.episodes import Episode
from sim2real.experiment.codecs import EpisodesCodec
from sim2real.experiment.state_arrays import from_arrays, to_arrays
from sim2real.rollouts import Rollouts
from sim2real.targets.hidden import HiddenTarget
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4)


@st.composite
def states(draw: st.DrawFn) -> tuple[WorldState, ...]:
    """States of which any may lack anything."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        values = {"joint.position": np.array([draw(NUMBERS)])}
        if draw(st.booleans()):
            values["pusher.position"] = np.array([draw(NUMBERS), 0.0])
        spread = {"joint.position": np.array([draw(NUMBERS)])} if draw(st.booleans()) else {}
        found.append(WorldState(values, spread, np.array(draw(ROWS)) if draw(st.booleans()) else None))
    return tuple(found)


def check_same(one: tuple[WorldState, ...] | None, other: tuple[WorldState, ...] | None) -> None:
    assert one is not None
    assert other is not None
    for first, second in zip(one, other, strict=True):
        assert list(first.values) == list(second.values) or set(first.values) == set(second.values)
        assert {name: value.tobytes() for name, value in first.values.items()} == {
            name: value.tobytes() for name, value in second.values.items()
        }
        assert {name: value.tobytes() for name, value in first.spread.items()} == {
            name: value.tobytes() for name, value in second.spread.items()
        }
        assert (first.commands is None) == (second.commands is None)
        if first.commands is not None and second.commands is not None:
            assert first.commands.shape == second.commands.shape
            assert first.commands.tobytes() == second.commands.tobytes()


@given(states())
def test_states_come_back_to_the_last_bit_whatever_they_lack(told: tuple[WorldState, ...]) -> None:
    check_same(told, from_arrays(to_arrays(told)))


def test_no_states_are_none() -> None:
    assert to_arrays(None) == {}
    assert from_arrays({}) is None


def test_the_states_of_a_push_come_back_from_a_file_that_keeps_each_command_once(tmp_path: Path) -> None:
    def push(observation: Array) -> Array:
        return np.array([0.6, 0.0])

    rollouts = Rollouts("PandaPush-v0", {"horizon": 30}, workers=0)
    noise = {"sensor.object_position_noise": 0.001, "sensor.joint_position_noise": 1e-4}
    (episode,) = HiddenTarget(rollouts, noise).collect(push, 1, np.random.default_rng(0))
    rollouts.close()
    EpisodesCodec().write(tmp_path / "real.npz", (episode,))
    (restored,) = EpisodesCodec().read(tmp_path / "real.npz")
    assert isinstance(restored, Episode)
    check_same(episode.states, restored.states)
    arrays = to_arrays(episode.states)
    assert len(arrays["states/commands"]) == 31, "the first position and a command of every step"
    assert arrays["states/spread/joint.position"].shape == (1, 7)
    assert sum(array.nbytes for array in arrays.values()) == pytest.approx(31 * 8 * 43, rel=0.2)
