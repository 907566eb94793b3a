"""A closed-form world with the contract of the manipulation environments, for tests of everything above them.

A block on a rail is pushed to a goal, against Coulomb friction and with
delayed commands. Positions, rest times and stops are exact for a force that is
constant over a control period, so that an episode takes well under a
millisecond and every number of it can be worked out by hand.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, Parameter, ParameterSpace
from sim2real_envs.state import WorldState

GRAVITY = 9.81
MASS, STRENGTH, PERIOD, HORIZON = 0.5, 2.0, 0.04, 60
TOLERANCE, REST = 0.02, 0.02
ENV_ID = "tests.support.point_mass:sim2real_tests/PointMass-v0"

SPACE = ParameterSpace(
    [
        Parameter("object.friction", 0.05, 0.01, 0.3, (0.0, 1.0), "-", doc="Coulomb coefficient of the rail."),
        Parameter("actuator.delay", 0.0, 0.0, 0.2, (0.0, 0.4), "s", doc="From command to force."),
        Parameter("sensor.object_position_noise", 0.0, 0.0, 0.01, (0.0, 0.1), "m", doc="One std of the position."),
    ]
)
OUTCOMES = (
    Outcome("success", "-", 1.0, "binary", "Within tolerance and at rest."),
    Outcome("object_x", "m", 0.02, doc="Where the block came to stand."),
    Outcome("duration", "s", 0.2, doc="Time used."),
)


class PointMassEnv(gymnasium.Env[Any, Any]):
    """One block, one goal, one force in [-1, 1] of its strength.

    Args:
        diverge_above: Friction from which the physics ends in NaN.
        break_above: Friction from which ``step`` raises, as a fault in somebody's environment would.
    """

    metadata = {"render_modes": []}  # noqa: RUF012
    parameter_space = SPACE
    outcomes = OUTCOMES
    control_period = PERIOD

    def __init__(self, diverge_above: float = math.inf, break_above: float = math.inf, horizon: int = HORIZON) -> None:
        self.diverge_above, self.break_above, self.horizon = diverge_above, break_above, horizon
        self.observation_space = gymnasium.spaces.Box(-10.0, 10.0, (2,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._domain = SPACE.nominal()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        options = options or {}
        self._domain = SPACE.complete(options.get("domain") or {})
        task, self._sensors = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
        start: WorldState | None = options.get("measured_start")
        drawn = float(task.uniform(-0.3, 0.0)), float(task.uniform(0.2, 0.5))
        self._x, self._goal = drawn if start is None else self._read(start)
        self._v, self._steps = 0.0, 0
        lag = round(self._domain["actuator.delay"] / PERIOD)
        self._line = deque([0.0] * lag, maxlen=lag + 1)
        self._measured = self._x + self._noise()
        return self._observation(), {"domain": self.applied_domain(), "is_success": False, "failure_mode": "none"}

    @staticmethod
    def _read(start: WorldState) -> tuple[float, float]:
        return float(start.values["joint.position"][0]), float(start.values["goal"][0])

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        friction = self._domain["object.friction"]
        if friction > self.break_above:
            raise RuntimeError(f"the rail broke at friction {friction:g}")
        self._steps += 1
        self._line.append(float(action[0]))
        force = STRENGTH * min(max(self._line[0], -1.0), 1.0) if math.isfinite(self._line[0]) else math.nan
        before = abs(self._goal - self._x)
        self._slide(math.nan if friction > self.diverge_above else force)
        diverged = not math.isfinite(self._x)
        success = abs(self._x - self._goal) <= TOLERANCE and abs(self._v) <= REST
        terminated, truncated = diverged or success, self._steps >= self.horizon
        mode = "diverged" if diverged else "timeout" if truncated and not success else "none"
        info: dict[str, Any] = {"domain": self.applied_domain(), "is_success": success, "failure_mode": mode}
        if terminated or truncated:
            values = (float(success), self._x, self._steps * PERIOD)
            info["outcome"] = {
                outcome.name: math.nan if diverged else value for outcome, value in zip(OUTCOMES, values, strict=True)
            }
        reward = 0.0 if diverged else 10.0 * (before - abs(self._goal - self._x)) + success
        return self._observation(), reward, terminated, truncated, info

    def _slide(self, force: float) -> None:
        """One period of constant force and Coulomb friction, stopping exactly where the velocity reaches zero."""
        left, resistance = PERIOD, self._domain["object.friction"] * GRAVITY
        while left > 0.0:
            push = force / MASS
            if self._v == 0.0 and abs(push) <= resistance:
                return
            way = math.copysign(1.0, self._v if self._v != 0.0 else push)
            acceleration = push - way * resistance
            stop = -self._v / acceleration if self._v * acceleration < 0.0 else math.inf
            span = min(left, stop)
            self._x += self._v * span + 0.5 * acceleration * span**2
            self._v = 0.0 if stop <= left else self._v + acceleration * span
            left -= span
            if not math.isfinite(self._x):
                return

    def _noise(self) -> float:
        return float(self._sensors.normal(0.0, 1.0)) * self._domain["sensor.object_position_noise"]

    def _observation(self) -> Array:
        return np.array([self._goal - self._x - self._noise(), self._v], dtype=np.float32)

    def applied_domain(self) -> dict[str, float]:
        return dict(self._domain)

    def world_state(self) -> WorldState:
        return self._state(self._x, {})

    def measured_start(self) -> WorldState:
        noise = self._domain["sensor.object_position_noise"]
        return self._state(self._measured, {"joint.position": np.array([noise])} if noise else {})

    def _state(self, x: float, spread: dict[str, Array]) -> WorldState:
        values = {"joint.position": np.array([x]), "joint.velocity": np.zeros(1), "goal": np.array([self._goal, 0, 0])}
        return WorldState(values, spread)


@dataclass(frozen=True)
class PushAndBrake:
    """A proportional-derivative law on (distance to the goal, velocity)."""

    stiffness: float = 4.0
    damping: float = 1.5

    def __call__(self, observation: Array) -> Array:
        force = self.stiffness * observation[0] - self.damping * observation[1]
        return np.array([min(max(float(force), -1.0), 1.0)])


gymnasium.register(
    "sim2real_tests/PointMass-v0", entry_point="tests.support.point_mass:PointMassEnv", disable_env_checker=True
)
