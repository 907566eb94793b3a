"""ConvPolicy: its arithmetic against a plain formula, its files, its refusals; against torch where that is trained."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from sim2real.conv_policy import Convolution, ConvPolicy
from sim2real.errors import PolicyError
from sim2real.policy import load_policy

SHAPE = (12, 15, 3)


def make_policy(seed: int = 0, **changes: Any) -> ConvPolicy:
    rng = np.random.default_rng(seed)

    def numbers(*shape: int) -> Any:
        return rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))

    settings: dict[str, Any] = {
        "env_id": "PandaReach-v0",
        "algorithm": "DAgger",
        "shape": SHAPE,
        "convolutions": (
            Convolution(numbers(4, 3, 5, 5), numbers(4), 2),
            Convolution(numbers(6, 4, 3, 3), numbers(6), 1),
        ),
        "layers": ((numbers(8, 12), numbers(8)), (numbers(2, 8), numbers(2))),
    }
    return ConvPolicy(**(settings | changes))


def image(seed: int = 0, shape: tuple[int, ...] = SHAPE) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_the_action_is_the_formula_in_the_docstring() -> None:
    policy = make_policy()
    x = image() / 255.0 - 0.5
    for weight, bias, stride in policy.convolutions:
        out, _, edge, _ = weight.shape
        size = [(length - edge) // stride + 1 for length in x.shape[:2]]
        y = np.zeros((*size, out))
        for i, j in np.ndindex(*size):
            patch = x[i * stride : i * stride + edge, j * stride : j * stride + edge]
            y[i, j] = np.einsum("hwc,ochw->o", patch, weight.astype(np.float64)) + bias
        x = np.maximum(y, 0.0)
    share = softmax(x.reshape(-1, x.shape[2]), axis=0).reshape(x.shape)
    columns = (share.sum(axis=0) * np.linspace(-1, 1, x.shape[1])[:, None]).sum(axis=0)
    rows = (share.sum(axis=1) * np.linspace(-1, 1, x.shape[0])[:, None]).sum(axis=0)
    z = np.stack([columns, rows], axis=1).ravel()
    (weight, bias), (last, offset) = policy.layers
    expected = np.clip(last @ np.maximum(weight @ z + bias, 0.0) + offset, -1.0, 1.0)
    np.testing.assert_allclose(policy(image()), expected, atol=1e-5)


def test_what_comes_back_from_a_folder_or_a_pickle_is_equal_to_the_bit(tmp_path: Path) -> None:
    policy = make_policy(3)
    policy.save(tmp_path)
    for again in (load_policy(tmp_path), pickle.loads(pickle.dumps(policy))):
        assert isinstance(again, ConvPolicy)
        assert again(image()).tobytes() == policy(image()).tobytes()
        assert (again.env_id, again.algorithm, again.action_size) == ("PandaReach-v0", "DAgger", 2)
        assert {k: v.tobytes() for k, v in again.arrays().items()} == {
            k: v.tobytes() for k, v in policy.arrays().items()
        }


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    policy = make_policy()
    with pytest.raises(
        PolicyError, match=r"takes uint8 images of shape \(12, 15, 3\), but got uint8 of shape \(12, 15\)"
    ):
        policy(image(shape=(12, 15)))
    with pytest.raises(PolicyError, match="but got float64 of shape"):
        policy(image() / 255.0)
    with pytest.raises(PolicyError, match="must chain from the image's channels on"):
        make_policy(shape=(12, 15, 6))
    with pytest.raises(PolicyError, match="must chain"):
        make_policy(layers=policy.layers[1:])
    with pytest.raises(PolicyError, match="must chain"):
        make_policy(shape=(6, 15, 3))  # nothing is left of six rows
    with pytest.raises(PolicyError, match="must be finite"):
        make_policy(layers=((policy.layers[0][0] * np.nan, policy.layers[0][1]), policy.layers[1]))
    policy.save(tmp_path)
    head = json.loads((tmp_path / "policy.json").read_text())
    (tmp_path / "policy.json").write_text(json.dumps(head | {"strides": [2, 1, 1]}))
    with pytest.raises(PolicyError, match="is not a policy"):
        load_policy(tmp_path)


def test_a_call_takes_a_few_milliseconds_for_a_picture_of_two_cameras() -> None:
    rng = np.random.default_rng(0)
    shapes = [((16, 6, 5, 5), 2), ((16, 16, 3, 3), 1), ((32, 16, 3, 3), 1)]
    convolutions = tuple(
        Convolution(0.1 * rng.standard_normal(shape, dtype=np.float32), np.zeros(shape[0], np.float32), s)
        for shape, s in shapes
    )
    layers = ((rng.normal(size=(128, 64)), np.zeros(128)), (rng.normal(size=(3, 128)), np.zeros(3)))
    policy = make_policy(shape=(84, 84, 6), convolutions=convolutions, layers=layers)
    picture = image(shape=(84, 84, 6))
    policy(picture)
    times = []
    for _ in range(15):
        began = time.perf_counter()
        policy(picture)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.02
