"""Who acts in a screening: a policy of a run, the scripted expert of the task, or smooth random actions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from sim2real.errors import PolicyError
from sim2real.experiment.strict_yaml import read_document
from sim2real.policy import Policy, load_policy
from sim2real.rollouts import Env
from sim2real_envs.errors import EnvError
from sim2real_envs.parameters import Array

_MEMORY, _STRENGTH = 0.8, 0.5  # of random actions: correlation from step to step, and standard deviation


@dataclass(frozen=True)
class Driver:
    """What chooses the actions.

    Args:
        kind: ``"policy"``, ``"expert"`` or ``"random"``: ``a' = 0.8 a + 0.6 N(0, 0.5)`` within [-1, 1], the same
            actions in every domain. ``"recordings"``: what was recorded; nobody acts.
        name: What to call it.
        policy: The policy, if it is one.
        env_id: The environment that the policy was trained in; "" for the others.
        options: Options of that environment.
    """

    kind: Literal["policy", "expert", "random", "recordings"]
    name: str
    policy: Policy | None = None
    env_id: str = ""
    options: Mapping[str, Any] | None = None

    def policy_in(self, env: Env) -> Policy | None:
        """Return what acts in ``env``; None where the job brings the actions."""
        if self.kind == "expert":
            world = cast(Any, env.unwrapped)
            return lambda observation: np.asarray(world.expert_action(), dtype=np.float64)
        return self.policy

    def actions(self, seed: int, steps: int, size: int) -> Array | None:
        """Return the actions (steps, size) that a job brings, None where a policy is asked."""
        if self.kind != "random":
            return None
        rng, last = np.random.default_rng(seed), np.zeros(size)
        rows = np.empty((steps, size))
        for row in rows:
            fresh = np.sqrt(1.0 - _MEMORY * _MEMORY) * rng.normal(0.0, _STRENGTH, size=size)
            last = np.clip(_MEMORY * last + fresh, -1.0, 1.0)
            row[:] = last
        return rows


def driver_in(env: Env) -> Driver:
    """Return the scripted expert of an environment, or random actions where it has none."""
    act = getattr(env.unwrapped, "expert_action", None)
    if callable(act):
        try:
            env.reset(seed=0)
            act()
            return Driver("expert", "the scripted expert")
        except EnvError:
            pass
    return Driver("random", "random actions")


def driver_of_run(place: str | os.PathLike[str]) -> Driver:
    """Return the policy of a run folder, of ``RUN/<piece>``, of the folder of a piece, or of a policy.

    Raises:
        PolicyError: If there is none, or the run has several.
    """
    folder = Path(place)
    for candidate in (folder, folder / "policy", folder.parent / "pieces" / folder.name / "policy"):
        if (candidate / "policy.json").is_file():
            return _driver(candidate)
    found = sorted(folder.glob("pieces/*/policy/policy.json"))
    if len(found) == 1:
        return _driver(found[0].parent)
    if found:
        names = ", ".join(path.parent.parent.name for path in found)
        raise PolicyError(f"{str(folder)!r} has {len(found)} policies: name one, as {folder}/<piece>: {names}.")
    raise PolicyError(
        f"{str(place)!r} has no policy. Name a run with a finished piece, such as results/quickstart/<run>, or one of "
        "its pieces, results/quickstart/<run>/<piece>."
    )


def _driver(folder: Path) -> Driver:
    policy = load_policy(folder)
    for parent in folder.parents[:4]:
        if (parent / "spec.yaml").is_file():
            spec = read_document(parent / "spec.yaml").value
            env = spec.get("env") if isinstance(spec, dict) else None
            if isinstance(env, dict):
                options = {key: value for key, value in env.items() if key != "id"}
                return Driver("policy", f"the policy {folder.parent.name}", policy, str(env.get("id")), options)
    return Driver("policy", f"the policy in {folder}", policy, policy.env_id)
