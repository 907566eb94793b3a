"""A robot arm alone, driven by joint commands: the rig of a robot's own log.

Engine, joint law and actuators are those of the environments, and so are their parameters: what is identified here
from a log is what training randomizes there. There are no sensors between; nothing stands within reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sim2real_envs.actuators import Actuators
from sim2real_envs.arms import ARMS, Arm
from sim2real_envs.backends import make_backend
from sim2real_envs.errors import OptionError, StateError, UnknownNameError
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Domain, ParameterSpace
from sim2real_envs.rigs.base import Misfit, Path, Signal
from sim2real_envs.rigs.errors import root_mean_square
from sim2real_envs.scene import Body, Scene
from sim2real_envs.state import WorldState

TIMESTEP = 0.002
"""Physics step [s] where the period is a multiple of it."""
_FLOOR = Body("table", (0.5, 0.6, 0.2), (0.35, 0.0, -5.0))  # out of reach
_FAR = 100.0  # [rad], [rad/s]: a joint beyond is not physics any more
_SCALE = 0.005  # [rad]: an error of a few mm at the tool

MISFITS = (
    Misfit(
        "joint_angle_error", "mrad", 1e3, pool="rms",
        doc="Root mean square difference of the joint angles, over joints and time.",
    ),
)  # fmt: skip


class ArmRig:
    """An arm under its joint controller, as in the environments.

    Args:
        arm: Name of the arm: Panda, Kuka or XArm6.
        backend: Name of the physics engine.
        period: Control period [s], from one command to the next.
        substeps: Physics steps in a period; None for steps of 2 ms or a little more.
        stiffness: Nominal gains kp of the joints, (n,) [Nm/rad]; None for the arm's own.
        damping: Nominal gains kd of the joints, (n,) [Nm s/rad]; None for the arm's own.

    Raises:
        UnknownNameError: If there is no such arm or engine.
        OptionError: If period or substeps are not positive, or gains are not n positive numbers.
    """

    def __init__(
        self,
        arm: str = "Panda",
        backend: str = "bullet",
        period: float = 0.04,
        substeps: int | None = None,
        stiffness: Sequence[float] | None = None,
        damping: Sequence[float] | None = None,
    ) -> None:
        if arm not in ARMS:
            raise UnknownNameError(arm, "an arm", ARMS)
        if not (math.isfinite(period) and period > 0.0):
            raise OptionError(f"`period > 0` must hold, but got period={period!r} s.")
        count = max(1, math.floor(period / TIMESTEP + 1e-9)) if substeps is None else substeps
        if count < 1:
            raise OptionError(f"`substeps >= 1` must hold, but got substeps={substeps!r}.")
        self._arm = _with_gains(ARMS[arm], stiffness, damping)
        self._period = period
        self.scene = Scene(self._arm, _FLOOR)
        self._backend = make_backend(backend, self.scene, period, period / count)
        self._actuators = Actuators(self._arm)
        self._space = _in_order(self._backend.parameters, self._actuators.parameters)
        self._applied: dict[str, float] | None = None
        self.apply(self._space.nominal())

    @property
    def parameters(self) -> ParameterSpace:
        """Of the joints, of the actuators, and of the world."""
        return self._space

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Where each joint is halfway and at the end, for methods that learn from outcomes."""
        return tuple(
            Outcome(f"joint_{index}_{when}", "rad", _SCALE, doc=f"Angle of joint {index} {words}.")
            for index in range(1, self._arm.size + 1)
            for when, words in (("halfway", "halfway through"), ("end", "at the end"))
        )

    @property
    def signals(self) -> tuple[Signal, ...]:
        """Angle and speed of the joints."""
        names = tuple(f"joint {index}" for index in range(1, self._arm.size + 1))
        return (
            Signal("joint.position", names, "rad", drawn=self._arm.size),
            Signal("joint.velocity", names, "rad/s", drawn=0),
        )

    @property
    def controls(self) -> tuple[Signal, ...]:
        """Joint targets."""
        names = tuple(f"joint {index}" for index in range(1, self._arm.size + 1))
        return (Signal("joint.command", names, "rad", drawn=self._arm.size),)

    @property
    def misfits(self) -> tuple[Misfit, ...]:
        """Root mean square error of the joint angles."""
        return MISFITS

    def apply(self, domain: Domain) -> None:
        """Set every parameter."""
        if domain == self._applied:  # the recordings of a replay meet the same domain one after another
            return
        self._backend.apply(domain)
        self._actuators.bind(self._backend.joint_inertia(), self._backend.timestep)
        self._actuators.apply(domain)
        self._applied = dict(domain)

    def applied(self) -> dict[str, float]:
        """Read every value back from the engine and the actuators."""
        values = {**self._backend.applied(), **self._actuators.applied()}
        return {name: values[name] for name in self._space}

    def simulate(self, domain: Domain, start: WorldState, actions: Array, times: Array) -> Path:
        """Return what the arm does under a row of commands: ``"joint.position"`` and ``"joint.velocity"`` (t, n).

        Args:
            domain: Values of some parameters; the others are nominal.
            start: ``"joint.position"`` (n,); ``"joint.velocity"`` (n,), 0 where it is not there; commands (h, n) that
                were sent before, latest last, for the delay. Where there are none the arm was held where it is.
            actions: Joint targets (t - 1, n) [rad], each sent at its time and in force until the next.
            times: (t,) from 0, multiples of the control period [s].

        Raises:
            StateError: If the start lacks positions, or a shape or a time is not as above.
        """
        self.apply(self._space.complete(domain))
        periods = self._periods(times)
        size = self._arm.size
        if actions.shape != (len(periods), size):
            raise StateError(f"Commands must have shape ({len(periods)}, {size}), but got {actions.shape}.")
        position = start.values.get("joint.position")
        if position is None or position.shape != (size,):
            raise StateError(f"An arm starts from 'joint.position' ({size},), but the start has {_shapes(start)}.")
        if start.commands is not None and start.commands.shape[1:] != (size,):
            raise StateError(f"Past commands must have shape (h, {size}), but got {start.commands.shape}.")
        self._backend.reset(start)
        self._actuators.reset(start)
        velocity = start.values.get("joint.velocity", np.zeros(size))
        path = np.full((len(times), 2, size), np.nan)
        path[0] = position, velocity
        for row, (target, count) in enumerate(zip(actions.tolist(), periods, strict=True), start=1):
            for _ in range(count):
                schedule = self._actuators.schedule(target, self._backend.substeps)
                self._backend.advance(self._actuators.law, schedule, self._backend.substeps)
            reading = self._backend.read()
            path[row] = reading.joint_position, reading.joint_velocity
            if not (np.abs(path[row]) < _FAR).all():  # also where it is NaN
                path[row:] = np.nan
                break
        diverged = not np.isfinite(path).all()
        values = {"joint.position": path[:, 0].copy(), "joint.velocity": path[:, 1].copy()}
        return Path(np.array(times, dtype=np.float64), values, diverged)

    def _periods(self, times: Array) -> list[int]:
        steps = np.diff(times) / self._period
        periods = np.rint(steps)
        if times.ndim != 1 or len(times) < 2 or times[0] != 0.0 or not (periods >= 1).all():
            raise StateError("`times` must have shape (t,) with t >= 2, begin at 0 and increase by at least a period.")
        if np.abs(steps - periods).max() > 1e-3:
            raise StateError(f"`times` must be multiples of the control period of {self._period:.6g} s.")
        counts: list[int] = periods.astype(int).tolist()
        return counts

    def measure(self, times: Array, values: Mapping[str, Array]) -> dict[str, float]:
        """Return the declared outcomes of a path, recorded or simulated."""
        angles = values["joint.position"]
        halfway, end = angles[len(angles) // 2].tolist(), angles[-1].tolist()
        found = {f"joint_{index}_halfway": value for index, value in enumerate(halfway, start=1)}
        found |= {f"joint_{index}_end": value for index, value in enumerate(end, start=1)}
        return {outcome.name: found[outcome.name] for outcome in self.outcomes}

    def misfit(self, times: Array, recorded: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
        """Return the root mean square error of the joint angles [rad]."""
        sides = {"predicted": predicted, "recorded": recorded}
        angles = {side: values["joint.position"].T for side, values in sides.items()}  # (n, t)
        error = root_mean_square(**angles)
        return {"joint_angle_error": float(np.sqrt(np.mean(error**2)))}

    def close(self) -> None:
        """Release the engine; may be called twice."""
        self._backend.close()


def _with_gains(arm: Arm, stiffness: Sequence[float] | None, damping: Sequence[float] | None) -> Arm:
    """Return ``arm`` with other gains."""
    for name, values in (("stiffness", stiffness), ("damping", damping)):
        if values is not None and not (len(values) == arm.size and all(0.0 < value < math.inf for value in values)):
            raise OptionError(f"`{name}` must be {arm.size} positive numbers, but got {list(values)}.")
    kp = [joint.stiffness for joint in arm.joints] if stiffness is None else stiffness
    kd = [joint.damping for joint in arm.joints] if damping is None else damping
    gains = zip(arm.joints, kp, kd, strict=True)
    return replace(arm, joints=tuple(replace(joint, stiffness=float(p), damping=float(d)) for joint, p, d in gains))


def _in_order(world: ParameterSpace, actuators: ParameterSpace) -> ParameterSpace:
    """Return all parameters: of the joints, of the actuators, of the world."""
    together = [*world.values(), *actuators.values()]
    prefixes = ("joint", "actuator", "physics")
    return ParameterSpace(
        parameter for prefix in prefixes for parameter in together if parameter.name.startswith(f"{prefix}.")
    )


def _shapes(start: WorldState) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in start.values.items()) or "nothing"
