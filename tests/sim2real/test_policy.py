"""MlpPolicy: its arithmetic against a plain formula, its files, its refusals. Against SB3: tests/sim2real/training."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.errors import PolicyError
from sim2real.policy import MlpPolicy, load_policy


def make_policy(seed: int = 0, *, sizes: tuple[int, ...] = (6, 16, 8, 2), **changes: Any) -> MlpPolicy:
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    settings: dict[str, Any] = {
        "env_id": "PandaPush-v0",
        "algorithm": "PPO",
        "layers": tuple((rng.normal(size=(o, i)) / np.sqrt(i), rng.normal(size=o)) for o, i in shapes),
        "activation": "tanh",
        "output": "clip",
        "mean": rng.normal(size=sizes[0]),
        "variance": rng.uniform(0.1, 2.0, size=sizes[0]),
        "learner": {"critic": rng.normal(size=(3, 3)), "count": np.array(7, dtype=np.int64)},
    }
    return MlpPolicy(**(settings | changes))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("output", ["clip", "tanh"])
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100.0))
def test_the_action_is_the_formula_in_the_docstring(activation: str, output: str, seed: int, scale: float) -> None:
    policy = make_policy(seed, activation=activation, output=output)
    observation = np.random.default_rng(seed).normal(size=6) * scale
    x = np.clip((observation - policy.mean) / np.sqrt(policy.variance + 1e-8), -10.0, 10.0)
    for weight, bias in policy.layers[:-1]:
        x = weight.astype(np.float64) @ x + bias
        x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0.0)
    x = policy.layers[-1][0].astype(np.float64) @ x + policy.layers[-1][1]
    expected = np.tanh(x) if output == "tanh" else np.clip(x, -1.0, 1.0)
    np.testing.assert_allclose(policy(observation), expected, atol=2e-5)


def test_what_comes_back_from_a_folder_is_equal_to_the_bit(tmp_path: Path) -> None:
    policy = make_policy(3, activation="relu", output="tanh", algorithm="SAC", clip=5.0)
    policy.save(tmp_path / "policy")
    again = load_policy(tmp_path / "policy")
    assert isinstance(again, MlpPolicy)
    observation = np.random.default_rng(0).normal(size=6)
    assert policy(observation).tobytes() == again(observation).tobytes()
    for name in ("env_id", "algorithm", "activation", "output", "clip", "observation_size", "action_size"):
        assert getattr(again, name) == getattr(policy, name)
    assert list(again.learner) == list(policy.learner)
    for name, array in policy.learner.items():
        assert (again.learner[name].dtype, again.learner[name].tobytes()) == (array.dtype, array.tobytes())


def test_saving_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_policy().save(tmp_path / name)
    for file in ("policy.npz", "policy.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["policy.json", "policy.npz"]


def test_a_policy_survives_pickling_for_worker_processes() -> None:
    policy = make_policy()
    observation = np.linspace(-1.0, 1.0, 6)
    again = pickle.loads(pickle.dumps(policy))
    assert again(observation).tobytes() == policy(observation).tobytes()
    assert not again.mean.flags.writeable


def test_an_observation_of_another_shape_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"PandaPush-v0 takes observations of shape \(6,\), but got \(7,\)"):
        make_policy()(np.zeros(7))


def test_nan_in_the_observation_becomes_nan_in_the_action_for_the_environment_to_see() -> None:
    assert np.isnan(make_policy()(np.full(6, np.nan))).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros(5)}, "Layers must chain"),
        ({"layers": ()}, "Layers must chain"),
        ({"variance": -np.ones(6)}, "variance not negative"),
        ({"mean": np.full(6, np.nan)}, "finite"),
        ({"learner": {"critic": np.array([np.inf])}}, "finite"),
        ({"activation": "gelu"}, "'gelu'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        make_policy(**changes)


def test_every_kind_of_damage_to_the_files_is_a_policy_error_naming_the_file(tmp_path: Path) -> None:
    make_policy().save(tmp_path)
    arrays, head = (tmp_path / "policy.npz").read_bytes(), (tmp_path / "policy.json").read_text()
    for cut in (0, 10, len(arrays) // 2, len(arrays) - 1):
        (tmp_path / "policy.npz").write_bytes(arrays[:cut])
        with pytest.raises(PolicyError, match=r"policy\.npz"):
            load_policy(tmp_path)
    flipped = bytearray(arrays)
    flipped[len(arrays) // 2] ^= 1
    (tmp_path / "policy.npz").write_bytes(flipped)
    with pytest.raises(PolicyError, match="damaged"):
        load_policy(tmp_path)
    (tmp_path / "policy.npz").write_bytes(arrays)
    for text, message in [
        (head[:-20], "not JSON"),
        ("[]", "`schema` must be 1"),
        (head.replace('"schema": 1', '"schema": 99'), "`schema` must be 1, but got 99"),
        (json.dumps({k: v for k, v in json.loads(head).items() if k != "hidden"}), "is not a policy"),
        (head.replace('"activation": "tanh"', '"activation": "sine"'), "'sine'"),
    ]:
        (tmp_path / "policy.json").write_text(text)
        with pytest.raises(PolicyError, match=message):
            load_policy(tmp_path)
    (tmp_path / "policy.json").unlink()
    with pytest.raises(PolicyError, match=r"policy\.json: cannot be read"):
        load_policy(tmp_path)


def test_a_planted_pickle_is_not_run(tmp_path: Path) -> None:
    import hashlib

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    make_policy().save(tmp_path)
    np.savez(tmp_path / "policy.npz", mean=np.array([Trap()], dtype=object))
    head = json.loads((tmp_path / "policy.json").read_text())
    head["sha256"] = hashlib.sha256((tmp_path / "policy.npz").read_bytes()).hexdigest()
    (tmp_path / "policy.json").write_text(json.dumps(head))
    with pytest.raises(PolicyError):
        load_policy(tmp_path)
    assert not (tmp_path / "sprung").exists()
