"""What the operator sees fits a small terminal and says what to put where."""

from __future__ import annotations

import io
import math
import re

import numpy as np
import pytest
from rich.console import Console

from sim2real.gap.statistics import wilson
from sim2real.trials.placing import placements
from sim2real.trials.screen import Progress, Screen, drawn, plain, sketch
from sim2real.trials.session import BRING, GO, NOTE, PAUSE, QUIT, UNDO
from sim2real_envs.state import WorldState

YAW = math.radians(-23.0)
START = WorldState(
    {
        "joint.position": np.zeros(7),
        "object.pose": np.array([0.407, -0.063, 0.025, 0.0, 0.0, math.sin(YAW / 2), math.cos(YAW / 2)]),
        "goal": np.array([0.632, 0.0301, 0.0]),
    }
)
SCREEN = Screen(
    "place",
    "push_on_our_arm",
    Progress(12, 60, 5, 20, 1, 2880.0),
    (GO, BRING, UNDO, NOTE, PAUSE, QUIT),
    ("Place everything as above, and step back out of the robot's reach.",),
    placements(START),
    "trial 13",
)


def shown(screen: Screen) -> list[str]:
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(drawn(screen))
    return console.export_text().splitlines()


def test_the_screen_fits_80_columns_and_24_rows() -> None:
    text = shown(SCREEN)
    assert len(text) <= 23  # and a row for the cursor
    assert max(map(len, text)) <= 80
    whole = "\n".join(text)
    for part in (
        "40.7  -6.3   2.5  -23.0°",
        "63.2   3.0   0.0",
        "12 of 60 done, block 5 of 20, 1 spoiled, about 48 min left",
    ):
        assert part in whole


def test_plain_lines_say_the_same() -> None:
    text = "\n".join(plain(SCREEN))
    assert "object: x 40.7 cm, y -6.3 cm, height 2.5 cm, turned -23.0°" in text
    assert "goal: x 63.2 cm, y 3.0 cm, height 0.0 cm\n" in text
    assert "12 of 60 done, 1 spoiled, about 48 min left" in text
    assert re.search(r"type: go \(.*quit \(", text)


def test_left_is_left_and_far_is_up() -> None:
    rows = sketch(placements(START))
    at = {sign: (row, line.index(sign)) for row, line in enumerate(rows) for sign in "■◎R" if sign in line}
    assert at["◎"][0] < at["■"][0] < at["R"][0]
    assert at["◎"][1] < at["R"][1] < at["■"][1]
    assert "■↗" in "".join(rows), "23 degrees to the right"


@pytest.mark.parametrize("y", [-3.0, 0.0, 3.0])
def test_a_drawing_has_room_for_everything(y: float) -> None:
    pose = np.array([-0.5, y, 0.0, 0.0, 0.0, 0.0, 1.0])
    rows = sketch(placements(WorldState({"object.pose": pose, "goal": np.array([2.0, -y, 0.0])})))
    assert len({len(row) for row in rows}) == 1
    assert "◎" in "".join(rows)


def test_rates_are_on_the_screen_only_where_it_is_not_blind() -> None:
    assert "95 %" not in "\n".join(shown(SCREEN))
    progress = Progress(12, 60, 5, 20, rates={"fixed": wilson(3, 6), "particles": wilson(0, 0)})
    seeing = "\n".join(shown(Screen("place", "push", progress, (GO,))))
    assert "3 of 6" in seeing
    assert "19% to 81%" in seeing
