"""A policy as NumPy arrays with the script that runs it: no other package, and not this one either."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim2real.conv_policy import ConvPolicy
from sim2real.errors import PolicyError
from sim2real.policy import KeptPolicy, MlpPolicy, Policy, RememberingPolicy

SCRIPT = "run_policy.py"
EXAMPLES = "examples.npz"


def write_numpy(policy: KeptPolicy, folder: Path) -> None:
    """Write ``policy.npz``, ``policy.json`` and the script that runs them into ``folder``.

    What only training needs (critic, optimizer) is left out. ``sim2real.load_policy`` reads the folder too.

    Raises:
        PolicyError: If it is neither an ``MlpPolicy`` nor a ``ConvPolicy``.
    """
    bare, script = _parts(policy)
    bare.save(folder)
    source = resources.files("sim2real.exporting.standalone").joinpath(script)
    (folder / SCRIPT).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


def write_examples(folder: Path, observations: NDArray[Any], actions: NDArray[Any]) -> None:
    """Write observations (n, ...) and the original's actions (n, a), which the script repeats."""
    with (folder / EXAMPLES).open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, observations=observations, actions=actions)


def load_script(folder: Path) -> Policy:
    """Return the policy of an exported folder, by the folder's own script."""
    spec = importlib.util.spec_from_file_location("exported_policy", folder / SCRIPT)
    if spec is None or spec.loader is None:
        raise PolicyError(f"{folder / SCRIPT}: cannot be read.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    policy: Policy = module.load(folder)
    return policy


def policy_shape(policy: KeptPolicy) -> tuple[int, ...]:
    """Return the shape of an observation.

    Raises:
        PolicyError: If it is neither an ``MlpPolicy`` nor a ``ConvPolicy``.
    """
    bare, _ = _parts(policy)
    return (bare.observation_size,) if isinstance(bare, MlpPolicy) else bare.shape


def _parts(policy: KeptPolicy) -> tuple[MlpPolicy | ConvPolicy, str]:
    """Return the policy without what only training needs, and the name of the script that runs it."""
    if isinstance(policy, MlpPolicy):
        return replace(policy, learner={}), "run_mlp.py"
    if isinstance(policy, ConvPolicy):
        return policy, "run_convolutions.py"
    if isinstance(policy, RememberingPolicy):
        raise PolicyError(
            f"A {type(policy).__name__} remembers the episode so far and cannot be exported: `sim2real.load_policy` "
            "reads the one that the run keeps, and `sim2real.for_episode` runs it."
        )
    raise PolicyError(f"An `MlpPolicy` or a `ConvPolicy` can be exported, but this is a {type(policy).__name__}.")
