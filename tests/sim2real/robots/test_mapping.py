"""Keys, units, scales and limits: stated, checked all at once, and the same both ways."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.errors import SpecError
from sim2real.robots import RobotMapping
from sim2real.robots.fake_keys import fake_mapping
from sim2real.robots.mapping import Channel
from sim2real.robots.units import UNITS

TWO_JOINTS: dict[str, Any] = {
    "observation": [
        {"key": "a.pos", "is": "joint.position", "unit": "deg", "low": -100, "high": 100},
        {"key": "b.pos", "is": "joint.position", "unit": "rad", "low": -2, "high": 2, "scale": -1, "offset": 0.5},
        {"key": "grip", "is": "other", "unit": "-", "low": 0, "high": 1},
        {"key": "when", "is": "time", "unit": "ms"},
    ],
    "action": [
        {"key": "a.goal", "is": "joint.position", "unit": "deg", "low": -90, "high": 90},
        {"key": "b.goal", "is": "joint.position", "unit": "rad", "low": -1.5, "high": 1.5, "scale": -1, "offset": 0.5},
    ],
}


def changed(path: str, value: Any, base: dict[str, Any] = TWO_JOINTS) -> dict[str, Any]:
    """Return ``base`` with the value at a dotted path set, or removed if it is None."""
    copied = copy.deepcopy(base)
    place: Any = copied
    *outer, last = path.split(".")
    for part in outer:
        place = place[int(part) if part.isdigit() else part]
    if value is None:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return copied


def test_a_robot_s_numbers_become_si_in_the_order_of_the_mapping() -> None:
    mapping = RobotMapping.from_dict(TWO_JOINTS)
    values, problems = mapping.read({"b.pos": 0.25, "a.pos": 90.0, "grip": 0.5, "when": 1500, "camera": object()})
    assert problems == ()
    np.testing.assert_allclose(values["joint.position"], [math.pi / 2, 0.25])
    assert values["time"] == [1.5]
    assert mapping.command(np.array([math.pi / 2, 0.25])) == pytest.approx({"a.goal": 90.0, "b.goal": 0.25})
    np.testing.assert_allclose(mapping.action_limits(), [[-math.pi / 2, -1.5], [math.pi / 2, 1.5]])


@given(
    st.sampled_from(sorted(UNITS)),
    st.floats(0.01, 100.0),
    st.booleans(),
    st.floats(-1e3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_what_is_sent_is_what_would_be_read(
    unit: str, scale: float, mirrored: bool, offset: float, value: float
) -> None:
    channel = Channel("key", "other", unit, scale=-scale if mirrored else scale, offset=offset)
    assert channel.to_si(channel.from_si(value)) == pytest.approx(value, rel=1e-9, abs=1e-7)


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        ({"a.pos": 1.0, "grip": 0.5, "when": 1}, "b.pos is missing"),
        ({"a.pos": math.nan, "b.pos": 0.0, "grip": 0.5, "when": 1}, "a.pos is nan"),
        ({"a.pos": "up", "b.pos": 0.0, "grip": 0.5, "when": 1}, "a.pos is not a number but str"),
        ({"a.pos": 101.0, "b.pos": 0.0, "grip": 0.5, "when": 1}, "a.pos is 101 deg, beyond -100 … 100"),
    ],
)
def test_a_number_that_cannot_be_is_told(observation: dict[str, Any], words: str) -> None:
    _, problems = RobotMapping.from_dict(TWO_JOINTS).read(observation)
    assert problems == (words,)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("observation.0.unit", None, r"observation\[0\]\.unit: is missing; units are not guessed\. Allowed: rad"),
        (
            "observation.0.unit",
            "mm",
            r"observation\[0\]\.unit: 'mm' does not measure joint\.position\. Allowed: rad, mrad, deg",
        ),
        ("observation.0.is", "joint.postion", r"Did you mean 'joint\.position'"),
        ("observation.0.low", None, r"observation\[0\]\.low: is missing; state it in deg"),
        ("observation.0.low", 200, r"`low < high` must hold, but got \(low=200, high=100\)"),
        ("observation.0.low", "5e-4", r"observation\[0\]\.low: must be a finite number, but got '5e-4'"),
        ("observation.0.scale", 0, r"observation\[0\]\.scale: must not be 0"),
        ("observation.0.gain", 2, r"observation\[0\]\.gain: 'gain' is not a key here"),
        ("observation.1.key", "a.pos", r"the key 'a\.pos' stands there 2 times"),
        ("observation.1.is", "other", "has 1 joint.position, but action has 2"),
        ("action.0.is", "tool.force", "is not what an action can be"),
        ("action.0.constant", 1, "an action cannot be constant"),
        ("observation", None, "observation: must be a list"),
        ("arm", "Pand", "Did you mean 'Panda'"),
        ("arm", "Panda", "has 2 joint.position, but the Panda has 7 joints"),
        ("policy", {"control": "ee_delta"}, "policy.control: needs to know the arm"),
        ("policy", {"control": "joint_torque"}, "'joint_torque' is not a control of a robot"),
        ("policy", {"task": "Push"}, "policy.task: needs to know the arm"),
        ("policy", {"past_actions": -1}, "must be a whole number in 0 … 100, but got -1"),
        ("polcy", {}, "Did you mean 'policy'"),
    ],
)
def test_a_mistake_says_its_place_and_what_is_allowed(path: str, value: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        RobotMapping.from_dict(changed(path, value))


def test_all_mistakes_are_told_at_once() -> None:
    broken = changed("observation.0.unit", None, changed("action.1.low", 9))
    with pytest.raises(SpecError) as caught:
        RobotMapping.from_dict(broken, "arm.yaml")
    assert len(caught.value.problems) == 2
    assert str(caught.value).startswith("arm.yaml: 2 problems")


def test_limits_beyond_the_arm_s_own_are_refused() -> None:
    degrees_as_radians = changed("action.0.unit", "rad", fake_mapping("PandaReach-v0"))
    with pytest.raises(SpecError, match=r"go beyond joint 1 of the Panda: -2\.897 … 2\.897"):
        RobotMapping.from_dict(degrees_as_radians)


def test_a_task_says_which_measurements_it_needs() -> None:
    mapping = fake_mapping("PandaPush-v0")
    mapping["observation"] = [entry for entry in mapping["observation"] if entry["is"] != "tool.force"]
    with pytest.raises(SpecError, match=r"Push needs tool\.force; add its entries, or, where there is no such sensor"):
        RobotMapping.from_dict(mapping)
    mapping["observation"] += [{"is": "tool.force", "unit": "N", "constant": 0.0}] * 3
    assert RobotMapping.from_dict(mapping).measures("tool.force")


@pytest.mark.parametrize("world", ["joints", "PandaReach-v0", "PandaPush-v0", "PandaSlide-v0", "XArm6Push-v0"])
def test_a_pseudo_real_robot_tells_its_own_mapping(world: str) -> None:
    RobotMapping.from_dict(fake_mapping(world))


def test_a_mapping_is_a_value() -> None:
    assert RobotMapping.from_dict(TWO_JOINTS) == RobotMapping.from_dict(copy.deepcopy(TWO_JOINTS))
