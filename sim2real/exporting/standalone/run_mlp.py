"""Run the policy beside this file; NumPy is all it needs.

    from run_policy import load
    policy = load()                  # reads policy.json and policy.npz beside this file
    action = policy(observation)     # (o,) -> (a,) in [-1, 1]; schema.json says what the numbers are

`python run_policy.py` repeats the actions of examples.npz and prints the largest difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def load(folder: str | Path = Path(__file__).parent) -> Callable[[Any], Any]:
    """Return the policy in ``folder`` as a function from an observation (o,) to an action (a,)."""
    head = json.loads((Path(folder) / "policy.json").read_text(encoding="utf-8"))
    with np.load(Path(folder) / "policy.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    layers = [(arrays[f"weight_{n}"], arrays[f"bias_{n}"]) for n in range(len(head["hidden"]) + 1)]
    mean, scale, bound = arrays["mean"], 1.0 / np.sqrt(arrays["variance"] + 1e-8), head["clip"]

    def act(observation: Any) -> Any:
        x = np.asarray(observation)
        if x.shape != mean.shape:
            raise ValueError(f"an observation must have shape {mean.shape}, but got {x.shape}")
        x = np.minimum(np.maximum((x - mean) * scale, -bound), bound).astype(np.float32)
        for weight, bias in layers[:-1]:
            x = weight.dot(x) + bias
            x = np.maximum(x, 0.0) if head["activation"] == "relu" else np.tanh(x)
        x = layers[-1][0].dot(x) + layers[-1][1]
        x = np.tanh(x) if head["output"] == "tanh" else np.minimum(np.maximum(x, -1.0), 1.0)
        return x.astype(np.float64)

    return act


if __name__ == "__main__":
    policy = load()
    with np.load(Path(__file__).parent / "examples.npz", allow_pickle=False) as examples:
        found = np.array([policy(observation) for observation in examples["observations"]])
        print(f"{len(found)} examples, largest difference {np.abs(found - examples['actions']).max()}")
