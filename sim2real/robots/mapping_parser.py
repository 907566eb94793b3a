"""The strict reader of mappings: every mistake at once, each with its place, its value and what is allowed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sim2real.errors import SpecError
from sim2real.robots.mapping import Channel, PolicyView, RobotMapping
from sim2real.robots.task_needs import needed_by, task_names
from sim2real.robots.units import COMMANDED, QUANTITIES, UNITS, units_of
from sim2real_envs.arms import ARMS
from sim2real_envs.control import CONTROLS
from sim2real_envs.errors import unknown_name

POSITION_CONTROLS = ("joint_position", *(name for name in CONTROLS if name not in ("joint_torque", "joint_position")))
_TOP = ("arm", "observation", "action", "policy")
_CHANNEL = ("key", "is", "unit", "low", "high", "scale", "offset", "std", "constant")
_POLICY = ("observation", "control", "task", "past_actions")
_MOST_PAST = 100
_SLACK = 1e-4  # [rad] by which stated limits may exceed the arm's, for those who round


def parse_mapping(value: object, source: str) -> RobotMapping:
    """Return the mapping that ``value`` describes.

    Raises:
        SpecError: With all mistakes.
    """
    problems: list[str] = []
    if not isinstance(value, Mapping):
        raise SpecError([f"a mapping must have the keys {', '.join(_TOP)}, but got {value!r:.80}"], source)
    _check_keys(value, _TOP, "", problems)
    arm = value.get("arm")
    if arm is not None and arm not in ARMS:
        problems.append(f"arm: {unknown_name(str(arm), 'an arm', ARMS)}")
        arm = None
    observation = _channels(value, "observation", QUANTITIES, problems)
    action = _channels(value, "action", COMMANDED, problems)
    policy = _policy(value.get("policy", {}), problems)
    if not problems:
        _check_together(arm, observation, action, policy, problems)
    if problems:
        raise SpecError(problems, source)
    return RobotMapping(tuple(observation), tuple(action), arm, policy)


def _channels(value: Mapping[str, Any], side: str, known: Iterable[str], problems: list[str]) -> list[Channel]:
    listed = value.get(side)
    if not isinstance(listed, list | tuple) or not listed:
        problems.append(
            f"{side}: must be a list with an entry for each number, such as "
            f"{{key: joint_1.pos, is: joint.position, unit: deg, low: -90, high: 90}}, but got {listed!r:.60}"
        )
        return []
    channels = []
    for index, entry in enumerate(listed):
        before = len(problems)
        channel = _channel(entry, f"{side}[{index}]", side, tuple(known), problems)
        if len(problems) == before and channel is not None:
            channels.append(channel)
    for key, count in Counter(channel.key for channel in channels if channel.key).items():
        if count > 1:
            problems.append(f"{side}: the key {key!r} stands there {count} times; each number has one place")
    return channels


def _channel(entry: object, place: str, side: str, known: tuple[str, ...], problems: list[str]) -> Channel | None:
    if not isinstance(entry, Mapping):
        problems.append(f"{place}: must map {', '.join(_CHANNEL)} to values, but got {entry!r:.60}")
        return None
    _check_keys(entry, _CHANNEL, f"{place}.", problems)
    quantity, unit = entry.get("is"), entry.get("unit")
    if quantity not in known:
        problems.append(f"{place}.is: {unknown_name(str(quantity), f'what an {side} can be', known)}")
        return None
    dimension = QUANTITIES[quantity].dimension
    if unit is None or unit not in units_of(dimension):
        allowed = ", ".join(units_of(dimension))
        said = "is missing; units are not guessed" if unit is None else f"{unit!r} does not measure {quantity}"
        problems.append(f"{place}.unit: {said}. Allowed: {allowed}")
        return None
    fixed = "constant" in entry and side == "observation"
    if "constant" in entry and not fixed:
        problems.append(f"{place}.constant: an action cannot be constant; leave the key out")
    if fixed and "key" in entry:
        problems.append(f"{place}: has both a key and a constant; keep one")
    key = entry.get("key", "" if fixed else None)
    if not isinstance(key, str) or not (key or fixed):
        problems.append(f"{place}.key: must be the robot's name for this number, but got {key!r}")
        return None
    numbers = {name: _number(entry, name, place, problems) for name in ("scale", "offset", "std", "constant")}
    needs_limits = not fixed and quantity != "time"
    low, high = (_number(entry, name, place, problems, needed=needs_limits) for name in ("low", "high"))
    if low is not None and high is not None and not low < high:
        problems.append(f"{place}: `low < high` must hold, but got (low={low:g}, high={high:g})")
    if numbers["scale"] == 0.0:
        problems.append(f"{place}.scale: must not be 0")
    if (numbers["std"] or 0.0) < 0.0:
        problems.append(f"{place}.std: must be at least 0, but got {numbers['std']:g}")
    return Channel(
        key=key,
        quantity=quantity,
        unit=unit,
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
        scale=1.0 if numbers["scale"] is None else numbers["scale"],
        offset=numbers["offset"] or 0.0,
        std=numbers["std"] or 0.0,
        constant=numbers["constant"],
    )


def _number(
    entry: Mapping[str, Any], name: str, place: str, problems: list[str], *, needed: bool = False
) -> float | None:
    if name not in entry:
        if needed:
            problems.append(f"{place}.{name}: is missing; state it in {entry['unit']}")
        return None
    value = entry[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        problems.append(f"{place}.{name}: must be a finite number, but got {value!r}")
        return None
    return float(value)


def _policy(value: object, problems: list[str]) -> PolicyView:
    if not isinstance(value, Mapping):
        problems.append(f"policy: must map {', '.join(_POLICY)} to values, but got {value!r:.60}")
        return PolicyView()
    before = len(problems)
    _check_keys(value, _POLICY, "policy.", problems)
    observation, control = value.get("observation", "list"), value.get("control", "joint_position")
    task, past = value.get("task"), value.get("past_actions", 0)
    if observation not in ("list", "task"):
        problems.append(f"policy.observation: {unknown_name(str(observation), 'what a policy sees', ('list', 'task'))}")
    if control not in POSITION_CONTROLS:
        problems.append(f"policy.control: {unknown_name(str(control), 'a control of a robot', POSITION_CONTROLS)}")
    if task is not None and task not in task_names():
        problems.append(f"policy.task: {unknown_name(str(task), 'a task', task_names())}")
    if isinstance(past, bool) or not isinstance(past, int) or not 0 <= past <= _MOST_PAST:
        problems.append(f"policy.past_actions: must be a whole number in 0 … {_MOST_PAST}, but got {past!r}")
    return PolicyView(observation, control, task, past) if len(problems) == before else PolicyView()


def _check_together(
    arm: str | None,
    observation: list[Channel],
    action: list[Channel],
    policy: PolicyView,
    problems: list[str],
) -> None:
    seen = Counter(channel.quantity for channel in observation)
    asked = Counter(channel.quantity for channel in action)
    joints = asked["joint.position"]
    if joints == 0:
        problems.append("action: has no joint.position; every joint of the arm needs an entry")
    if seen["joint.position"] != joints:
        problems.append(
            f"observation: has {seen['joint.position']} joint.position, but action has {joints}; they must be the same "
            "joints in the same order"
        )
    if seen["joint.velocity"] not in (0, joints):
        problems.append(f"observation: has {seen['joint.velocity']} joint.velocity, allowed are 0 or {joints}")
    for counts, side in ((seen, "observation"), (asked, "action")):
        for name, count in counts.items():
            size = QUANTITIES[name].size
            if size and count != size:
                problems.append(f"{side}: {name} needs {size} entries, but has {count}")
    if asked["finger.position"] and not seen["finger.position"]:
        problems.append("observation: finger.position is commanded, so it must be measured too")
    if action and [channel.quantity for channel in action] != sorted(
        (channel.quantity for channel in action), key=COMMANDED.index
    ):
        problems.append("action: the joints come first, finger.position last")
    if arm is None:
        for word, used in (("task", policy.task is not None), ("control", policy.control != "joint_position")):
            if used:
                problems.append(f"policy.{word}: needs to know the arm; add `arm:`, one of {', '.join(ARMS)}")
        return
    if asked["finger.position"] and policy.control != "joint_position":
        problems.append(f"action: {policy.control} does not move finger.position; leave it out")
    _check_arm(arm, action, joints, problems)
    _check_task(arm, seen, asked, policy, problems)


def _check_arm(arm: str, action: list[Channel], joints: int, problems: list[str]) -> None:
    model = ARMS[arm]
    if joints != model.size:
        problems.append(f"action: has {joints} joint.position, but the {arm} has {model.size} joints")
        return
    for index, (channel, joint) in enumerate(zip(action, model.joints, strict=False)):
        low, high = channel.bounds
        if low < joint.lower - _SLACK or high > joint.upper + _SLACK:
            unit = UNITS[channel.unit][1]
            problems.append(
                f"action[{index}]: low {channel.low:g} … high {channel.high:g} {channel.unit} go beyond joint "
                f"{index + 1} of the {arm}: {joint.lower / unit:.4g} … {joint.upper / unit:.4g}"
            )


def _check_task(arm: str, seen: Counter[str], asked: Counter[str], policy: PolicyView, problems: list[str]) -> None:
    if policy.task is None:
        for word, used in (
            ("observation: task", policy.observation == "task"),
            ("control: ee_delta", policy.control == "ee_delta"),
        ):
            if used:
                problems.append(f"policy.task: is missing; `{word}` needs one of {', '.join(task_names())}")
        return
    for name in needed_by(arm, policy.task):
        if not seen[name]:
            problems.append(
                f"observation: {policy.task} needs {name}; add its entries, or, where there is no such sensor, "
                f"`{{is: {name}, unit: …, constant: …}}`"
            )


def _check_keys(entry: Mapping[Any, Any], known: tuple[str, ...], place: str, problems: list[str]) -> None:
    for name in entry:
        if name not in known:
            problems.append(f"{place}{name}: {unknown_name(str(name), 'a key here', known)}")
