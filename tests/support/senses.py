"""Small closed-form environments with images, Dicts of arrays, and goals, for tests of what carries them."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict
from numpy.typing import NDArray

from sim2real_envs.parameters import Parameter, ParameterSpace

SPACE = ParameterSpace([Parameter("dot.speed", 0.1, 0.05, 0.2, (0.0, 1.0), "m", doc="Way of a full action.")])
SIZE, HORIZON, TOLERANCE = 40, 12, 0.15


class DotEnv(gymnasium.Env[Any, Any]):
    """A dot on a plane walks to a goal; ends there or after 12 steps.

    Args:
        sees: ``"pixels"``: an image (40, 40, 3) uint8; ``"senses"``: a Dict of image, depth, touch and numbers;
            ``"goal"``: the Dict of a goal environment, with ``compute_reward``.
        size: Pixels along a side of the images.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    parameter_space = SPACE

    def __init__(self, sees: str = "senses", size: int = SIZE, render_mode: str | None = None) -> None:
        self._sees, self._size, self.render_mode = sees, size, render_mode
        plane = Box(-4.0, 4.0, (2,), np.float32)
        image, depth = Box(0, 255, (size, size, 3), np.uint8), Box(0.0, 10.0, (size, size, 1), np.float32)
        touch = Box(-np.inf, np.inf, (2, 3), np.float32)
        self.observation_space = {
            "pixels": image,
            "senses": Dict({"proprioception": plane, "touch": touch, "rgb": image, "depth": depth, "task": plane}),
            "goal": Dict({"observation": plane, "achieved_goal": plane, "desired_goal": plane}),
        }[sees]
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._domain = SPACE.complete((options or {}).get("domain", {}))
        self._place, self._goal = self.np_random.uniform(-0.5, 0.5, (2, 2)).astype(np.float32)
        self._steps = 0
        return self._observe(), {"domain": dict(self._domain)}

    def step(self, action: NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._place = np.clip(self._place + self._domain["dot.speed"] * np.asarray(action), -4.0, 4.0)
        self._place = self._place.astype(np.float32)
        self._steps += 1
        reward = float(self.compute_reward(self._place, self._goal, {}))
        truncated = self._steps >= HORIZON and reward < 0.0
        return self._observe(), reward, reward == 0.0, truncated, {"is_success": reward == 0.0}

    @staticmethod
    def compute_reward(achieved: NDArray[Any], desired: NDArray[Any], info: Any) -> NDArray[np.float64]:
        """Return 0 within tolerance, else -1, for goals (..., 2)."""
        return np.where(np.linalg.norm(achieved - desired, axis=-1) < TOLERANCE, 0.0, -1.0)

    def applied_domain(self) -> dict[str, float]:
        return dict(self._domain)

    def render(self) -> NDArray[np.uint8]:
        picture = np.zeros((self._size, self._size, 3), np.uint8)
        for channel, point in enumerate((self._place, self._goal)):
            x, y = np.clip((0.5 + point / 2.0) * self._size, 0, self._size - 1).astype(int)
            picture[x, y, channel] = 255
        return picture

    def _observe(self) -> Any:
        if self._sees == "pixels":
            return self.render()
        if self._sees == "goal":
            here = self._place
            return {"observation": here.copy(), "achieved_goal": here.copy(), "desired_goal": self._goal.copy()}
        depth = np.full((self._size, self._size, 1), 1.0 + abs(float(self._place[0])), np.float32)
        touch = np.outer([1.0, -1.0], [self._place[0], self._place[1], self._steps]).astype(np.float32)
        return {
            "proprioception": self._place.copy(),
            "touch": touch,
            "rgb": self.render(),
            "depth": depth,
            "task": self._goal - self._place,
        }


for _sees in ("pixels", "senses", "goal"):
    gymnasium.register(
        f"sim2real_tests/Dot-{_sees}-v0",
        entry_point="tests.support.senses:DotEnv",
        kwargs={"sees": _sees},
        disable_env_checker=True,
    )
