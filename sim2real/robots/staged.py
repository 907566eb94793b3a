"""The same pseudo-real robot in simulated time: a day of faults in a second, for tests and drills."""

from __future__ import annotations

from typing import Any

from sim2real.robots.clock import SimulatedClock
from sim2real.robots.fake import FakeRecipe
from sim2real.robots.fake_core import RobotCore
from sim2real.robots.fake_keys import heard, keys_of, spoken
from sim2real.robots.fake_worlds import arm_and_task, measured_quantities
from sim2real_envs.arms import ARMS


class StagedRobot:
    """A pseudo-real robot without a process: a call takes simulated time and no other.

    Args:
        recipe: What it is made of.
        clock: Where time passes.
        timeout_s: How long a call waits for an answer [s].
    """

    def __init__(self, recipe: FakeRecipe, clock: SimulatedClock, *, timeout_s: float = 1.0) -> None:
        self._recipe, self._clock, self._timeout_s = recipe, clock, timeout_s
        self._core: RobotCore | None = None
        self._connected = False

    @property
    def observation_features(self) -> dict[str, Any]:
        """Every key is a number."""
        sizes = {**measured_quantities(self._recipe.world), "time": 1}
        return dict.fromkeys((key for name, size in sizes.items() for key in keys_of(name, size)), float)

    @property
    def action_features(self) -> dict[str, Any]:
        """Every joint's target in degrees."""
        return dict.fromkeys(keys_of("joint.position", ARMS[arm_and_task(self._recipe.world)[0]].size), float)

    @property
    def is_connected(self) -> bool:
        """Whether it can be read and commanded."""
        return self._connected

    def connect(self, calibrate: bool = True) -> None:
        """Connect, anew after a fault."""
        self._core = self._core or self._recipe.core()
        self._core.connect(self._clock.now())
        self._connected = True

    def get_observation(self) -> dict[str, Any]:
        """Return the newest measurements; errors as those of ``FakeRobot``."""
        core = self._reached()
        now, delay = self._clock.now(), core.delay(self._clock.now())
        values = core.observe(now)
        self._wait(delay)
        return dict(spoken(values))

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Ask for joint targets; errors as those of ``FakeRobot``."""
        core = self._reached()
        now = self._clock.now()
        delay = core.delay(now)
        core.act(now, heard(action, len(action)))
        self._wait(delay)
        return dict(action)

    def disconnect(self) -> None:
        """Disconnect; may be called twice."""
        self._connected = False

    def _reached(self) -> RobotCore:
        now = self._clock.now()
        if self._core is None or not self._connected:
            raise ConnectionError("The robot is not connected: call connect().")
        self._core.run_until(now)
        if self._core.gone(now):
            self._connected = False
            raise ConnectionError("The connection is gone.")
        return self._core

    def _wait(self, delay: float | None) -> None:
        if delay is None or delay > self._timeout_s:
            self._clock.pass_time(self._timeout_s)
            raise TimeoutError(f"The robot did not answer within {self._timeout_s:g} s.")
        self._clock.pass_time(delay)
