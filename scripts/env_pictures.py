"""Draw docs/tasks.png and docs/randomization.png, the pictures of envs/README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

import sim2real_envs
from sim2real_envs.cameras import CAMERAS
from sim2real_envs.wrappers import RandomizeOnReset

DOCS = Path(__file__).parent.parent / "docs"
SHOWN = {  # environment: seed, steps of the expert before the picture
    "PandaReach-v0": (1, 3),
    "PandaPush-v0": (1, 12),
    "PandaSlide-v0": (3, 16),
    "PandaPickAndPlace-v0": (7, 22),
    "PandaStack-v0": (2, 44),
    "PandaPegInsert-v0": (2, 10),
    "KukaPush-v0": (1, 12),
    "XArm6Push-v0": (1, 12),
}
SIZE = (400, 300)
_GAP, _COLUMNS = 6, 4


def acted(env: Any, steps: int) -> Any:
    """Return what is seen after some steps of the scripted expert, or at the end of the episode."""
    seen = None
    for _ in range(steps):
        seen, _, terminated, truncated, _ = env.step(env.unwrapped.expert_action())
        if terminated or truncated:
            break
    return seen


def sheet(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return pictures of one size side by side, in rows, on white."""
    rows = []
    for first in range(0, len(pictures), _COLUMNS):
        row = [
            np.pad(p, ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255) for p in pictures[first : first + _COLUMNS]
        ]
        rows.append(np.hstack(row))
    return np.vstack(rows)[:-_GAP, :-_GAP]


def tasks() -> NDArray[np.uint8]:
    """Return one picture of every task."""
    pictures = []
    for name, (seed, steps) in SHOWN.items():
        env = sim2real_envs.make(name, render_mode="rgb_array", render_size=SIZE)
        env.reset(seed=seed)
        acted(env, steps)
        pictures.append(np.asarray(env.render()))
        env.close()
    return sheet(pictures)


def randomization() -> NDArray[np.uint8]:
    """Return the same moment of a push as a camera sees it in drawn worlds, the first one nominal."""
    options: dict[str, Any] = {"observation": "pixels", "cameras": [CAMERAS["front"]], "image_size": SIZE}
    nominal = sim2real_envs.make("PandaPush-v0", **options)
    nominal.reset(seed=1)
    pictures = [acted(nominal, 12)]
    drawn = RandomizeOnReset(sim2real_envs.make("PandaPush-v0", **options), "visual")
    for domain_seed in range(11):
        drawn.reset(seed=100 + domain_seed)  # seeds the domains
        _, info = drawn.reset()
        nominal.reset(seed=1, options={"domain": info["domain"]})
        pictures.append(acted(nominal, 12))
    return sheet(pictures)


if __name__ == "__main__":
    imageio.imwrite(DOCS / "tasks.png", tasks())
    imageio.imwrite(DOCS / "randomization.png", randomization())
