"""A robot's own log becomes windows that a rig can replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.errors import RecordingError
from sim2real.recordings import joint_log, load, rig_of
from sim2real.recordings.log import Log, LogEpisode, Signal, write_log
from sim2real_envs.parameters import Array

SIGNALS = {
    "joint.position": Signal("observation", "rad", (2,)),
    "joint.command": Signal("action", "rad", (2,)),
}


def made(lengths: list[int], rate: float = 25.0, times: Array | None = None) -> Log:
    """Return a log whose row k of episode e has the position 0.001 k + 0.1 e, and that plus 1 as the command."""
    episodes = []
    for number, length in enumerate(lengths):
        position = 0.1 * number + 0.001 * np.arange(length)[:, None] * np.ones(2)
        command = position + 1.0
        command[-1] = np.nan  # nothing was sent any more
        rows = np.arange(length) / rate if times is None else times
        episodes.append(LogEpisode(number, rows, {"joint.position": position, "joint.command": command}))
    return Log(SIGNALS, tuple(episodes), rate, "robot")


def test_windows_begin_with_a_lead_in_in_which_nothing_is_compared() -> None:
    first, *_ = windows = joint_log.windows(made([100]), 1.0)
    lead = round(joint_log.LEAD_IN * 25.0)
    known = np.isfinite(first.values["joint.position"][:, 0])
    assert not known[:lead].any()
    assert known[lead:].all()
    assert known.sum() == 26
    np.testing.assert_allclose(first.times[known][-1] - first.times[known][0], 1.0)
    assert (first.start.values["joint.position"] == 0.0).all()
    np.testing.assert_allclose(first.start.values["joint.velocity"], 0.025)
    assert first.start.commands is None
    assert windows[1].start.commands is not None
    np.testing.assert_allclose(windows[1].start.commands[-1] - 1.0, windows[1].start.values["joint.position"] - 0.001)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(3, 120), min_size=1, max_size=14), st.floats(0.2, 3.0))
def test_every_window_has_what_was_logged_and_no_row_is_compared_twice(lengths: list[int], window: float) -> None:
    log = made(lengths)
    lead = round(joint_log.LEAD_IN * 25.0)
    if max(lengths) < lead + 6:
        with pytest.raises(RecordingError, match="no episode is as long"):
            joint_log.windows(log, window)
        return
    compared: dict[int, list[int]] = {}
    for each in joint_log.windows(log, window):
        number = int(each.name.split("-")[1])
        position = each.values["joint.position"][:, 0]
        rows = np.rint((position[np.isfinite(position)] - 0.1 * number) / 0.001).astype(int)
        assert (np.diff(rows) == 1).all()
        compared.setdefault(number, []).extend(rows[1:].tolist())
        first = rows[0] - lead
        sent = 0.1 * number + 0.001 * np.arange(first, first + len(each.actions)) + 1.0
        np.testing.assert_allclose(each.actions[:, 0], sent, atol=1e-9)
    for number, seen in compared.items():
        assert len(set(seen)) == len(seen)
        assert max(seen) <= lengths[number] - 1


def test_episodes_are_groups_and_few_episodes_are_cut_into_stretches() -> None:
    many = joint_log.windows(made([60] * 12), 0.4)
    assert len({each.group for each in many}) == 12
    one = joint_log.windows(made([400]), 0.4)
    assert len({each.group for each in one}) == joint_log.GROUPS
    assert len({each.name for each in one}) == len(one)


def test_a_fast_log_is_thinned_to_a_period_that_a_simulator_can_step() -> None:
    period = joint_log.control_period(1000.0)
    assert period == pytest.approx(0.004)
    first = joint_log.windows(made([2000], rate=1000.0), 0.5)[0]
    np.testing.assert_allclose(np.diff(first.times), 0.004)
    known = first.values["joint.position"][:, 0]
    np.testing.assert_allclose(np.diff(known[np.isfinite(known)]), 0.004)  # four rows of 0.001
    np.testing.assert_allclose(first.actions[0], 1.0 + np.mean([0.0, 0.001, 0.002, 0.003]))


def test_uneven_times_are_brought_to_an_even_period_and_pauses_end_a_window() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(100) / 25.0 + rng.uniform(0.0, 0.03, 100)
    times[50:] += 2.0
    windows = joint_log.windows(made([100], times=np.sort(times)), 1.0)
    assert all(np.isfinite(each.actions).all() for each in windows)
    for each in windows:
        known = each.values["joint.position"][:, 0]
        known = known[np.isfinite(known)]
        assert np.abs(np.diff(known)).max() < 0.01  # no window steps over the pause
        np.testing.assert_allclose(np.diff(each.times), 0.04)


def test_a_log_without_commands_is_refused_with_what_it_has(tmp_path: Path) -> None:
    whole = made([60])
    bare = LogEpisode(0, whole.episodes[0].times, {"joint.position": whole.episodes[0]["joint.position"]})
    log = Log({"joint.position": SIGNALS["joint.position"]}, (bare,), 25.0, "robot")
    with pytest.raises(RecordingError, match=r"lacks 'joint\.command'; it has joint\.position"):
        joint_log.windows(log)


def test_a_path_is_a_log_and_a_word_is_a_data_set(tmp_path: Path) -> None:
    assert rig_of("logs/arm.parquet") == "arm"
    assert rig_of("cube-toss") == "cube_toss"
    path = write_log(tmp_path / "arm.parquet", made([60]))
    assert [each.name for each in load(str(path), window=0.5)] == [each.name for each in joint_log.load(path, 0.5)]
