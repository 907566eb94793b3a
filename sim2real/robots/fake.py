"""A pseudo-real robot: a process of its own with a world, a clock, latency and faults, behind the methods of a robot.

Nothing of it is real, and nothing that talks to it can tell: it answers over a
pipe, in degrees and millimetres, in its own time.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from sim2real.robots.fake_core import Report, RobotCore
from sim2real.robots.fake_keys import fake_mapping, heard, keys_of, spoken
from sim2real.robots.fake_worlds import FakeWorld, arm_and_task, make_world, measured_quantities
from sim2real.robots.faults import Fault, as_faults
from sim2real_envs.arms import ARMS
from sim2real_envs.errors import OptionError
from sim2real_envs.flaws import preset
from sim2real_envs.parameters import Domain
from sim2real_envs.state import WorldState

_START_S, _CLOSING_S = 60.0, 5.0


@dataclass(frozen=True)
class FakeRecipe:
    """What a pseudo-real robot is made of; see ``FakeRobot``."""

    world: str = "joints"
    domain: Domain = field(default_factory=dict)
    seed: int = 0
    latency_s: float = 0.0
    faults: tuple[Fault, ...] = ()
    tick_s: float = 0.01
    clock_drift: float = 0.0
    backend: str = "bullet"
    flaws: str | None = None

    def world_made(self) -> FakeWorld:
        """Return what it moves in."""
        return make_world(self.world, self.domain, self.seed, self.tick_s, self.backend, self.flaws)

    def object_noise(self) -> float:
        """Return one standard deviation of a measured coordinate of the object [m]: what a camera's owner knows."""
        domain = {**(preset(self.flaws).domain if self.flaws else {}), **self.domain}
        return float(domain.get("sensor.object_position_noise", 0.0))

    def core(self) -> RobotCore:
        """Return the robot."""
        return RobotCore(self.world_made(), self.tick_s, self.latency_s, self.faults, self.seed, self.clock_drift)


class FakeRobot:
    """A pseudo-real robot in a process of its own.

    Keys are those of LeRobot's arms: ``joint_1.pos`` … in degrees for observations and actions; ``joint_1.vel`` in
    deg/s; where there is a cube ``cube.x`` … in mm, ``cube.yaw`` in degrees, ``force.x`` … in N; ``stamp`` in s on the
    robot's own clock. ``mapping()`` returns the mapping that says so.

    Args:
        world: ``"joints"``: a Panda's joints with a lag, nothing else; or an environment, such as ``"PandaReach-v0"``.
        domain: Where its world differs from nominal, such as ``{"actuator.delay": 0.05}``.
        seed: Of sensor noise and of what faults draw.
        latency_s: Of every answer, and of every command until it acts [s].
        faults: When what goes wrong; see ``Fault`` and ``random_faults``.
        tick_s: Step of its own clock [s].
        clock_drift: By how much its clock runs fast, as a share.
        timeout_s: How long a call waits for an answer [s].
        backend: Physics engine of the world.
        flaws: None, or a preset of flaws that no parameter can express: ``"fresh"``, ``"worn"``, ``"hostile"``.

    Raises:
        UnknownNameError: If world, fault or parameter do not exist.
        OptionError: If a number is not allowed.
    """

    name = "fake"

    def __init__(
        self,
        world: str = "joints",
        *,
        domain: Mapping[str, float] | None = None,
        seed: int = 0,
        latency_s: float = 0.0,
        faults: Iterable[Fault | Mapping[str, Any]] = (),
        tick_s: float = 0.01,
        clock_drift: float = 0.0,
        timeout_s: float = 1.0,
        backend: str = "bullet",
        flaws: str | None = None,
    ) -> None:
        for name, value, allowed in (
            ("latency_s", latency_s, latency_s >= 0.0),
            ("tick_s", tick_s, 0.001 <= tick_s <= 0.1),
            ("timeout_s", timeout_s, timeout_s > 0.0),
        ):
            if not allowed:
                raise OptionError(f"{name}={value!r} is not allowed for a FakeRobot; see its docstring.")
        self.world, self._arm = world, ARMS[arm_and_task(world)[0]]
        self._recipe = FakeRecipe(
            world, dict(domain or {}), seed, latency_s, as_faults(faults), tick_s, clock_drift, backend, flaws
        )
        if domain or flaws:
            self._recipe.world_made().close()  # what cannot be is refused here, not in the process
        self._timeout_s = timeout_s
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._asked, self._connected = 0, False
        self._one_at_a_time = threading.Lock()  # the loop's thread reads, and a person may place things

    # -- A robot -----------------------------------------------------------------------------------------------

    @property
    def observation_features(self) -> dict[str, Any]:
        """Every key is a number."""
        sizes = {**measured_quantities(self.world), "time": 1}
        return {key: float for name, size in sizes.items() for key in keys_of(name, size)}

    @property
    def action_features(self) -> dict[str, Any]:
        """Every joint's target in degrees."""
        return dict.fromkeys(keys_of("joint.position", self._arm.size), float)

    @property
    def is_connected(self) -> bool:
        """Whether it can be read and commanded."""
        return self._connected

    @property
    def is_calibrated(self) -> bool:
        """It always is."""
        return True

    def connect(self, calibrate: bool = True) -> None:
        """Start the process, or connect anew after a fault.

        Raises:
            ConnectionError: If it does not start.
        """
        if self._process is not None and not self._process.is_alive():
            self.disconnect()
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._recipe), daemon=True)
            self._process.start()
            theirs.close()
            self._connection = ours
        self._connected = True
        self._call("connect", None, _START_S)

    def get_observation(self) -> dict[str, Any]:
        """Return the newest measurements.

        Raises:
            ConnectionError: If it is not connected (any more).
            TimeoutError: If it does not answer.
        """
        found: dict[str, Any] = self._call("observe", None, self._timeout_s)
        return found

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        """Ask for joint targets, and return them as the robot took them.

        Raises:
            KeyError: If a joint is missing.
            ConnectionError: If it is not connected (any more).
            TimeoutError: If it does not answer.
        """
        heard(action, self._arm.size)
        taken: dict[str, Any] = self._call("act", dict(action), self._timeout_s)
        return taken

    def disconnect(self) -> None:
        """End the process; may be called twice."""
        self._connected = False
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.join(timeout=_CLOSING_S)
            self._process.terminate()
            self._process.join()
            self._process.close()
        self._process = self._connection = None

    # -- What a person in the room could do ----------------------------------------------------------------------

    def place(self, start: WorldState | Mapping[str, Any]) -> None:
        """Put robot and objects where ``start`` says: what a person does between two episodes."""
        values = start.values if isinstance(start, WorldState) else start
        self._call("place", {name: np.array(array) for name, array in values.items()}, _START_S)

    def report(self) -> Report:
        """Return every command that arrived, with its time on the monotonic clock [s]."""
        report: Report = self._call("report", None, _START_S)
        return report

    def mapping(self, control: str | None = None, *, past_actions: int = 0) -> dict[str, Any]:
        """Return its mapping, as it would stand in a file; arguments as in ``fake_keys.fake_mapping``."""
        std_mm = 1e3 * self._recipe.object_noise()
        return fake_mapping(self.world, control, past_actions=past_actions, object_std_mm=round(std_mm, 3))

    # -- inside ------------------------------------------------------------------------------------------------

    def _call(self, word: str, content: Any, timeout_s: float) -> Any:
        with self._one_at_a_time:
            return self._call_alone(word, content, timeout_s)

    def _call_alone(self, word: str, content: Any, timeout_s: float) -> Any:
        connection = self._connection
        if connection is None or not self._connected:
            raise ConnectionError("The pseudo-real robot is not connected: call connect().")
        self._asked += 1
        asked, until = self._asked, time.monotonic() + timeout_s
        try:
            connection.send((asked, word, content))
            while connection.poll(max(0.0, until - time.monotonic())):
                answered, state, value = connection.recv()
                if answered != asked:  # an answer to a call that was given up
                    continue
                if state == "gone":
                    raise ConnectionResetError("the connection is gone")
                return value
        except (EOFError, OSError) as error:
            self._connected = False
            raise ConnectionError(
                f"The pseudo-real robot cannot be reached: {error or 'its process has ended'}."
            ) from None
        raise TimeoutError(f"The pseudo-real robot did not answer within {timeout_s:g} s.")


def placing(robot: FakeRobot) -> Any:
    """Return the reset source of a pseudo-real robot: it is put where the episode is to start."""
    return robot.place


def _serve(connection: Connection, recipe: FakeRecipe) -> None:
    """The life of the robot: its world goes on, and questions are answered when they are due."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the main process decides
    core = recipe.core()
    began = time.monotonic()
    answers: list[tuple[float, tuple[int, str, Any]]] = []
    try:
        while True:
            now = time.monotonic() - began
            core.run_until(now)
            due = [answer for moment, answer in answers if moment <= now]
            answers = [(moment, answer) for moment, answer in answers if moment > now]
            for answer in due:
                connection.send(answer)
            wake = min([moment for moment, _ in answers], default=now + recipe.tick_s)
            next_tick = (int(now / recipe.tick_s) + 1) * recipe.tick_s
            if not connection.poll(max(0.0, min(wake, next_tick) - (time.monotonic() - began))):
                continue
            now = time.monotonic() - began
            core.run_until(now)
            asked, word, content = connection.recv()
            for delay, state, value in _answers(core, now, began, word, content):
                answers.append((now + delay, (asked, state, value)))
    except (EOFError, OSError):
        return


def _answers(core: RobotCore, now: float, began: float, word: str, content: Any) -> list[tuple[float, str, Any]]:
    """Return the answer to a question, with its delay [s]; nothing where the robot is silent."""
    if word == "connect":
        core.connect(now)
        return [(0.0, "ok", None)]
    if word == "place":
        core.place(content)
        return [(0.0, "ok", None)]
    if word == "report":
        report = core.report()
        return [(0.0, "ok", Report(report.times + began, report.commands, report.ticks))]
    if core.gone(now):
        return [(0.0, "gone", None)]
    delay = core.delay(now)
    if word == "act":
        core.act(now, heard(content, len(content)))
        return [] if delay is None else [(delay, "ok", content)]
    return [] if delay is None else [(delay, "ok", spoken(core.observe(now)))]
