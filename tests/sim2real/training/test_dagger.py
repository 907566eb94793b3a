"""DAgger: what comes out, that it depends on the arguments alone, and that a killed call resumes to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sim2real.conv_policy import ConvPolicy
from sim2real.errors import PolicyError, RunFolderError, TooManyDivergences
from sim2real.policy import MlpPolicy, load_policy
from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.uniform import Uniform
from sim2real.training import DaggerTrainer, Lesson, Sb3Trainer, make_trainer
from sim2real.training.presets import ImitationPreset, find_imitation_preset
from sim2real_envs.errors import OptionError, UnknownNameError
from tests.support.point_mass import ENV_ID as WITHOUT_EXPERT
from tests.support.point_mass import SPACE
from tests.support.small_presets import PPO
from tests.support.taught_point_mass import ENV_ID, PICTURED_ENV_ID

SMALL = ImitationPreset(
    worlds=4, hidden=(16, 16), chunk_steps=512, updates=60, last_updates=200, batch_size=64, learning_rate=3e-3
)


def trainer(*, env: Mapping[str, Any] | None = None, workers: int = 0, **changes: Any) -> DaggerTrainer:
    return DaggerTrainer(ENV_ID, env or {}, replace(SMALL, **changes), workers)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bits(lesson: Lesson) -> list[Any]:
    policy = lesson.policy
    assert isinstance(policy, MlpPolicy | ConvPolicy)
    arrays = {name: array.tobytes() for name, array in policy.arrays().items()}
    return [arrays, lesson.curve, lesson.env_steps, lesson.randomizer.to_dict()]


def stop_at(step: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= step:
            raise KeyboardInterrupt

    return progress


def test_a_block_on_a_rail_is_learned_from_its_expert_in_seconds_and_a_warm_start_goes_on_from_there(
    uniform: Uniform, tmp_path: Path
) -> None:
    lesson = trainer().train(None, uniform, 4_096, rng())
    assert lesson.env_steps == 4_096
    assert np.mean([point.success for point in lesson.curve[-3:]]) > 0.9
    assert isinstance(lesson.policy, MlpPolicy)
    lesson.policy.save(tmp_path)
    again = trainer().train(load_policy(tmp_path), uniform, 1_024, rng(1))
    assert [point.env_steps for point in again.curve] == [512, 1_024]  # the learner drives from the start
    assert again.curve[0].success > 0.8


def test_the_result_does_not_depend_on_the_number_of_workers(uniform: Uniform) -> None:
    results = [bits(trainer(workers=workers).train(None, uniform, 1_200, rng())) for workers in (0, 1, 2)]
    assert results[0] == results[1] == results[2]
    assert bits(trainer().train(None, uniform, 1_200, rng(1)))[0] != results[0][0]


def test_a_training_that_was_interrupted_resumes_to_the_same_bits_and_leaves_no_labels(
    uniform: Uniform, tmp_path: Path
) -> None:
    undisturbed = trainer().train(None, uniform, 1_300, rng())
    for stop in (200, 700, 1_300):
        with pytest.raises(KeyboardInterrupt):
            trainer().train(None, uniform, 1_300, rng(), folder=tmp_path, progress=stop_at(stop))
        (tmp_path / "checkpoint.pt.tmp").write_bytes(b"half a checkp")
    assert sorted(path.name for path in (tmp_path / "labelled").iterdir()) == ["chunk-0000.npz", "chunk-0001.npz"]
    resumed = trainer().train(None, uniform, 1_300, rng(), folder=tmp_path)
    assert bits(resumed) == bits(undisturbed)
    assert bits(trainer().train(None, uniform, 1_300, rng(), folder=tmp_path)) == bits(undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "tensorboard"]


def test_missing_labels_and_another_trainings_checkpoint_are_refused(uniform: Uniform, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trainer().train(None, uniform, 1_300, rng(), folder=tmp_path, progress=stop_at(700))
    with pytest.raises(RunFolderError, match="belongs to a training with other arguments"):
        trainer(noise=0.3).train(None, uniform, 1_300, rng(), folder=tmp_path)
    shard = tmp_path / "labelled" / "chunk-0000.npz"
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(RunFolderError, match=r"chunk-0000\.npz: is missing or damaged"):
        trainer().train(None, uniform, 1_300, rng(), folder=tmp_path)


def test_training_for_no_steps_returns_the_policy_that_came_in(uniform: Uniform, tmp_path: Path) -> None:
    first = trainer().train(None, uniform, 512, rng()).policy
    again = trainer().train(first, uniform, 0, rng(1), folder=tmp_path)
    assert isinstance(first, MlpPolicy)
    assert isinstance(again.policy, MlpPolicy)
    assert again.env_steps == 0
    assert {k: v.tobytes() for k, v in again.policy.arrays().items()} == {
        k: v.tobytes() for k, v in first.arrays().items()
    }


def test_one_number_is_drawn_from_rng_and_global_state_is_given_back(uniform: Uniform) -> None:
    torch.set_num_threads(2)
    given, expected = rng(), rng()
    expected.integers(2**63)
    before = torch.get_rng_state().tolist()
    trainer().train(None, uniform, 256, given)
    assert torch.get_rng_state().tolist() == before
    assert torch.get_num_threads() == 2
    assert given.random() == expected.random()


def test_progress_is_told_and_the_curve_counts_the_learners_episodes_only(uniform: Uniform) -> None:
    told: list[tuple[int, int]] = []
    lesson = trainer().train(None, uniform, 1_501, rng(), progress=lambda *step: told.append(step))
    assert told[-1] == (1_504, 1_504)
    assert told == sorted(told)
    assert [point.env_steps for point in lesson.curve] == [1_024, 1_504]  # the expert drove all of the first chunk


def test_a_block_in_a_picture_is_learned_too_and_its_training_resumes_to_the_same_bits(
    uniform: Uniform, tmp_path: Path
) -> None:
    preset = replace(SMALL, convolutions=((8, 5, 2), (8, 3, 1)), chunk_steps=256, last_updates=200, updates=100)
    pictured = DaggerTrainer(PICTURED_ENV_ID, {}, preset, 0)
    undisturbed = pictured.train(None, uniform, 1_024, rng())
    assert undisturbed.curve[-1].success > 0.8
    with pytest.raises(KeyboardInterrupt):
        pictured.train(None, uniform, 1_024, rng(), folder=tmp_path, progress=stop_at(700))
    assert bits(pictured.train(None, uniform, 1_024, rng(), folder=tmp_path)) == bits(undisturbed)
    undisturbed.policy.save(tmp_path / "policy")  # type: ignore[attr-defined]
    again = pictured.train(load_policy(tmp_path / "policy"), uniform, 0, rng(1))
    assert bits(again)[0] == bits(undisturbed)[0]
    with pytest.raises(PolicyError, match="continue from a ConvPolicy where it sees images, but got MlpPolicy"):
        pictured.train(trainer().train(None, uniform, 0, rng()).policy, uniform, 64, rng())
    with pytest.raises(PolicyError, match="continue from an MlpPolicy here, but got ConvPolicy"):
        trainer().train(undisturbed.policy, uniform, 64, rng())
    with pytest.raises(OptionError, match=r"\(12, 40, 3\) are too small for convolutions"):
        DaggerTrainer(PICTURED_ENV_ID, {}, replace(SMALL, convolutions=((8, 12, 1),)), 0).train(
            None, uniform, 64, rng()
        )


def test_what_does_not_suit_is_refused(uniform: Uniform) -> None:
    with pytest.raises(OptionError, match=r"PointMass-v0 has none: no `expert_action\(\)`"):
        DaggerTrainer(WITHOUT_EXPERT, {}, SMALL, 0).train(None, uniform, 512, rng())
    with pytest.raises(OptionError, match=r"take \d+\.\d GiB, at most 4 are kept"):
        trainer().train(None, uniform, 10**9, rng())
    with pytest.raises(UnknownNameError, match=r"'pusch' is not a preset for DAgger\. Did you mean 'push'"):
        DaggerTrainer("PandaPush-v0", preset="pusch")
    with pytest.raises(PolicyError, match="from an MlpPolicy or a ConvPolicy, but got function"):
        trainer().train(lambda observation: observation, uniform, 256, rng())
    policy = trainer().train(None, uniform, 64, rng()).policy
    with pytest.raises(PolicyError, match=r"DAgger can only continue from a policy of the same .*\(16, 2\).*\(8, 2\)"):
        trainer(hidden=(8, 8)).train(policy, uniform, 256, rng())
    with pytest.raises(PolicyError, match="PPO can only continue from a policy that PPO trained"):
        Sb3Trainer(WITHOUT_EXPERT, {}, "PPO", PPO, 0).train(policy, uniform, 256, rng())


def test_worlds_that_diverge_and_a_network_that_does_stop_a_training(uniform: Uniform) -> None:
    broken = Fixed.create(SPACE.subset(["object.friction"]).with_ranges({"object.friction": (0.25, 0.25)}))
    with pytest.raises(TooManyDivergences, match=r"6 of 6 training episodes diverged.*'object\.friction': 0\.25"):
        trainer(env={"diverge_above": 0.2}).train(None, broken, 5_000, rng())
    with pytest.raises(TooManyDivergences, match="The policy itself diverged within 60 updates"):
        trainer(learning_rate=1e30).train(None, uniform, 2_000, rng())


def test_a_spec_names_the_trainer_by_its_algorithm() -> None:
    assert make_trainer("DAgger", "PandaPush-v0", {}, preset="push") == DaggerTrainer("PandaPush-v0", {}, "push")
    assert make_trainer("SAC", "PandaPush-v0", {}, preset="push") == Sb3Trainer("PandaPush-v0", {}, "SAC", "push")
    assert DaggerTrainer("PandaPush-v0").hyper_parameters == find_imitation_preset("push")
