"""A small deterministic trainer for the point mass: random search over the gains of a linear policy.

It is a real trainer in every respect that the runner cares about: it learns
from worlds drawn from the randomizer, costs env steps, and keeps a checkpoint
from which a killed call goes on to the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import sim2real_envs
from sim2real.policy import MlpPolicy, Policy
from sim2real.randomizers.base import Randomizer
from sim2real.rollouts import Job, run_episode
from sim2real.training.base import CurvePoint, Lesson
from sim2real_envs.parameters import Array
from tests.support import point_mass

WORLDS = 6
"""Domains in which every candidate is tried."""


def linear_policy(gains: Array) -> MlpPolicy:
    """Return the policy that pushes with ``gains`` (2,) times (distance, velocity), clipped."""
    layer = (np.asarray(gains, dtype=np.float32)[None, :], np.zeros(1, dtype=np.float32))
    return MlpPolicy(point_mass.ENV_ID, "search", (layer,), "tanh", "clip", np.zeros(2), np.ones(2))


@dataclass(frozen=True)
class GainSearch:
    """Tries random gains until the steps are used up, and keeps the best."""

    options: dict[str, Any] = field(default_factory=dict)

    def train(
        self,
        policy: Policy | None,
        randomizer: Randomizer,
        steps: int,
        rng: np.random.Generator,
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Lesson:
        """Search; every candidate is a chunk with streams of its own."""
        entropy = int(rng.integers(2**63))
        gains = [1.0, 0.0] if policy is None else _gains(policy)
        state: dict[str, Any] = {"chunk": 0, "env_steps": 0, "gains": gains, "score": -np.inf, "curve": []}
        path = None if folder is None else folder / "state.json"
        if path is not None and path.exists():
            state = json.loads(path.read_text())
        env = sim2real_envs.make(point_mass.ENV_ID, **self.options)
        while state["env_steps"] < steps:
            state = _try_one(env, state, randomizer, np.random.default_rng([entropy, state["chunk"]]))
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.with_suffix(".new").write_text(json.dumps(state))
                path.with_suffix(".new").replace(path)
            if progress is not None:
                progress(min(state["env_steps"], steps), steps)
        env.close()
        curve = tuple(CurvePoint(*point) for point in state["curve"])
        return Lesson(linear_policy(np.array(state["gains"])), randomizer, state["env_steps"], curve)


def _gains(policy: Policy) -> list[float]:
    assert isinstance(policy, MlpPolicy)
    return [float(gain) for gain in policy.layers[0][0][0]]


def _try_one(env: Any, state: dict[str, Any], randomizer: Randomizer, rng: np.random.Generator) -> dict[str, Any]:
    first = state["chunk"] == 0
    candidate = np.array(state["gains"]) if first else np.array([rng.uniform(0.5, 12.0), rng.uniform(-6.0, 0.0)])
    rows = randomizer.sample(rng, WORLDS).values
    jobs = [Job(int(rng.integers(2**31)), randomizer.space.to_domain(row)) for row in rows]
    episodes = [run_episode(env, linear_policy(candidate), job) for job in jobs]
    score = float(np.mean([episode.total_reward for episode in episodes]))
    better = score > state["score"]
    env_steps = state["env_steps"] + sum(episode.steps for episode in episodes)
    success = float(np.mean([episode.success for episode in episodes]))
    return {
        "chunk": state["chunk"] + 1,
        "env_steps": env_steps,
        "gains": candidate.tolist() if better else state["gains"],
        "score": score if better else state["score"],
        "curve": [*state["curve"], (env_steps, WORLDS, success, score)],
    }
