"""Between policy and robot: no command beyond a limit, none after a stop, whatever comes in."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.errors import RobotError
from sim2real.robots.readings import believed
from sim2real.robots.safety import Decision, Reading, SafetyLimits, SafetyState, decide, paused, reset, stop
from sim2real_envs.arms import PANDA
from sim2real_envs.kinematics import Kinematics
from sim2real_envs.parameters import Array

KINEMATICS = Kinematics(PANDA)
HOME = np.array(PANDA.home)
JOINT = np.eye(7)
LIMITS = SafetyLimits(
    low=KINEMATICS.lower,
    high=KINEMATICS.upper,
    speed=np.full(7, 1.0),
    step=np.full(7, 0.05),
    joints=7,
    tool_low=np.array([0.2, -0.4, 0.05]),
    tool_high=np.array([0.8, 0.4, 0.7]),
    tool_speed=0.8,
    force=20.0,
)


def tool(joints: Array) -> Array:
    return KINEMATICS.tool(joints).position


def here(time: float = 0.0, **changes: object) -> Reading:
    return replace(Reading(time, HOME), **changes)  # type: ignore[arg-type]


def decided(proposal: Array, reading: Reading | None = None, now: float = 0.01) -> tuple[SafetyState, Decision]:
    return decide(LIMITS, tool, SafetyState(), proposal, reading or here(), now)


def test_a_command_within_all_limits_is_sent_as_it_is() -> None:
    state, decision = decided(HOME + 0.01)
    assert decision.verdict == "sent"
    np.testing.assert_array_equal(decision.command, HOME + 0.01)
    np.testing.assert_array_equal(state.last, HOME + 0.01)


def test_a_step_that_is_too_long_keeps_its_direction() -> None:
    way = np.array([0.5, -0.25, 0.0, 0.0, 0.0, 0.0, 0.1])
    _, decision = decided(HOME + way)
    assert decision.verdict == "clipped"
    assert decision.command is not None
    np.testing.assert_allclose(decision.command - HOME, 0.1 * way, atol=1e-12)
    assert decision.reasons == ("joint 1 by +0.5000, more than 0.0500 at once",)


def test_a_joint_limit_is_never_passed() -> None:
    at_limit = HOME.copy()
    at_limit[6] = KINEMATICS.upper[6] - 0.01
    _, decision = decided(at_limit + 0.03 * JOINT[6], here(commands=at_limit))
    assert decision.command is not None
    assert decision.command[6] == KINEMATICS.upper[6]
    assert "joint 7 to 2.9173, beyond -2.8973 … 2.8973" in decision.reasons


def test_the_speed_counts_from_the_last_command() -> None:
    state, _ = decided(HOME)
    _, decision = decide(replace(LIMITS, tool_speed=None), tool, state, HOME + 0.04, here(0.02), 0.03)
    assert decision.command is not None
    np.testing.assert_allclose(decision.command - HOME, 0.02)


def test_the_tool_has_a_speed_of_its_own() -> None:
    state, _ = decided(HOME)
    _, decision = decide(LIMITS, tool, state, HOME + 0.04, here(0.02), 0.03)
    assert decision.command is not None
    assert np.linalg.norm(tool(decision.command) - tool(HOME)) == pytest.approx(0.8 * 0.02, rel=1e-2)


def test_the_tool_stays_in_its_workspace() -> None:
    low = replace(LIMITS, tool_low=tool(HOME) - [1.0, 1.0, 0.002])
    down = KINEMATICS.step(HOME, KINEMATICS.tool(HOME), np.array([0.0, 0.0, -0.02, 0.0, 0.0, 0.0]))
    _, decision = decide(low, tool, SafetyState(), down, here(), 0.01)
    assert decision.verdict == "clipped"
    assert decision.command is not None
    assert 0.0 <= tool(decision.command)[2] - (tool(HOME)[2] - 0.002) < 1e-4
    assert decision.reasons == ("the tool would leave its workspace or exceed its speed",)


def test_an_old_measurement_refuses_the_action_once() -> None:
    state, decision = decided(HOME, here(0.0, problem="the robot does not answer"), now=0.15)
    assert decision == Decision("refused", None, ("the measurement is 0.150 s old (the robot does not answer)",))
    assert not state.stopped


@pytest.mark.parametrize(
    ("proposal", "reading", "now", "words"),
    [
        (np.full(7, math.nan), here(), 0.01, "the action is not finite"),
        (HOME, here(0.0), 0.26, "no measurement for 0.260 s, more than the watchdog's 0.25 s"),
        (HOME, here(force=25.0), 0.01, "a force of 25.0 N, more than 20 N"),
        (HOME, here(lost=True, problem="gone"), 0.01, "the robot is not connected: gone"),
        (HOME, here(commands=HOME + 1.7 * JOINT[1]), 0.01, "joint 2 is measured at 1.850 rad"),
        (HOME, here(commands=np.zeros(7)), 0.01, "joint 4 is measured at 0.000 rad, 0.070 beyond its limits"),
        (HOME, here(commands=HOME + 2.0 * JOINT[0]), 0.01, "out of its workspace"),
    ],
)
def test_what_is_wrong_stops_for_good(proposal: Array, reading: Reading, now: float, words: str) -> None:
    state, decision = decided(proposal, reading, now)
    assert decision.verdict == "stopped"
    assert words in state.stopped
    again, refused = decide(LIMITS, tool, state, HOME, here(now), now)
    assert again == state
    assert refused.command is None
    assert refused.reasons == (f"stopped: {state.stopped}",)


def test_a_policy_that_falls_silent_stops_the_robot() -> None:
    state, _ = decided(HOME, now=0.0)
    state, _ = decide(LIMITS, tool, state, HOME, here(0.3), 0.3)
    assert "no action of the policy for 0.300 s" in state.stopped
    assert paused(SafetyState(asked=0.0)).asked is None, "between episodes nobody is waited for"
    assert paused(state).stopped == state.stopped


def test_a_joint_that_does_not_follow_stops_the_robot() -> None:
    held = replace(LIMITS, lead=0.2)
    state = SafetyState(last=HOME, last_time=0.0)
    _, decision = decide(held, tool, state, HOME, here(0.02, commands=HOME + 0.21 * JOINT[5]), 0.02)
    assert decision.reasons == ("joint 6 is 0.210 rad from where it was sent, more than 0.2",)


def test_a_stop_holds_where_the_robot_is_and_says_so_once() -> None:
    moved = HOME + 0.01
    state, decision = stop(LIMITS, tool, SafetyState(), "a person said so", here(commands=moved), 0.01)
    assert decision.command is not None
    np.testing.assert_allclose(decision.command, moved)
    assert stop(LIMITS, tool, state, "again", here(), 0.02)[1].command is None


def test_a_stop_without_a_fresh_measurement_sends_nothing() -> None:
    for reading in (None, here(0.0), here(0.5, lost=True)):
        assert stop(LIMITS, tool, SafetyState(), "a person said so", reading, 0.5)[1].command is None


def test_a_stop_is_reset_by_a_person_with_a_name() -> None:
    stopped = SafetyState(stopped="a force of 25.0 N")
    with pytest.raises(RobotError, match="give a name"):
        reset(stopped, by=" ")
    with pytest.raises(RobotError, match="no stop to reset"):
        reset(SafetyState(), by="Ada")
    assert reset(stopped, by="Ada") == SafetyState()


# -- Whatever comes in -------------------------------------------------------------------------------------------

ANY = st.floats(allow_nan=True, allow_infinity=True)
NEAR = st.floats(-0.2, 0.2)
STEPS = st.lists(
    st.tuples(
        st.one_of(st.lists(NEAR, min_size=7, max_size=7), st.lists(ANY, min_size=7, max_size=7)),
        st.lists(st.floats(-0.05, 0.05), min_size=7, max_size=7),
        st.floats(0.0, 30.0),
        st.floats(0.0, 0.3),
        st.floats(-0.01, 0.1),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150)
@given(STEPS)
def test_no_command_is_ever_outside_and_none_follows_a_stop(
    steps: list[tuple[list[float], list[float], float, float, float]],
) -> None:
    state, now, before = SafetyState(), 10.0, None
    for proposal, offset, force, age, passed in steps:
        now += passed
        was_stopped = bool(state.stopped)
        origin = HOME if state.last is None else state.last
        reading = Reading(now - age, origin + np.array(offset), force)
        wanted = origin + np.array(proposal)
        state, decision = decide(LIMITS, tool, state, wanted, reading, now)
        command = decision.command
        assert command is None or not was_stopped
        if command is None:
            continue
        assert np.isfinite(command).all()
        assert ((command >= LIMITS.low) & (command <= LIMITS.high)).all()
        place = tool(command)
        assert LIMITS.tool_low is not None
        assert LIMITS.tool_high is not None
        assert ((place >= LIMITS.tool_low - 1e-8) & (place <= LIMITS.tool_high + 1e-8)).all()
        start = np.clip(reading.commands, LIMITS.low, LIMITS.high) if before is None else before
        assert (np.abs(command - start) <= LIMITS.step + 1e-9).all()
        if decision.verdict == "sent":
            np.testing.assert_array_equal(command, wanted)
        else:
            assert decision.reasons
        before = command


# -- Which measurements are believed -----------------------------------------------------------------------------


def test_what_is_not_newer_is_not_believed() -> None:
    first = here(0.0, stamp=5.0)
    for stamp in (5.0, 4.9):
        reading, problem = believed(LIMITS, first, here(0.02, stamp=stamp), ())
        assert reading == replace(first, problem=problem)
        assert "not newer than the last" in problem


def test_a_jump_is_not_believed_until_there_was_time_for_it() -> None:
    jumped = here(0.02, commands=HOME + 0.5)
    assert believed(LIMITS, here(0.0), jumped, ())[1] == "joint 1 jumped by 0.500 rad in 0.020 s"
    assert believed(LIMITS, here(0.0), replace(jumped, time=0.2), ()) == (replace(jumped, time=0.2), "")


def test_there_is_nothing_to_act_on_before_the_first_measurement() -> None:
    assert believed(LIMITS, None, here(), ("a.pos is nan",)) == (None, "a.pos is nan")
    assert believed(LIMITS, None, here(commands=np.full(7, math.inf)), ())[0] is None
    assert believed(LIMITS, None, here(), ())[0] == here()


@given(
    st.lists(
        st.tuples(st.floats(0.0, 0.2), st.floats(-3.0, 3.0), st.floats(-0.5, 1.5), st.sampled_from([0.0, math.nan])),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_believed_is_finite_newer_and_nowhere_it_cannot_have_come(
    arrivals: list[tuple[float, float, float, float]],
) -> None:
    now, before = 0.0, None
    for passed, offset, stamp_offset, spoiled in arrivals:
        now += passed
        newest = Reading(now, HOME + offset + spoiled, stamp=now + stamp_offset)
        reading, problem = believed(LIMITS, before, newest, ())
        if not problem:
            assert reading is newest
            assert np.isfinite(newest.commands).all()
            if before is not None:
                assert before.stamp is not None
                assert newest.stamp is not None
                assert newest.stamp > before.stamp
                moved = float(np.abs(newest.commands - before.commands).max())
                assert moved <= LIMITS.jump + 2.0 * (now - before.time) + 1e-12
        elif before is not None:
            assert reading is not None
            assert (reading.time, reading.problem) == (before.time, problem)
        before = reading if reading is not None else before
