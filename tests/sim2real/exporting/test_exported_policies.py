"""Policies as NumPy and ONNX against the original, for networks of any shape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim2real.conv_policy import Convolution, ConvPolicy
from sim2real.errors import PolicyError
from sim2real.exporting.numpy_policy import load_script, write_examples, write_numpy
from sim2real.exporting.onnx_policy import OnnxPolicy, write_onnx
from sim2real.policy import KeptPolicy, Layer, MlpPolicy, load_policy

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def layer(weight: NDArray[Any], bias: NDArray[Any]) -> Layer:
    return weight.astype(np.float32), bias.astype(np.float32)


@st.composite
def networks(draw: st.DrawFn) -> MlpPolicy:
    sizes = [draw(st.integers(1, 40)), *draw(st.lists(st.integers(1, 130), max_size=3)), draw(st.integers(1, 9))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    return MlpPolicy(
        env_id="PandaPush-v0",
        algorithm="PPO",
        layers=tuple(layer(rng.normal(size=(o, i)) / np.sqrt(i), rng.normal(size=o) * 0.3) for o, i in shapes),
        activation=draw(st.sampled_from(["tanh", "relu"])),
        output=draw(st.sampled_from(["clip", "tanh"])),
        mean=rng.normal(size=sizes[0]) * draw(st.sampled_from([0.0, 1.0, 50.0])),
        variance=rng.uniform(size=sizes[0]) * draw(st.sampled_from([0.0, 1e-4, 1.0, 400.0])),
        clip=draw(st.sampled_from([0.5, 5.0, 10.0])),
        learner={"critic": np.ones(3)},
    )


def small_camera_policy(seed: int = 0) -> ConvPolicy:
    rng = np.random.default_rng(seed)
    kernels = [(8, 3, 5, 2), (12, 8, 3, 1), (4, 12, 3, 2)]
    convolutions = tuple(
        Convolution(
            (rng.normal(size=(out, into, k, k)) / k).astype(np.float32), rng.normal(size=out).astype(np.float32), stride
        )
        for out, into, k, stride in kernels
    )
    hidden = layer(rng.normal(size=(16, 8)), rng.normal(size=16))
    layers = (hidden, layer(rng.normal(size=(3, 16)) / 4, rng.normal(size=3)))
    return ConvPolicy("PandaReach-v0", "DAgger", (30, 26, 3), convolutions, layers)


def observations(policy: MlpPolicy, count: int = 40) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(count, policy.observation_size)) * np.sqrt(policy.variance + 1e-6)
    rows: NDArray[Any] = policy.mean + noise * rng.choice([0.5, 3.0, 100.0], size=(count, 1))
    return rows.astype(np.float32)


@quick
@given(policy=networks())
def test_the_numpy_script_gives_the_same_bits(policy: MlpPolicy, tmp_path: Path) -> None:
    write_numpy(policy, tmp_path)
    script = load_script(tmp_path)
    for observation in observations(policy):
        assert script(observation).tobytes() == policy(observation).tobytes()


@quick
@given(policy=networks())
def test_the_onnx_graph_acts_alike_for_one_and_for_many(policy: MlpPolicy, tmp_path: Path) -> None:
    write_onnx(policy, tmp_path / "policy.onnx")
    exported, rows = OnnxPolicy(tmp_path / "policy.onnx"), observations(policy)
    expected = np.stack([policy(row) for row in rows])
    np.testing.assert_allclose(exported.batch(rows), expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(exported(rows[3]), expected[3], atol=1e-5, rtol=0)


@quick
@given(policy=networks(), place=st.integers(0, 39))
def test_nan_in_an_observation_stays_nan_in_both(policy: MlpPolicy, place: int, tmp_path: Path) -> None:
    """A sensor that fails must not become an action."""
    write_numpy(policy, tmp_path)
    write_onnx(policy, tmp_path / "policy.onnx")
    observation = observations(policy, 1)[0]
    observation[place % policy.observation_size] = np.nan
    original = policy(observation)
    assert np.array_equal(np.isnan(load_script(tmp_path)(observation)), np.isnan(original))
    assert np.array_equal(np.isnan(OnnxPolicy(tmp_path / "policy.onnx")(observation)), np.isnan(original))


def test_images_go_through_both_as_through_the_original(tmp_path: Path) -> None:
    policy = small_camera_policy()
    write_numpy(policy, tmp_path)
    write_onnx(policy, tmp_path / "policy.onnx")
    script, graph = load_script(tmp_path), OnnxPolicy(tmp_path / "policy.onnx")
    for image in np.random.default_rng(0).integers(0, 256, size=(50, 30, 26, 3), dtype=np.uint8):
        expected = policy(image)
        assert script(image).tobytes() == expected.tobytes()
        np.testing.assert_allclose(graph(image), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["numbers", "image"])
def test_the_script_runs_where_nothing_but_numpy_is(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    policy: KeptPolicy = small_camera_policy()
    seen: NDArray[Any] = rng.integers(0, 256, size=(5, 30, 26, 3), dtype=np.uint8)
    if kind == "numbers":
        policy = MlpPolicy(
            "PandaPush-v0", "PPO", (layer(np.ones((2, 4)), np.zeros(2)),), "tanh", "clip", np.ones(4), np.ones(4)
        )
        seen = rng.normal(size=(5, 4)).astype(np.float32)
    write_numpy(policy, tmp_path)
    write_examples(tmp_path, seen, np.stack([policy(each) for each in seen]))
    blocked = "import sys; sys.modules.update(dict.fromkeys(['sim2real', 'sim2real_envs', 'torch', 'gymnasium']))"
    code = f"{blocked}; import runpy; runpy.run_path('run_policy.py', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "5 examples, largest difference 0.0\n", done.stderr


def test_the_script_refuses_an_observation_of_another_shape(tmp_path: Path) -> None:
    write_numpy(small_camera_policy(), tmp_path)
    with pytest.raises(ValueError, match=r"uint8 of shape \[30, 26, 3\], but got float64 of shape \(2,\)"):
        load_script(tmp_path)(np.zeros(2))


def test_what_only_training_needs_is_left_out_and_the_toolkit_reads_the_rest(tmp_path: Path) -> None:
    policy = MlpPolicy(
        "PandaPush-v0", "PPO", (layer(np.ones((2, 4)), np.zeros(2)),), "tanh", "clip", np.ones(4), np.ones(4),
        learner={"critic": np.ones((50, 50))},
    )  # fmt: skip
    write_numpy(policy, tmp_path)
    again = load_policy(tmp_path)
    assert isinstance(again, MlpPolicy)
    assert not again.learner
    assert (tmp_path / "policy.npz").stat().st_size < 5000


def test_the_same_policy_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_onnx(small_camera_policy(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_policy_of_another_kind_is_refused(tmp_path: Path) -> None:
    class Other:
        env_id, algorithm, action_size = "PandaPush-v0", "mine", 2

    for write in (write_numpy, write_onnx):
        with pytest.raises(PolicyError, match="this is a Other"):
            write(Other(), tmp_path / "policy")  # type: ignore[arg-type]
