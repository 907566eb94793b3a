"""Regression: normalization that leaves the function as it was, a loss that knows the bounds, exact packing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sim2real.training.conv_student import ConvStudent, SpatialSoftmax
from sim2real.training.labels import Labelled, Packing, packing_of
from sim2real.training.lessons import Labels
from sim2real.training.presets import ImitationPreset
from sim2real.training.regression import regression_loss
from sim2real.training.students import MlpStudent
from tests.support.taught_point_mass import LAW, TaughtPointMassEnv

PACKING = Packing((3,), np.dtype(np.float32), 2)


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_observation_and_label_cross_one_array_to_the_bit(kind: type) -> None:
    packing = Packing((2, 3), np.dtype(kind), 2)
    observation: NDArray[Any] = np.arange(6).reshape(2, 3).astype(kind)
    label = np.array([0.123456789, -1.0])
    packed = np.stack([packing.pack(observation, label)] * 3)
    assert packed.dtype == kind
    seen, wanted = packing.split(packed)
    np.testing.assert_array_equal(seen[1], observation)
    np.testing.assert_array_equal(wanted[2], label.astype(np.float32))


def test_a_labelled_world_tells_what_the_expert_would_do_in_the_state_it_shows() -> None:
    env = Labelled(TaughtPointMassEnv())
    packing = packing_of(env.env)
    packed, _ = env.reset(seed=0)
    for _ in range(5):
        seen, label = packing.split(packed[None])
        wanted = float(LAW(seen[0])[0])
        assert label[0, 0] == pytest.approx(wanted, abs=1e-5)
        packed, *_ = env.step(label[0])


def test_a_new_normalization_leaves_the_function_as_it_was() -> None:
    torch.manual_seed(0)
    student = MlpStudent(ImitationPreset(hidden=(32, 32), learning_rate=0.0), PACKING)
    generator = np.random.default_rng(0)
    data = Labels(PACKING, 500)
    data.add(generator.normal([1.0, -2.0, 0.5], [0.1, 2.0, 0.0], (500, 3)), np.zeros((500, 2), np.float32))
    observations = data.observations[:20]
    before = student.act(observations)
    student.fit(data, 1, torch.Generator())
    np.testing.assert_allclose(student.act(observations), before, atol=1e-5)
    np.testing.assert_allclose(student.statistics()["mean"], data.observations.mean(axis=0), atol=1e-6)


def test_the_policy_acts_as_the_student_does() -> None:
    torch.manual_seed(1)
    student = MlpStudent(ImitationPreset(hidden=(32,)), PACKING)
    policy = student.to_policy("somewhere")
    for observation in np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32):
        np.testing.assert_allclose(policy(observation), student.act(observation[None])[0], atol=1e-6)


def test_the_policy_for_images_acts_as_its_student_does() -> None:
    torch.manual_seed(1)
    packing = Packing((30, 41, 6), np.dtype(np.uint8), 3)
    student = ConvStudent(ImitationPreset(hidden=(16,)), packing)
    policy = student.to_policy("somewhere")
    for image in np.random.default_rng(0).integers(0, 256, (5, 30, 41, 6), dtype=np.uint8):
        np.testing.assert_allclose(policy(image), student.act(image[None])[0], atol=1e-5)


def test_spatial_softmax_says_where_a_map_responds() -> None:
    maps = torch.zeros(1, 2, 5, 9)
    maps[0, 0, 0, 8], maps[0, 1, 2, 4] = 100.0, 100.0
    np.testing.assert_allclose(SpatialSoftmax(5, 9)(maps), [[1.0, -1.0, 0.0, 0.0]], atol=1e-6)


def test_beyond_a_bound_is_as_right_as_the_bound_itself() -> None:
    wanted = torch.tensor([[1.0], [-1.0], [0.5], [1.0], [-1.0]])
    given = torch.tensor([[3.0], [-2.0], [0.5], [0.9], [1.0]], requires_grad=True)
    regression_loss(given, wanted, 0.1).backward()  # type: ignore[no-untyped-call]
    assert given.grad is not None
    slopes = given.grad.flatten().tolist()
    assert slopes[:3] == [0.0, 0.0, 0.0]
    assert slopes[3] < 0.0 < slopes[4]
