"""A robot as a target: episodes as measured, people around them, and the same contract as every other."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sim2real.episodes import Episode
from sim2real.errors import RobotError, RobotStopped, SpecError
from sim2real.evidence import Need
from sim2real.robots import FakeRobot, Moment
from sim2real.robots.fake_keys import fake_mapping
from sim2real.targets import RobotTarget
from sim2real_envs.parameters import Array
from sim2real_envs.state import WorldState
from sim2real_envs.tasks.base import FAILURE_MODES

FAKE = "sim2real.robots.fake:FakeRobot"
PLACING = "sim2real.robots.fake:placing"
PATIENT = {"stale_s": 2.0, "watchdog_s": 4.0}  # a machine that runs tests may stand still for a while


class ToGoal:
    """Goes straight to the goal of Reach."""

    def __call__(self, observation: Array) -> Array:
        return np.clip(observation[6:9] / 0.05, -1.0, 1.0)


class Broken:
    """Gives NaN from the third call of each life on."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, observation: Array) -> Array:
        self.calls += 1
        return np.full(3, np.nan) if self.calls % 3 == 0 else np.zeros(3)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def target(**changes: Any) -> RobotTarget:
    options = {
        "options": {"world": "PandaReach-v0", "domain": {"actuator.delay": 0.02, "sensor.joint_position_noise": 5e-4}},
        "reset": PLACING,
        "safety": PATIENT,
    }
    return RobotTarget(FAKE, fake_mapping("PandaReach-v0"), **{**options, **changes})


@pytest.fixture(scope="module")
def reach() -> Iterator[RobotTarget]:
    made = target()
    yield made
    made.close()


@pytest.fixture(scope="module")
def real(reach: RobotTarget) -> tuple[Episode, ...]:
    return reach.collect(ToGoal(), 4, rng())


def test_a_policy_reaches_its_goals_on_the_robot(real: tuple[Episode, ...]) -> None:
    assert [episode.success for episode in real] == [True] * 4
    for episode in real:
        goal = episode.start.values["goal"]
        tool = [episode.outcome[f"tool_{axis}"] for axis in "xyz"]
        assert np.linalg.norm(goal - tool) < 0.03
        assert episode.outcome["duration"] == pytest.approx(episode.steps * 0.04)


def test_an_episode_tells_what_is_measured_and_nothing_more(real: tuple[Episode, ...]) -> None:
    for episode in real:
        assert episode.domain is None
        assert episode.seed is None
        assert episode.failure_mode in FAILURE_MODES
        assert episode.observations is not None
        assert episode.actions is not None
        assert episode.observations.shape == (episode.steps + 1, 9)
        assert episode.actions.shape == (episode.steps, 3)
        assert set(episode.start.values) == {"joint.position", "goal"}
        assert set(episode.outcome) == {
            "success", "tool_x", "tool_y", "tool_z", "duration", "tool_travel", "tool_peak_speed"
        }  # fmt: skip
    assert pickle.loads(pickle.dumps(real))[0].outcome == real[0].outcome


def test_the_same_stream_asks_for_the_same_starts(reach: RobotTarget, real: tuple[Episode, ...]) -> None:
    again = reach.collect(ToGoal(), 2, rng())
    for first, second in zip(real, again, strict=False):
        np.testing.assert_array_equal(first.start.values["goal"], second.start.values["goal"])


def test_a_pseudo_real_robot_is_never_called_real(reach: RobotTarget) -> None:
    assert reach.kind == "pseudo-real"
    other = type("Mine", (), {name: getattr(FakeRobot, name) for name in (
        "connect", "disconnect", "get_observation", "send_action", "observation_features", "action_features",
        "is_connected",
    )})  # fmt: skip
    assert RobotTarget(other(), fake_mapping("PandaReach-v0")).kind == "robot"


def test_what_it_offers_is_what_it_logs() -> None:
    quiet = target(log="outcomes", horizon=2, success=None)
    assert quiet.offers is Need.OUTCOMES
    episode = quiet.collect(ToGoal(), 1, rng())[0]
    assert episode.observations is None
    assert episode.actions is None
    assert (episode.steps, episode.failure_mode) == (2, "timeout")
    quiet.close()
    quiet.close()


def test_a_stop_ends_the_trials_where_nobody_lets_the_robot_go_on() -> None:
    robot = target()
    with pytest.raises(RobotStopped, match="stopped after 1 of 3 episodes: the action is not finite"):
        robot.collect(Broken(), 3, rng())
    assert [episode.failure_mode for episode in robot.finished] == ["stopped"]
    assert not robot.finished[0].success
    robot.close()


def test_a_person_who_lets_it_go_on_is_asked_with_the_reason() -> None:
    asked: list[str] = []

    def person(reason: str) -> str:
        asked.append(reason)
        return "Ada"

    robot = target(release=person)
    assert len(robot.collect(Broken(), 3, rng())) == 3
    assert len(asked) == 2
    assert all("not finite" in reason for reason in asked)
    robot.close()


def test_a_person_has_the_last_word_on_success() -> None:
    moments: list[Moment] = []

    def doubtful(moment: Moment) -> bool:
        moments.append(moment)
        return False

    robot = target(verdict=doubtful)
    (episode,) = robot.collect(ToGoal(), 1, rng())
    assert not episode.success
    assert episode.outcome["success"] == 0.0
    assert moments[0].goal is not None
    assert moments[0].steps == episode.steps
    robot.close()


def test_a_push_is_measured_as_in_simulation() -> None:
    robot = RobotTarget(
        FakeRobot("PandaPush-v0", seed=1),
        fake_mapping("PandaPush-v0"),
        reset=PLACING,
        horizon=8,
        success=None,
        safety=PATIENT,
    )
    (episode,) = robot.collect(lambda observation: np.array([1.0, 0.0]), 1, rng())
    assert "object.pose" in episode.start.values
    assert episode.outcome["object_travel"] >= 0.0
    assert episode.observations is not None
    assert episode.observations.shape == (9, 16)
    assert episode.observations[-1, 0] > episode.observations[0, 0] + 0.02, "the tool has moved"
    robot.close()


def test_what_cannot_be_is_refused_before_anything_moves() -> None:
    with pytest.raises(RobotError, match="import path"):
        target(reset="placing")
    with pytest.raises(SpecError, match="Did you mean 'joint_speed'"):
        target(safety={"joint_sped": 1.0})
    mapping = fake_mapping("PandaReach-v0")
    del mapping["observation"][0]["unit"]
    with pytest.raises(SpecError, match="units are not guessed"):
        RobotTarget(FAKE, mapping)
    with pytest.raises(RobotError, match="needs a policy"):
        target().collect(None, 1, rng())


def test_it_is_brought_to_the_starts_that_are_asked_for(reach: RobotTarget) -> None:
    asked = [WorldState({"goal": np.array(goal)}) for goal in ([0.45, 0.1, 0.25], [0.5, -0.1, 0.3])]
    episodes = reach.collect(ToGoal(), 2, rng(), asked)
    for episode, start in zip(episodes, asked, strict=True):
        np.testing.assert_allclose(episode.start.values["goal"], start.values["goal"])


def test_objects_that_nobody_can_place_are_refused() -> None:
    alone = RobotTarget(FAKE, fake_mapping("PandaPush-v0"), options={"world": "PandaPush-v0"}, safety=PATIENT)
    asked = [WorldState({"object.pose": np.array([0.45, 0.0, 0.025, 0.0, 0.0, 0.0, 1.0])})]
    with pytest.raises(RobotError, match=r"Starts with object\.pose need somebody who places objects"):
        alone.collect(ToGoal(), 1, rng(), asked)
    alone.close()
