"""Random sequences of faults: not one command beyond a limit, and none after a stop."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from sim2real.robots.drill import Drill, Drills, drill, outside, summary
from sim2real.robots.faults import FAULT_KINDS
from tests.sim2real.robots.test_env import Stage


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "sim2real.robots")


def check(drills: Drills) -> None:
    assert drills.commands > 10 * drills.sequences
    assert drills.outside == 0
    assert drills.after_stop == 0
    assert drills.stopped > 0.3 * drills.sequences


def test_faults_never_bring_a_command_beyond_a_limit_or_after_a_stop() -> None:
    drills = summary(drill(seed) for seed in range(60))
    check(drills)
    assert set(drills.faults) == set(FAULT_KINDS)
    assert drills.longest_after_stop_s <= 0.02


@pytest.mark.slow
def test_ten_thousand_sequences_of_faults() -> None:
    check(summary(drill(seed) for seed in range(10_000)))


@pytest.mark.slow
def test_thirty_sequences_against_a_robot_in_its_own_process() -> None:
    check(summary(drill(seed, process=True) for seed in range(30)))


def test_the_same_seed_gives_the_same_drill() -> None:
    assert drill(17) == drill(17)


def test_the_witness_sees_a_command_beyond_a_limit() -> None:
    stage = Stage(limits={"tool_low": [0.2, -0.4, 0.1], "tool_high": [0.7, 0.4, 0.6], "joint_speed": 1.0})
    stage.env.reset(seed=0)
    home = stage.home

    def sent(*commands: object) -> list[tuple[float, dict[str, float]]]:
        return [(0.04 * index, stage.mapping.command(np.asarray(each))) for index, each in enumerate(commands)]

    assert outside(stage.env, sent(home, home + 0.01)) == 0
    assert outside(stage.env, sent(home, home + 0.05)) == 1, "too far at once"
    assert outside(stage.env, sent(home + 3.0)) == 1, "beyond the joints' limits"
    assert outside(stage.env, sent(home, home + np.nan)) == 1
    assert outside(stage.env, sent(np.array([2.5, *home[1:]]))) == 1, "out of the workspace"


def test_a_summary_adds_up() -> None:
    one = Drill(0, ("nan",), 5, 1, 0, 0.01, "nan", 2, 1)
    two = Drill(1, ("nan", "late"), 7, 0, 2, None, "", 0, 0)
    assert summary([one, two]) == Drills(2, 12, 1, 2, 1, 1, 0.01, 2, 1, {"late": 1, "nan": 2})
