"""A plan is read strictly: every mistake at once, with its place, value and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sim2real.errors import SpecError
from sim2real.experiment.strict_yaml import dump
from sim2real.robots import FakeRobot
from sim2real.trials.plan import changed_keys, load_plan, plan_from
from tests.support.trials import plan_data, reach_mapping


def problems_of(**changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        plan_from(plan_data(**changes))
    return str(caught.value)


def test_a_plan_in_a_file_names_its_mapping_beside_it(tmp_path: Path) -> None:
    (tmp_path / "arm.yaml").write_text(dump(reach_mapping()))
    (tmp_path / "plan.yaml").write_text(dump(plan_data(target={"mapping": "arm.yaml"})))
    plan = load_plan(tmp_path / "plan.yaml")
    assert plan.to_dict() == plan_from(plan_data()).to_dict()
    assert plan.total == len(plan.order) == 4


def test_drawn_starts_are_common_to_all_and_the_same_again() -> None:
    plan, again = plan_from(plan_data(trials=3, seed=5)), plan_from(plan_data(trials=3, seed=5))
    assert len(plan.starts) == 3
    assert [start.to_dict() for start in plan.starts] == [start.to_dict() for start in again.starts]
    other = plan_from(plan_data(trials=3, seed=6))
    assert not np.array_equal(plan.starts[0].state.values["goal"], other.starts[0].state.values["goal"])


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(
        "name: my plan\n"
        "target: {robot: sim2real.robots.fake:FakeRobot, mapping: nowhere.yaml, rate: 0, horizont: 5}\n"
        "policies: {}\n"
        "trials: 2.0\n"
        "triels: 3\n"
    )
    with pytest.raises(SpecError) as caught:
        load_plan(tmp_path / "plan.yaml")
    assert [problem.replace(str(tmp_path), "") for problem in caught.value.problems] == [
        "line 1, name: must begin with a letter or digit and have only letters, digits and . _ - (at most 64), "
        "but got 'my plan' (text)",
        "line 2, target.rate: must be greater than 0, but got 0",
        "line 2, target.horizont: 'horizont' is not a key here. Did you mean 'horizon'? Available: type, robot, "
        "options, mapping, rate, horizon, safety, reset, success.",
        "line 2, target.mapping: there is no file 'nowhere.yaml'; give the path of one that exists",
        "line 3, policies: must not be empty",
        "line 4, trials: must be a whole number, but got 2.0; write 2",
        "line 5, triels: 'triels' is not a key here. Did you mean 'trials'? Available: name, target, policies, "
        "trials, seed, starts, criterion.",
    ]


def test_what_the_file_names_is_checked_too() -> None:
    text = problems_of(
        policies={"first": "expert", "lost": "no/such/run"},
        target={"robot": "sim2real.robots.fake:FakeRobt", "safety": {"joint_sped": 1.0}, "reset": "nowhere:at_all"},
        starts=[
            {"goal": {"x_cm": 40}},
            {"object": {"x_cm": 1, "y_cm": 2, "yaw_deg": 3}, "goal": {"x_cm": 1, "y_cm": "a"}},
        ],
    )
    for part in (
        "target.robot: robot: 'FakeRobt' is not",
        "target.reset: reset 'nowhere:at_all'",
        "target.safety: joint_sped: 'joint_sped' is not a safety limit. Did you mean 'joint_speed'?",
        "policies.lost:",
        "starts.0.goal.y_cm: is missing",
        "starts.1.object: cannot be placed: the task has no object",
        "starts.1.goal.y_cm: must be a finite number, but got 'a'",
    ):
        assert part in text


def test_without_a_task_only_words_say_what_to_place() -> None:
    mapping = {**reach_mapping(), "policy": {"observation": "list", "control": "joint_position"}}
    text = problems_of(target={"mapping": mapping})
    assert "starts: drawn starts need a task" in text
    assert "target.success: 'task' needs a task" in text
    assert "policies.alpha: experts need" in text


def test_listed_starts_are_in_centimetres_and_degrees() -> None:
    plan = plan_from(plan_data(starts=[{"goal": {"x_cm": 40, "y_cm": -5.5, "z_cm": 20}, "text": "mark A"}]))
    np.testing.assert_allclose(plan.starts[0].state.values["goal"], [0.4, -0.055, 0.2])
    assert plan.starts[0].text == "mark A"


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ({"x_cm": 160, "y_cm": 8}, "starts.0.goal: is 160 cm from the base, but the arm reaches 78 cm"),
        ({"x_cm": 0.4, "y_cm": 0}, "starts.0.goal: lies 0.4 cm from the middle of the robot's base; numbers are in cm"),
    ],
)
def test_listed_starts_that_no_arm_could_use_are_refused(goal: dict[str, float], words: str) -> None:
    assert words in problems_of(starts=[{"goal": goal}])


def test_keys_that_changed_are_named() -> None:
    before = plan_from(plan_data()).to_dict()
    mapping = reach_mapping()
    mapping["observation"][2]["high"] = 99.0
    now = plan_from(plan_data(target={"mapping": mapping}, trials=3, seed=1)).to_dict()
    assert changed_keys(before, now) == ("target.mapping.observation.2.high", "trials", "seed")
    swapped = plan_from(plan_data(policies={"beta": "expert", "alpha": "expert"})).to_dict()
    assert changed_keys(before, swapped) == ("order of policies",)


def test_the_first_session_of_the_documentation_can_be_planned(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "hardware_trials.md").read_text()
    first, with_paths = [block.partition("```")[0] for block in text.split("```yaml\n")[1:]]
    (tmp_path / "arm.yaml").write_text(yaml.safe_dump(FakeRobot("PandaPush-v0").mapping()))
    (tmp_path / "trials.yaml").write_text(first)
    assert load_plan(tmp_path / "trials.yaml").total == 6
    (tmp_path / "trials.yaml").write_text(with_paths)
    with pytest.raises(SpecError) as caught:
        load_plan(tmp_path / "trials.yaml")
    assert all("my_lab" in problem or "<run>" in problem for problem in caught.value.problems)
