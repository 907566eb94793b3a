"""The same experiment against another engine, a flawed robot, or somebody's, by one word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.errors import SpecError
from sim2real.experiment.lab import Lab
from sim2real.experiment.pieces import Piece
from sim2real.experiment.spec import spec_from
from sim2real.experiment.watch import Watch
from sim2real.robots import FakeRobot
from sim2real.targets import HiddenTarget
from sim2real_envs.parameters import Array

TARGETS: dict[str, Any] = {
    "same": {"type": "hidden", "domain": {}},
    "engine": {"type": "mujoco", "domain": {"actuator.delay": 0.02}},
    "worn": {"type": "preset", "preset": "worn", "domain": {"joint.friction": 0.3}},
}


class Lean:
    """A policy that always pushes the same way."""

    def __call__(self, observation: Array) -> Array:
        return np.full(2, 0.4, dtype=np.float32)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    spec = spec_from(
        {
            "name": "targets",
            "env": {"id": "PandaPush-v0", "horizon": 12},
            "parameters": {
                "object.friction": {"low": 0.05, "high": 1.0},
                "object.restitution": {"low": 0.0, "high": 1},
            },
            "methods": ["fixed", "oracle"],
            "targets": TARGETS,
            "workers": 1,
        }
    )
    made = Lab(spec, tmp_path_factory.mktemp("run"), Watch())
    yield made
    made.close()


def test_every_stand_in_answers_with_what_a_robot_would_tell(lab: Lab) -> None:
    ends = []
    for name in TARGETS:
        target = lab.target(name)
        assert target.kind == "pseudo-real"
        (episode,) = target.collect(Lean(), 1, np.random.default_rng(3))
        assert episode.domain is None
        assert episode.observations is not None
        ends.append(episode.observations[-1])
    assert np.abs(ends[0] - ends[1]).max() > 1e-4  # another engine
    assert np.abs(ends[0] - ends[2]).max() > 1e-4  # a worn robot


def test_the_truth_of_a_preset_is_its_own_but_for_what_the_file_replaces(lab: Lab) -> None:
    truth = lab.truth("worn")
    assert (truth["actuator.delay"], truth["joint.friction"]) == (0.05, 0.3)
    assert lab.truth("engine")["actuator.delay"] == 0.02


def test_a_ceiling_is_trained_in_the_world_of_its_target(lab: Lab) -> None:
    def options(method: str, target: str) -> Any:
        return lab.trainer_for(Piece("PandaPush-v0", target, method, 0)).env_options  # type: ignore[attr-defined]

    assert options("oracle", "worn") == {"horizon": 12, "flaws": "worn"}
    assert options("oracle", "engine") == {"horizon": 12, "backend": "mujoco"}
    assert options("oracle", "same") == options("fixed", "worn") == {"horizon": 12}


def test_a_ceiling_leaves_out_what_its_world_has_not(lab: Lab) -> None:
    known = lab.randomizer(Piece("PandaPush-v0", "engine", "oracle", 0)).space
    assert "object.restitution" not in known
    assert {"object.friction", "actuator.delay"} <= set(known)
    target = lab.target("worn")
    assert isinstance(target, HiddenTarget)
    oracle = lab.randomizer(Piece("PandaPush-v0", "worn", "oracle", 0))
    assert oracle.space.to_domain(oracle.sample(np.random.default_rng(0), 1).values[0])["object.friction"] == 0.2


def test_a_robot_is_a_target_like_any_other(tmp_path: Path) -> None:
    robot = {
        "type": "robot",
        "robot": "sim2real.robots.fake:FakeRobot",
        "options": {"world": "PandaReach-v0", "domain": {"actuator.delay": 0.02}},
        "mapping": FakeRobot(world="PandaReach-v0").mapping(),
        "horizon": 10,
    }
    data = {"name": "robot", "env": {"id": "PandaReach-v0"}, "methods": ["fixed"], "targets": {"arm": robot}}
    made = Lab(spec_from({**data, "workers": 1}), tmp_path, Watch())
    try:
        assert made.truth("arm") == {}
        (episode,) = made.target("arm").collect(lambda _: np.zeros(3), 1, np.random.default_rng(0))
        assert episode.steps == 10
        assert episode.failure_mode == "timeout"
    finally:
        made.close()


def test_a_robot_that_shows_something_else_than_its_policies_are_trained_on_is_refused_before_any_training() -> None:
    robot = {
        "type": "robot",
        "robot": "sim2real.robots.fake:FakeRobot",
        "options": {"world": "PandaPush-v0"},
        "mapping": FakeRobot(world="PandaPush-v0").mapping(),
    }
    env = {"id": "PandaReach-v0", "control": "joint_delta", "past_actions": 2}
    data = {"name": "robot", "env": env, "methods": ["fixed"], "targets": {"arm": robot}}
    with pytest.raises(SpecError) as caught:
        spec_from(data)
    view = "targets.arm.mapping.policy"
    assert caught.value.problems == (
        f"{view}.task: 'Push' is not the task of 'PandaReach-v0', on which the policies are trained",
        f"{view}.control: must be 'joint_delta', as in env, but got 'ee_delta'",
        f"{view}.past_actions: must be 2, as in env, but got 0",
    )
