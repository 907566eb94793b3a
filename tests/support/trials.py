"""Plans of trials on a pseudo-real robot, and an operator who follows a script."""

from __future__ import annotations

import _thread
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sim2real.policy import MlpPolicy
from sim2real.robots.fake_keys import fake_mapping
from sim2real.trials.operator import Stop
from sim2real.trials.screen import Screen


def reach_mapping() -> dict[str, Any]:
    """Return the mapping of the pseudo-real joints, on which the task Reach is done: no engine has to start."""
    policy = {"observation": "task", "task": "Reach", "control": "ee_delta", "past_actions": 0}
    return fake_mapping("joints") | {"policy": policy}


def plan_data(**changes: Any) -> dict[str, Any]:
    """Return a plan as it would stand in a file: short trials, patient safety for a busy machine."""
    target = {
        "type": "robot",
        "robot": "sim2real.robots.fake:FakeRobot",
        "mapping": reach_mapping(),
        "horizon": 4,
        "safety": {"stale_s": 20.0, "watchdog_s": 30.0, "joint_speed": 10.0, "joint_step": 0.4},
        "success": "task",
    }
    plan: dict[str, Any] = {
        "name": "reach",
        "target": target | changes.pop("target", {}),
        "policies": {"alpha": "expert", "beta": "expert"},
        "trials": 2,
    }
    return plan | changes


def small_policy(observation: int, action: int, seed: int = 0) -> MlpPolicy:
    """Return a policy with one random layer."""
    rng = np.random.default_rng(seed)
    layer = (rng.normal(size=(action, observation)).astype(np.float32), np.zeros(action, dtype=np.float32))
    mean, variance = np.zeros(observation), np.ones(observation)
    return MlpPolicy("PandaReach-v0", "PPO", (layer,), "tanh", "clip", mean, variance)


class Script:
    """An operator who answers by phase, in order, and remembers every screen.

    Args:
        answers: Phase to the keys that are pressed one after the other; the last one again and again.
        texts: What is typed where a text is asked for.
        stops: Motion, counted from 0, to the moment [s] in it when a key is pressed.
        interrupts: The same for Ctrl-C.
    """

    def __init__(
        self,
        answers: Mapping[str, list[str]],
        texts: tuple[str, ...] = (),
        stops: Mapping[int, float] | None = None,
        interrupts: Mapping[int, float] | None = None,
    ) -> None:
        self._answers = {"place": ["g"], "verdict": ["\n"], **answers}
        self._interrupts = dict(interrupts or {})
        self._texts, self._stops, self._moves = list(texts), dict(stops or {}), 0
        self.screens: list[Screen] = []

    def ask(self, screen: Screen) -> str:
        self.screens.append(screen)
        keys = self._answers[screen.phase]
        key = keys.pop(0) if len(keys) > 1 else keys[0]
        if key == "EOF":
            raise EOFError
        assert key in [each.character for each in screen.keys], f"{key!r} is not offered in {screen}"
        return key

    def text(self, prompt: str) -> str:
        return self._texts.pop(0)

    @contextlib.contextmanager
    def watching(self, screen: Screen, stop: Stop) -> Iterator[None]:
        self.screens.append(screen)
        if (ctrl_c := self._interrupts.get(self._moves)) is not None:
            threading.Timer(ctrl_c, _thread.interrupt_main).start()
        moment = self._stops.get(self._moves)
        self._moves += 1
        finger = threading.Timer(moment or 0.0, stop, ("the operator pressed a key",))
        if moment == 0.0:
            finger.run()
        elif moment is not None:
            finger.start()
        yield
        finger.cancel()
