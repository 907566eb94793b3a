"""Whether an exported policy is the original: the same actions, and the same episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from sim2real.experiment.codecs import EpisodesCodec
from sim2real.exporting.numpy_policy import policy_shape
from sim2real.gap.statistics import json_number
from sim2real.policy import KeptPolicy, MlpPolicy, Policy
from sim2real.rollouts import SEEDS, Job, run_episode
from sim2real_envs.parameters import Array, Domain

RANDOM = 1000
"""How many random observations are compared."""
_LOGGED = 5000  # at most
_IMAGES_KEPT = 100
_STREAM = 20240  # of everything random here, apart from every seed of a run


@dataclass(frozen=True)
class Agreement:
    """How an exported policy compares with the original.

    Args:
        max_abs_difference: Largest difference of an action number, over all observations.
        bound: What it must stay below.
        observations: How many were compared, by where they come from: ``random``, ``real``, ``simulated``.
        episodes: How many whole episodes were run with each of the two.
        same_result: Of them, how many ended alike: success, failure mode and number of steps.
        successes: Successes of the exported policy in them.
        original_successes: Successes of the original.
    """

    max_abs_difference: float
    bound: float
    observations: Mapping[str, int]
    episodes: int
    same_result: int
    successes: int
    original_successes: int

    @property
    def holds(self) -> bool:
        """Whether the difference is below the bound and every episode ended alike."""
        return self.max_abs_difference < self.bound and self.same_result == self.episodes

    def sentence(self) -> str:
        """Return it in words."""
        count = " + ".join(f"{number} {kind}" for kind, number in self.observations.items() if number)
        return (
            f"largest difference {self.max_abs_difference:.1e} (must be below {self.bound:.0e}) on {count} "
            f"observations; {self.same_result} of {self.episodes} episodes end alike "
            f"({self.successes} and {self.original_successes} successes)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        found = {**asdict(self), "max_abs_difference": json_number(self.max_abs_difference)}
        return {**found, "holds": self.holds}


@dataclass(frozen=True)
class Trial:
    """What exported policies are tried on, and what the original did there.

    Args:
        env: Where episodes are run.
        observations: By where they come from, each (n, ...).
        actions: What the original did there, each (n, a).
        seeds: Of the episodes.
        domain: The world of the episodes.
        endings: How the original's episodes ended: success, failure mode, steps.
    """

    env: gymnasium.Env[Any, Any]
    observations: Mapping[str, NDArray[Any]]
    actions: Mapping[str, Array]
    seeds: Sequence[int]
    domain: Domain
    endings: Sequence[tuple[bool, str, int]]

    @classmethod
    def of(cls, policy: KeptPolicy, env: gymnasium.Env[Any, Any], domain: Domain, episodes: int, piece: Path) -> Trial:
        """Let the original act: on random observations, on those logged in ``piece``, and in whole episodes."""
        rng = np.random.default_rng(_STREAM)
        seeds = rng.integers(SEEDS, size=episodes).tolist()
        observations = {"random": random_observations(policy, env.observation_space, rng)}
        if isinstance(policy, MlpPolicy):
            observations["real"] = _logged(piece, policy.observation_size)
        watched = _Watched(policy)
        endings = _endings(watched, env, seeds, domain)
        observations["simulated"] = watched.kept(len(policy_shape(policy)) > 1)
        actions = {kind: _acted(policy, rows, policy.action_size) for kind, rows in observations.items()}
        return cls(env, observations, actions, seeds, domain, endings)

    def compare(self, exported: Policy, bound: float) -> Agreement:
        """Let an exported policy act in the same places, and compare."""
        worst = 0.0
        for kind, rows in self.observations.items():
            found = _acted(exported, rows, self.actions[kind].shape[1])
            worst = max(worst, float(np.abs(found - self.actions[kind]).max(initial=0.0)))
        endings = _endings(exported, self.env, self.seeds, self.domain)
        return Agreement(
            max_abs_difference=worst,
            bound=bound,
            observations={kind: len(rows) for kind, rows in self.observations.items()},
            episodes=len(endings),
            same_result=sum(mine == theirs for mine, theirs in zip(endings, self.endings, strict=True)),
            successes=sum(success for success, _, _ in endings),
            original_successes=sum(success for success, _, _ in self.endings),
        )


def random_observations(policy: KeptPolicy, space: gymnasium.Space[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return ``RANDOM`` observations: images of noise, or numbers.

    Half of the numbers are spread over three standard deviations of what the policy was trained on, half over the
    whole observation space, float32 like those of an environment.
    """
    if not isinstance(policy, MlpPolicy):
        return rng.integers(0, 256, size=(RANDOM, *policy_shape(policy)), dtype=np.uint8)
    half = RANDOM // 2
    near = policy.mean + 3.0 * np.sqrt(policy.variance) * rng.standard_normal((half, policy.observation_size))
    low, high = policy.mean - 100.0, policy.mean + 100.0
    if isinstance(space, Box) and space.shape == policy.mean.shape:
        low, high = np.maximum(space.low, low), np.minimum(space.high, high)
    far = rng.uniform(low, high, size=(RANDOM - half, policy.observation_size))
    return np.concatenate([near, far]).astype(np.float32)


def _logged(piece: Path, size: int) -> NDArray[Any]:
    """Return the observations of the real side that the piece kept, the final evaluation first, (n, o)."""
    rows: list[NDArray[Any]] = [np.empty((0, size), dtype=np.float32)]
    for path in sorted((piece / "stages").glob("*/real.npz")):
        for episode in EpisodesCodec().read(path):
            if episode.observations is not None and episode.observations.shape[1:] == (size,):
                rows.append(episode.observations.astype(np.float32))
    return np.concatenate(rows)[:_LOGGED]


class _Watched:
    """A policy that remembers what it saw."""

    def __init__(self, policy: KeptPolicy) -> None:
        self._policy, self._seen = policy, list[NDArray[Any]]()

    def __call__(self, observation: Any) -> Array:
        self._seen.append(np.array(observation))
        return self._policy(observation)

    def kept(self, images: bool) -> NDArray[Any]:
        """Return what it saw, (n, ...); of images those spread over all of them."""
        most = _IMAGES_KEPT if images else _LOGGED
        stride = -(-len(self._seen) // most) if self._seen else 1
        return np.stack(self._seen[::stride]) if self._seen else np.empty((0, *policy_shape(self._policy)))


def _acted(policy: Policy, observations: Iterable[Any], size: int) -> Array:
    rows = [policy(observation) for observation in observations]
    return np.stack(rows) if rows else np.empty((0, size))


def _endings(
    policy: Policy, env: gymnasium.Env[Any, Any], seeds: Iterable[int], domain: Domain
) -> list[tuple[bool, str, int]]:
    episodes = (run_episode(env, policy, Job(int(seed), domain), "outcomes") for seed in seeds)
    return [(episode.success, episode.failure_mode, episode.steps) for episode in episodes]
