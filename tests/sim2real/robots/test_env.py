"""A robot as an environment: what a policy sees, what it may do, and how an episode ends. Time is simulated."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import sim2real_envs
from sim2real.errors import RobotError, RobotStopped, SpecError
from sim2real.robots import Fault, Moment, RealRobotEnv, RobotMapping
from sim2real.robots.clock import SimulatedClock
from sim2real.robots.drill import Witness
from sim2real.robots.fake import FakeRecipe
from sim2real.robots.fake_keys import fake_mapping
from sim2real.robots.staged import StagedRobot
from sim2real_envs.errors import ActionError, OptionError, UnknownNameError
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState


class Stage:
    """An environment of a pseudo-real robot in simulated time."""

    def __init__(self, world: str = "joints", *, control: str | None = None, past: int = 0, **options: Any) -> None:
        recipe = {
            name: options.pop(name) for name in ("faults", "latency_s", "domain", "tick_s", "flaws") if name in options
        }
        self.clock = SimulatedClock()
        self.robot = StagedRobot(FakeRecipe(world, **recipe), self.clock, timeout_s=options.pop("timeout_s", 0.05))
        self.witness = Witness(self.robot, self.clock)
        std = options.pop("object_std_mm", 0.0)
        self.mapping = RobotMapping.from_dict(fake_mapping(world, control, past_actions=past, object_std_mm=std))
        self.env = RealRobotEnv(self.witness, self.mapping, clock=self.clock, **options)

    def place(self, start: WorldState) -> None:
        assert self.robot._core is not None
        self.robot._core.place(start.values)

    @property
    def home(self) -> Array:
        return self.env.loop.reading.commands


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage(horizon=10)
    yield made
    made.env.close()


def test_it_is_a_gymnasium_environment() -> None:
    env = Stage(horizon=20).env
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step(env.loop.reading.commands)
    assert env.observation_space.contains(observation)
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert set(info) >= {"overrun_s", "late_s", "observation_age_s", "action_sent", "refused", "reasons", "stopped"}
    env.close()
    env.close()


def test_a_target_arrives_in_the_robot_s_own_units(stage: Stage) -> None:
    stage.env.reset(seed=0)
    target = stage.home + 0.02
    *_, info = stage.env.step(target)
    assert info["action_sent"]["joint_1.pos"] == pytest.approx(np.degrees(target[0]))
    assert stage.witness.sent[-1][1] == info["action_sent"]
    assert not info["refused"]
    assert not info["clipped"]


def test_periods_follow_each_other_without_drift(stage: Stage) -> None:
    stage.env.reset(seed=0)
    began = stage.clock.now()
    over, steps = False, 0
    while not over:
        stage.clock.pass_time(0.013)
        _, _, _, over, info = stage.env.step(stage.home)
        steps += 1
        assert info["overrun_s"] == 0.0
        assert stage.clock.now() == pytest.approx(began + steps * 0.04)
    assert steps == 10
    assert info["failure_mode"] == "timeout"
    assert info["outcome"] == pytest.approx({"success": 0.0, "duration": 0.4})


def test_a_policy_that_is_too_slow_is_told_by_how_much(stage: Stage) -> None:
    stage.env.reset(seed=0)
    stage.clock.pass_time(0.05)
    *_, info = stage.env.step(stage.home)
    assert info["overrun_s"] == pytest.approx(0.01)


def test_a_policy_that_falls_silent_stops_the_robot(stage: Stage) -> None:
    stage.env.reset(seed=0)
    stage.env.step(stage.home)
    stage.clock.pass_time(0.3)
    _, _, terminated, _, info = stage.env.step(stage.home)
    assert terminated
    assert info["failure_mode"] == "stopped"
    assert "0.3" in info["stopped"]


def test_an_action_beyond_a_limit_is_clipped_logged_and_kept(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.env.reset(seed=0)
    with caplog.at_level(logging.INFO, "sim2real.robots"):
        *_, info = stage.env.step(stage.home + 1.0)
    assert info["clipped"]
    assert "at once" in info["reasons"][-1]
    assert "action clipped: " in caplog.text
    assert stage.env.incidents[-1].reasons == info["reasons"]


def test_of_clipped_actions_in_a_row_the_log_tells_the_first(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.env.reset(seed=0)
    with caplog.at_level(logging.INFO, "sim2real.robots"):
        for beyond in (1.0, 1.0, 1.0, 0.0, 1.0):
            stage.env.step(stage.home + beyond)
    assert len(stage.env.incidents) == 4
    assert caplog.text.count("action clipped: ") == 2


def test_nan_stops_for_good_until_a_person_resets_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.env.reset(seed=0)
    stage.env.step(stage.home)
    _, _, terminated, _, info = stage.env.step(np.full(7, np.nan))
    assert terminated
    assert info["refused"]
    assert "the action is not finite" in info["stopped"]
    sent = len(stage.witness.sent)
    with pytest.raises(RobotStopped, match=r"not finite.*release"):
        stage.env.reset(seed=1)
    with pytest.raises(ActionError):
        stage.env.step(stage.home)
    for _ in range(5):
        stage.env.loop.give(stage.home)
    assert len(stage.witness.sent) == sent
    with pytest.raises(RobotError, match="give a name"):
        stage.env.release(by="")
    stage.env.release(by="Ada")
    assert "stop reset by Ada" in caplog.text
    stage.env.reset(seed=1)
    stage.env.step(stage.home)
    assert len(stage.witness.sent) == sent + 1


def test_a_stop_that_was_asked_for_holds_still_once(stage: Stage) -> None:
    stage.env.reset(seed=0)
    stage.env.step(stage.home + 0.05)
    before = len(stage.witness.sent)
    stage.env.stop("somebody came too near")
    _, _, terminated, _, info = stage.env.step(stage.home + 0.05)
    assert terminated
    assert info["stopped"] == "somebody came too near"
    assert len(stage.witness.sent) == before + 1
    held = stage.mapping.commanded(stage.witness.sent[-1][1])
    measured = stage.env.loop.reading.commands
    assert np.abs(held - measured).max() < 0.05
    with pytest.raises(RobotError, match="is stopped: somebody"):
        stage.env.reset()


def test_a_stop_long_ago_is_not_followed_by_any_command(stage: Stage) -> None:
    stage.env.reset(seed=0)
    stage.env.step(stage.home)
    before = len(stage.witness.sent)
    stage.env.stop("somebody came too near")
    stage.clock.pass_time(0.1)
    stage.env.step(stage.home)
    assert len(stage.witness.sent) == before


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("silence", 0.2, 5.0), "no measurement for"),
        (Fault("nan", 0.2, 5.0), r"no measurement for .* is nan"),
        (Fault("jump", 0.2, 0.2, 3.0), None),
        (Fault("reorder", 0.2, 5.0), None),
        (Fault("disconnect", 0.2), "the robot is not connected"),
        (Fault("late", 0.2, 0.2, 0.01), None),
        (Fault("late", 0.2, 5.0, 0.3), "no measurement for|no action"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_a_fault_stops_the_robot_if_it_lasts(fault: Fault, words: str | None) -> None:
    stage = Stage(faults=(fault,), horizon=30)
    stage.env.reset(seed=0)
    over = False
    while not over:
        stamp = stage.env.loop.reading.stamp or 0.0
        observation, _, terminated, truncated, info = stage.env.step(stage.home)
        over = terminated or truncated
        assert np.isfinite(observation).all(), "what is not believed is not shown"
        assert (stage.env.loop.reading.stamp or 0.0) >= stamp, "time does not go back"
    if words is None:
        assert info["failure_mode"] == "timeout"
    else:
        assert re.search(words, info["stopped"]), info["stopped"]


def test_the_age_of_a_measurement_is_told() -> None:
    stage = Stage(latency_s=0.01, horizon=5)
    stage.env.reset(seed=0)
    *_, info = stage.env.step(stage.home)
    assert info["observation_age_s"] == pytest.approx(0.01)


def test_a_lost_robot_is_connected_anew_at_the_next_reset() -> None:
    stage = Stage(faults=(Fault("disconnect", 0.2),), horizon=20)
    stage.env.reset(seed=0)
    while not stage.env.stopped:
        stage.env.step(stage.home)
    stage.env.release(by="Ada")
    stage.env.reset(seed=0)
    stage.env.step(stage.home)


def test_success_may_come_from_a_callback_and_a_person_has_the_last_word() -> None:
    asked: list[int] = []

    def three_steps(moment: Moment) -> bool:
        assert moment.believed
        return moment.steps >= 3

    def person(moment: Moment) -> bool:
        asked.append(moment.steps)
        return False

    stage = Stage(success=three_steps)
    stage.env.reset(seed=0)
    ends = [stage.env.step(stage.home)[2:] for _ in range(3)]
    assert [terminated for terminated, *_ in ends] == [False, False, True]
    assert ends[-1][2]["is_success"]
    doubted = Stage(success=three_steps, verdict=person)
    doubted.env.reset(seed=0)
    info = [doubted.env.step(doubted.home)[-1] for _ in range(3)][-1]
    assert asked == [3]
    assert not info["is_success"]


def test_past_actions_end_the_observation() -> None:
    stage = Stage(past=2)
    first, _ = stage.env.reset(seed=0)
    np.testing.assert_allclose(first[-14:], np.tile(stage.home, 2), rtol=1e-6)
    target = stage.home + 0.01
    seen, *_ = stage.env.step(target)
    np.testing.assert_allclose(seen[-7:], target, rtol=1e-6)
    assert stage.env.observation_space.contains(seen)


def test_the_same_seed_asks_for_the_start_that_simulation_would_draw() -> None:
    stage = Stage("PandaReach-v0", success="task")
    wanted: list[WorldState] = []

    def place(start: WorldState) -> None:
        wanted.append(start)
        stage.place(start)

    RealRobotEnv(stage.witness, stage.mapping, clock=stage.clock, reset_source=place).reset(seed=5)
    simulated = sim2real_envs.make("PandaReach-v0")
    simulated.reset(seed=5)
    exact = simulated.unwrapped.world_state()  # type: ignore[attr-defined]
    np.testing.assert_array_equal(wanted[0].values["goal"], exact.values["goal"])
    np.testing.assert_array_equal(wanted[0].values["joint.position"], exact.values["joint.position"])
    simulated.close()


def test_in_the_same_world_a_robot_shows_what_the_simulator_does() -> None:
    """Ticks as long as a control period make of robot and simulator the same physics, seen through other keys."""
    stage = Stage("PandaPush-v0", tick_s=0.04, limits={"joint_speed": 50.0}, success="task")
    stage.env._reset_source = stage.place
    simulated = sim2real_envs.make("PandaPush-v0")
    assert stage.env.observation_space == simulated.observation_space
    assert stage.env.action_space == simulated.action_space
    first, _ = stage.env.reset(seed=3)
    expected, _ = simulated.reset(seed=3)
    np.testing.assert_allclose(first, expected, atol=1e-5)
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = rng.uniform(-1.0, 1.0, 2)
        seen, reward, *_ = stage.env.step(action)
        expected, expected_reward, *_ = simulated.step(action)
        np.testing.assert_allclose(seen, expected, atol=2e-3)
        assert reward == pytest.approx(float(expected_reward), abs=2e-3)
    simulated.close()
    stage.env.close()


def test_rest_can_be_seen_through_the_noise_of_a_camera() -> None:
    noise = {"sensor.object_position_noise": 0.001}
    stage = Stage("PandaPush-v0", domain=noise, object_std_mm=1.0, success="task")
    stage.env._reset_source = stage.place
    start = {"object.pose": np.array([0.5, 0.1, 0.025, 0, 0, 0, 1.0]), "goal": np.array([0.5, 0.1, 0.0])}
    stage.env.reset(seed=0, options={"start": start})
    over, steps, info = False, 0, {"is_success": False}
    while not over:
        _, _, terminated, truncated, info = stage.env.step(np.zeros(2))
        over, steps = terminated or truncated, steps + 1
    assert info["is_success"]
    assert steps < 30, "two positions of 1 mm noise 0.04 s apart differ by 35 mm/s"
    stage.env.close()


@pytest.mark.parametrize("flaws", ["fresh", "worn", "hostile"])
def test_a_pseudo_real_robot_may_have_flaws(flaws: str) -> None:
    stage = Stage("PandaPush-v0", flaws=flaws, horizon=3)
    stage.env._reset_source = stage.place
    stage.env.reset(seed=0)
    seen = [stage.env.step(np.array([1.0, 0.0]))[0] for _ in range(3)]
    assert np.isfinite(seen).all()
    stage.env.close()


def test_without_a_reset_source_the_joints_are_driven_to_the_start() -> None:
    stage = Stage("PandaReach-v0", success="task")
    stage.robot.connect()
    stage.place(WorldState({"joint.position": np.array([0.3, 0.2, 0.1, -2.2, 0.1, 2.4, 0.7])}))
    stage.env.reset(seed=0)
    wanted = stage.env.measured_start().values["joint.position"]
    np.testing.assert_allclose(stage.home, wanted, atol=0.03)
    steps = np.diff([stage.mapping.commanded(action) for _, action in stage.witness.sent], axis=0)
    assert np.abs(steps).max() <= 0.25 * stage.env.limits.step.max() + 1e-9


def test_a_start_that_cannot_be_reached_is_told() -> None:
    stage = Stage("PandaReach-v0", limits={"tool_low": [0.3, -0.1, 0.1], "tool_high": [0.5, 0.1, 0.4]})
    stage.robot.connect()
    stage.place(WorldState({"joint.position": np.array([-1.2, 0.2, 0.1, -2.2, 0.1, 2.4, 0.7])}))
    with pytest.raises(RobotStopped, match="out of its workspace"):
        stage.env.reset(seed=0)


def test_a_robot_that_says_nothing_cannot_begin() -> None:
    stage = Stage(faults=(Fault("silence", 0.0, 100.0),))
    with pytest.raises(RobotError, match="gave no measurement to begin with for 2 s: TimeoutError"):
        stage.env.reset()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rate": 0.0}, OptionError, "0 < rate"),
        ({"horizon": 0}, OptionError, "horizon >= 1"),
        ({"success": "task"}, OptionError, "success='task' needs a task"),
        ({"limits": {"joint_sped": 1.0}}, SpecError, "Did you mean 'joint_speed'"),
        ({"limits": {"joint_speed": [1.0, 2.0]}}, SpecError, "a positive number or a list of 7"),
        ({"limits": {"force": 10.0}}, SpecError, "has no tool.force"),
        ({"limits": {"stale_s": 0.5}}, SpecError, "control period < stale_s <= watchdog_s"),
        ({"limits": {"tool_low": [0, 0, 0]}}, SpecError, "both corners"),
        ({"limits": {"tool_low": [0, 0, 1], "tool_high": [1, 1, 0]}}, SpecError, "tool_low < tool_high"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: Mapping[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Stage(**options)


def test_mistakes_in_calls_are_refused(stage: Stage) -> None:
    with pytest.raises(ActionError, match="no running episode"):
        stage.env.step(np.zeros(7))
    with pytest.raises(UnknownNameError, match="'strat'"):
        stage.env.reset(options={"strat": {}})
    with pytest.raises(OptionError, match="cannot be set"):
        stage.env.reset(options={"domain": {"object.friction": 0.1}})
    stage.env.reset()
    with pytest.raises(ActionError, match=r"must have shape \(7,\), but got \(2,\)"):
        stage.env.step(np.zeros(2))
    with pytest.raises(ActionError, match="array of numbers"):
        stage.env.step("up")


def test_what_is_not_a_robot_is_refused() -> None:
    with pytest.raises(RobotError, match="is not a robot"):
        RealRobotEnv(object(), RobotMapping.from_dict(fake_mapping("joints")))  # type: ignore[arg-type]
