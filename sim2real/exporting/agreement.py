"""Whether an exported policy is the original: the same actions, and the same episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from sim2real.experiment.codecs import EpisodesCodec
from sim2real.exporting.numpy_policy import policy_shape
from sim2real.gap.metrics import paired_success_gap
from sim2real.gap.statistics import json_number
from sim2real.policy import KeptPolicy, MlpPolicy, Policy
from sim2real.rollouts import SEEDS, Job, run_episode
from sim2real_envs.parameters import Array, Domain

Ending: TypeAlias = tuple[bool, str, int]
"""Success, failure mode, steps."""
RANDOM = 1000
"""How many random observations are compared."""
SIGNIFICANT = 0.05
"""McNemar's p below which two policies do not succeed equally often."""
_LOGGED = 5000  # at most
_IMAGES_KEPT = 100
_STREAM = 20240  # of everything random here, apart from every seed of a run


@dataclass(frozen=True)
class Alike:
    """How many of the same episodes two policies ended alike.

    Args:
        success: With the same success.
        ending: With the same success and failure mode, in the same step.
        mcnemar_p: Exact p value that both succeed equally often.
    """

    success: int
    ending: int
    mcnemar_p: float


@dataclass(frozen=True)
class Agreement:
    """How an exported policy compares with the original.

    Contacts amplify: a policy that differs in the seventh digit ends some episodes otherwise, as the original itself
    does when its actions are off by as little. That is measured beside it, so that the two can be told apart from a
    policy that is wrong.

    Args:
        differences: Largest difference of an action number, by where the observations come from.
        bound: What they must stay below.
        observations: How many were compared, by where they come from: ``random``, ``real``, ``simulated``.
        episodes: How many whole episodes were run with each of the two.
        successes: Successes of the exported policy in them.
        original_successes: Successes of the original.
        alike: How many ended alike.
        jittered: How many the original ended alike with random errors of that size on its actions; None where both
            policies are equal to the bit.
    """

    differences: Mapping[str, float]
    bound: float
    observations: Mapping[str, int]
    episodes: int
    successes: int
    original_successes: int
    alike: Alike
    jittered: Alike | None = None

    @property
    def max_abs_difference(self) -> float:
        """Largest difference of an action number, over all observations."""
        return max(self.differences.values(), default=0.0)

    @property
    def holds(self) -> bool:
        """Whether the difference is below the bound, and the successes are the same or do not differ noticeably.

        Equal bits must give equal episodes; else McNemar's p must be at least 0.05.
        """
        if self.max_abs_difference == 0.0:
            return self.alike.ending == self.episodes
        return self.max_abs_difference < self.bound and self.alike.mcnemar_p >= SIGNIFICANT

    def sentence(self) -> str:
        """Return it in words."""
        count = " + ".join(f"{number} {kind}" for kind, number in self.observations.items() if number)
        text = (
            f"largest difference {self.max_abs_difference:.1e} (must be below {self.bound:.0e}) on {count} observations"
        )
        if self.jittered is None:
            return f"{text}; {self.alike.ending} of {self.episodes} episodes end alike, {self.successes} successes"
        return (
            f"{text}; {self.alike.success} of {self.episodes} episodes have the same success "
            f"({self.successes} against {self.original_successes}, McNemar's p {self.alike.mcnemar_p:.2f}) and "
            f"{self.alike.ending} end in the same step; the original with errors of that size on its actions: "
            f"{self.jittered.success} and {self.jittered.ending}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        differences = {kind: json_number(value) for kind, value in self.differences.items()}
        found = {"max_abs_difference": json_number(self.max_abs_difference), **asdict(self)}
        return {**found, "differences": differences, "holds": self.holds}


@dataclass(frozen=True)
class Trial:
    """What exported policies are tried on, and what the original did there.

    Args:
        original: The policy.
        env: Where episodes are run.
        observations: By where they come from, each (n, ...).
        actions: What the original did there, each (n, a).
        seeds: Of the episodes.
        domain: The world of the episodes.
        endings: How the original's episodes ended: success, failure mode, steps.
    """

    original: KeptPolicy
    env: gymnasium.Env[Any, Any]
    observations: Mapping[str, NDArray[Any]]
    actions: Mapping[str, Array]
    seeds: Sequence[int]
    domain: Domain
    endings: Sequence[Ending]

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
        return cls(policy, env, observations, actions, seeds, domain, endings)

    def compare(self, exported: Policy, bound: float) -> Agreement:
        """Let an exported policy act in the same places, and compare."""
        differences = {
            kind: _difference(_acted(exported, rows, self.actions[kind].shape[1]), self.actions[kind])
            for kind, rows in self.observations.items()
        }
        worst = max(differences.values())
        endings = _endings(exported, self.env, self.seeds, self.domain)
        jittered = None
        if 0.0 < worst < bound:
            shaken = _Shaken(self.original, worst)
            jittered = _alike(_endings(shaken, self.env, self.seeds, self.domain), self.endings)
        return Agreement(
            differences=differences,
            bound=bound,
            observations={kind: len(rows) for kind, rows in self.observations.items()},
            episodes=len(endings),
            successes=sum(success for success, _, _ in endings),
            original_successes=sum(success for success, _, _ in self.endings),
            alike=_alike(endings, self.endings),
            jittered=jittered,
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


class _Shaken:
    """A policy with random errors on its actions, each number by ``size`` at most; it keeps within [-1, 1]."""

    def __init__(self, policy: Policy, size: float) -> None:
        self._policy, self._size = policy, size
        self._rng = np.random.default_rng([_STREAM, 1])

    def __call__(self, observation: Any) -> Array:
        action = self._policy(observation)
        return np.clip(action + self._rng.uniform(-self._size, self._size, action.shape), -1.0, 1.0)


def _difference(found: Array, wanted: Array) -> float:
    """Return the largest difference; infinite where one is NaN and the other is not."""
    apart = np.abs(found - wanted)
    apart[np.isnan(found) & np.isnan(wanted)] = 0.0
    apart[np.isnan(apart)] = np.inf
    return float(apart.max(initial=0.0))


def _alike(mine: Sequence[Ending], theirs: Sequence[Ending]) -> Alike:
    pairs = list(zip(mine, theirs, strict=True))
    gap = paired_success_gap(simulated=[a[0] for a, _ in pairs], real=[b[0] for _, b in pairs])
    return Alike(sum(a[0] == b[0] for a, b in pairs), sum(a == b for a, b in pairs), gap.mcnemar_p)


def _acted(policy: Policy, observations: Iterable[Any], size: int) -> Array:
    rows = [policy(observation) for observation in observations]
    return np.stack(rows) if rows else np.empty((0, size))


def _endings(policy: Policy, env: gymnasium.Env[Any, Any], seeds: Iterable[int], domain: Domain) -> list[Ending]:
    episodes = (run_episode(env, policy, Job(int(seed), domain), "outcomes") for seed in seeds)
    return [(episode.success, episode.failure_mode, episode.steps) for episode in episodes]
