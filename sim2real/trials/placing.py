"""Where things go before a trial: starts in centimetres and degrees, for people with a ruler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real_envs.errors import EnvError, unknown_name
from sim2real_envs.parameters import Array
from sim2real_envs.starts import replaced
from sim2real_envs.state import WorldState
from sim2real_envs.tasks import Task
from sim2real_envs.tasks.slide import Slide

BASE = 0.1  # m; nothing stands nearer to the middle of a robot's base
WORDS = ("object", "goal", "text")
_THING = {"object": ("x_cm", "y_cm", "yaw_deg"), "goal": ("x_cm", "y_cm", "z_cm")}
_NEEDED = {"object": ("x_cm", "y_cm", "yaw_deg"), "goal": ("x_cm", "y_cm")}


@dataclass(frozen=True)
class Start:
    """Where a trial begins.

    Args:
        state: For the robot and the task; empty where a person's words are all there is.
        text: What a person is told besides.
    """

    state: WorldState
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it for a log, every number as it is."""
        return {"text": self.text, "state": {name: array.tolist() for name, array in self.state.values.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Start:
        """Return what ``to_dict`` told."""
        return cls(WorldState({name: np.array(array) for name, array in data["state"].items()}), data["text"])


@dataclass(frozen=True)
class Placement:
    """Where one thing goes: on the table, from the robot's base; x away from it, y to its left.

    Args:
        name: ``"object"``, ``"goal"`` …
        position: (3,) m.
        yaw: About the vertical [rad], or None where it has no direction.
    """

    name: str
    position: Array
    yaw: float | None = None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """x, y and height in cm, angle in degrees, to a tenth: what a ruler can tell."""
        numbers = tuple(_tenths(100.0 * float(each)) for each in self.position)
        angle = "" if self.yaw is None else f"{_tenths(math.degrees(self.yaw))}°"
        return (*numbers, angle)  # type: ignore[return-value]


def placements(state: WorldState) -> tuple[Placement, ...]:
    """Return what a person has to place for ``state``; the robot's joints are its own business."""
    found = []
    for name in ("object.pose", "support.pose", "hole.pose"):
        if name in state.values:
            pose = state.values[name]
            found.append(Placement(name.removesuffix(".pose"), pose[:3], _yaw(pose[3:])))
    if "goal" in state.values:
        found.append(Placement("goal", state.values["goal"]))
    return tuple(found)


def drawn_starts(task: Task, count: int, rng: np.random.Generator) -> tuple[Start, ...]:
    """Return so many starts as the task draws them."""
    return tuple(Start(task.sample(rng)) for _ in range(count))


def listed_starts(
    listed: Any, task: Task | None, problems: list[tuple[tuple[str | int, ...], str]]
) -> tuple[Start, ...]:
    """Return the starts that a plan lists, and add to ``problems`` (place, text) what is wrong with them.

    Args:
        listed: Entries such as ``{object: {x_cm: 44, y_cm: -3, yaw_deg: 15}, goal: {x_cm: 60, y_cm: 8}}`` or
            ``{text: "the cup on mark A"}``.
        task: Whose objects and goals they place; None where there are words only.
        problems: Of the plan.
    """
    law = "must be 'drawn', or a list of starts such as {object: {x_cm: 44, y_cm: -3, yaw_deg: 15}, goal: {…}}"
    if not isinstance(listed, list | tuple) or not listed:
        problems.append((("starts",), f"{law}, but got {listed!r:.60}"))
        return ()
    usual = None if task is None else task.sample(np.random.default_rng(0))
    starts = []
    for index, entry in enumerate(listed):
        before = len(problems)
        start = _start(entry, ("starts", index), usual, problems)
        if len(problems) > before or start is None:
            continue
        try:
            if task is not None:
                task.check_start(start.state)
        except EnvError as error:
            problems.append((("starts", index), str(error)))
            continue
        problems += [((*("starts", index), name), text) for name, text in _misplaced(start, task)]
        starts.append(start)
    return tuple(starts)


def _misplaced(start: Start, task: Task | None) -> list[tuple[str, str]]:
    """Return (name, what is wrong) of things that no arm could do anything with."""
    found: list[tuple[str, str]] = []
    if task is None:
        return found
    for placed in placements(start.state):
        distance, reach = math.hypot(*placed.position[:2].tolist()), task.scene.arm.reach
        if distance < BASE:
            text = f"lies {100 * distance:.3g} cm from the middle of the robot's base; numbers are in cm, not m"
            found.append((placed.name, text))
        elif distance > reach and not (placed.name == "goal" and isinstance(task, Slide)):
            text = f"is {100 * distance:.0f} cm from the base, but the arm reaches {100 * reach:.0f} cm"
            found.append((placed.name, text))
    return found


def _start(
    entry: Any,
    place: tuple[str | int, ...],
    usual: WorldState | None,
    problems: list[tuple[tuple[str | int, ...], str]],
) -> Start | None:
    if not isinstance(entry, Mapping):
        problems.append((place, f"must map any of {', '.join(WORDS)} to where it goes, but got {entry!r:.60}"))
        return None
    text = entry.get("text", "")
    if not isinstance(text, str):
        problems.append(((*place, "text"), f"must be text, but got {text!r:.60}"))
    has = {} if usual is None else {"object": "object.pose" in usual.values, "goal": "goal" in usual.values}
    for name in entry:
        if name not in WORDS:
            problems.append(((*place, str(name)), unknown_name(str(name), "what a start can say", WORDS)))
        elif name != "text" and not has.get(name):
            why = "the mapping names no task; say it in `text`" if usual is None else f"the task has no {name}"
            problems.append(((*place, name), f"cannot be placed: {why}"))
    for name, there in has.items():
        if there and name not in entry:
            problems.append(((*place, name), f"is missing; say {', '.join(_NEEDED[name])}"))
    if usual is None and not text:
        problems.append((place, "must have a `text`: the mapping names no task, so only words can say what to place"))
    things = {name: _thing(entry[name], (*place, name), problems) for name in has if has[name] and name in entry}
    if usual is None or any(thing is None for thing in things.values()):
        return Start(WorldState({}), str(text))
    given: dict[str, Array] = {}
    if (thing := things.get("object")) is not None:
        yaw, height = math.radians(thing["yaw_deg"]), usual.values["object.pose"][2]
        turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
        given["object.pose"] = np.array([thing["x_cm"] / 100, thing["y_cm"] / 100, height, *turn])
    if (thing := things.get("goal")) is not None:
        height = thing["z_cm"] / 100 if "z_cm" in thing else usual.values["goal"][2]
        given["goal"] = np.array([thing["x_cm"] / 100, thing["y_cm"] / 100, height])
    return Start(replaced(usual, WorldState(given)), str(text))


def _thing(
    entry: Any, place: tuple[str | int, ...], problems: list[tuple[tuple[str | int, ...], str]]
) -> dict[str, float] | None:
    name = str(place[-1])
    if not isinstance(entry, Mapping):
        problems.append((place, f"must map {', '.join(_THING[name])} to numbers, but got {entry!r:.60}"))
        return None
    before = len(problems)
    for key in entry:
        if key not in _THING[name]:
            problems.append(((*place, str(key)), unknown_name(str(key), "a key here", _THING[name])))
    for key in _NEEDED[name]:
        if key not in entry:
            problems.append(((*place, key), "is missing"))
    for key, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            problems.append(((*place, str(key)), f"must be a finite number, but got {value!r}"))
    return {key: float(value) for key, value in entry.items()} if len(problems) == before else None


def _yaw(quaternion: Array) -> float:
    x, y, z, w = quaternion.tolist()
    return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def _tenths(number: float) -> str:
    return f"{round(number, 1) + 0.0:.1f}"
