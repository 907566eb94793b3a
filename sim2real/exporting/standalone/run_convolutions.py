"""Run the policy beside this file; NumPy is all it needs.

    from run_policy import load
    policy = load()                  # reads policy.json and policy.npz beside this file
    action = policy(image)           # uint8 (height, width, channels) -> (a,) in [-1, 1]; see schema.json

`python run_policy.py` repeats the actions of examples.npz and prints the largest difference.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def load(folder: str | Path = Path(__file__).parent) -> Callable[[Any], Any]:
    """Return the policy in ``folder`` as a function from an image, uint8 (h, w, c), to an action (a,)."""
    head = json.loads((Path(folder) / "policy.json").read_text(encoding="utf-8"))
    with np.load(Path(folder) / "policy.npz", allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    kernels = [(arrays[f"kernel_{n}"], arrays[f"offset_{n}"], stride) for n, stride in enumerate(head["strides"])]
    layers = [(arrays[f"weight_{n}"], arrays[f"bias_{n}"]) for n in range(len(head["hidden"]) + 1)]

    def act(image: Any) -> Any:
        x = np.asarray(image)
        if x.shape != tuple(head["shape"]) or x.dtype != np.uint8:
            raise ValueError(f"an image must be uint8 of shape {head['shape']}, but got {x.dtype} of shape {x.shape}")
        x = x.astype(np.float32) / np.float32(255.0) - np.float32(0.5)
        for kernel, offset, stride in kernels:
            windows = sliding_window_view(x, kernel.shape[2:], axis=(0, 1))[::stride, ::stride]
            height, width = windows.shape[:2]
            x = windows.reshape(height * width, -1) @ kernel.reshape(len(kernel), -1).T + offset
            x = np.maximum(x, np.float32(0.0)).reshape(height, width, -1)
        rows, columns = (np.linspace(-1.0, 1.0, edge, dtype=np.float32) for edge in x.shape[:2])
        grid = np.stack([np.tile(columns, len(rows)), np.repeat(rows, len(columns))], axis=1)
        flat = x.reshape(-1, x.shape[-1])
        share = np.exp(flat - flat.max(axis=0))
        x = ((share.T @ grid) / share.sum(axis=0)[:, None]).ravel()  # where each map responds: column, row
        for weight, bias in layers[:-1]:
            x = np.maximum(weight.dot(x) + bias, np.float32(0.0))
        return np.clip(layers[-1][0].dot(x) + layers[-1][1], -1.0, 1.0).astype(np.float64)

    return act


if __name__ == "__main__":
    policy = load()
    with np.load(Path(__file__).parent / "examples.npz", allow_pickle=False) as examples:
        found = np.array([policy(observation) for observation in examples["observations"]])
        print(f"{len(found)} examples, largest difference {np.abs(found - examples['actions']).max()}")
