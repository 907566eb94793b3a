"""Every kind of target that ships keeps the contract of targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from sim2real.policy import Policy
from sim2real.robots import FakeRobot
from sim2real.rollouts import Rollouts
from sim2real.targets import HiddenTarget, RecordingTarget
from sim2real.targets.robot import RobotTarget
from sim2real.testing import TargetContract
from sim2real_envs.parameters import Array
from tests.support import tosses


class Still:
    """A policy that never moves."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, observation: Array) -> Array:
        return np.zeros(self.size, dtype=np.float32)


class PseudoRealContract(TargetContract):
    options: ClassVar[dict[str, Any]]

    def make(self) -> HiddenTarget:
        return HiddenTarget(Rollouts("PandaPush-v0", {"horizon": 5, **self.options}, workers=0), {"object.mass": 0.3})

    def policy(self) -> Policy:
        return Still(2)


class TestHidden(PseudoRealContract):
    options: ClassVar[dict[str, Any]] = {}


class TestMujoco(PseudoRealContract):
    options: ClassVar[dict[str, Any]] = {"backend": "mujoco"}


class TestHostile(PseudoRealContract):
    options: ClassVar[dict[str, Any]] = {"flaws": "hostile"}


class TestRobot(TargetContract):
    repeats = False

    def make(self) -> RobotTarget:
        robot = FakeRobot(world="PandaReach-v0")
        return RobotTarget(robot, robot.mapping(), horizon=5)

    def policy(self) -> Policy:
        return Still(3)


class TestRecordings(TargetContract):
    @pytest.fixture(autouse=True)
    def _recordings(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        tosses.write(tmp_path, tosses.simulated_table({"object.friction": 0.2}, 4))

    def make(self) -> RecordingTarget:
        return RecordingTarget("cube_toss", fit=3, workers=0, folder=self.folder)

    def policy(self) -> None:
        return None


del PseudoRealContract, TargetContract
