"""Training: what comes out, that it depends on the arguments alone, and that a killed call resumes to the same bits."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch

from sim2real.errors import PolicyError, RunFolderError, TooManyDivergences
from sim2real.policy import MlpPolicy
from sim2real.randomizers.base import Description, Draws, Json, Practice, Randomizer
from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.uniform import Uniform
from sim2real.training import Lesson, Sb3Trainer
from sim2real.training.presets import find_preset
from sim2real_envs.errors import OptionError, UnknownNameError, WorkerError
from sim2real_envs.parameters import ParameterSpace
from tests.support.point_mass import SPACE

MakeTrainer = Callable[..., Sb3Trainer]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bits(lesson: Lesson) -> list[Any]:
    """Everything of a lesson that can be compared bit by bit."""
    policy = lesson.policy
    assert isinstance(policy, MlpPolicy)
    arrays = {name: array.tobytes() for name, array in policy.learner.items()}
    layers = [(weight.tobytes(), bias.tobytes()) for weight, bias in policy.layers]
    return [arrays, layers, lesson.curve, lesson.env_steps, lesson.randomizer.to_dict()]


def stop_at(step: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= step:
            raise KeyboardInterrupt

    return progress


@dataclass(frozen=True, eq=False)
class Learning(Randomizer):
    """Moves its friction by what it saw in training, so that every episode leaves a mark on every later draw."""

    space: ParameterSpace
    friction: float = 0.05
    seen: tuple[float, ...] = ()

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        return cls(space)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        values = np.column_stack([np.full(size, self.friction), rng.uniform(0.0, 0.04, size)])
        return Draws(values, np.zeros(size), np.arange(size))

    def describe(self) -> Description:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Json]:
        return {"friction": self.friction, "seen": list(self.seen)}

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(space, data["friction"], tuple(data["seen"]))

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        mark = float(np.abs(np.sin(practice.returns @ np.arange(len(practice.returns)) + practice.draws.values.sum())))
        count = float(len(practice.success))
        return replace(self, friction=0.02 + 0.08 * mark * rng.uniform(0.9, 1.0), seen=(*self.seen, count))


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_the_result_does_not_depend_on_the_number_of_workers(
    make_trainer: MakeTrainer, uniform: Uniform, algorithm: str
) -> None:
    results = [bits(make_trainer(algorithm, workers=workers).train(None, uniform, 400, rng())) for workers in (0, 1, 2)]
    assert results[0] == results[1] == results[2]
    other = bits(make_trainer(algorithm).train(None, uniform, 400, rng(1)))
    assert other[0] != results[0][0]


@pytest.mark.parametrize(
    ("algorithm", "steps", "stops"), [("PPO", 1500, (100, 600, 1100)), ("SAC", 700, (50, 300, 600))]
)
def test_a_training_that_was_interrupted_resumes_to_the_same_bits(
    make_trainer: MakeTrainer, uniform: Uniform, algorithm: str, steps: int, stops: tuple[int, ...], tmp_path: Path
) -> None:
    trainer, randomizer = make_trainer(algorithm), Learning(uniform.space)
    undisturbed = trainer.train(None, randomizer, steps, rng())
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            trainer.train(None, randomizer, steps, rng(), folder=tmp_path, progress=stop_at(stop))
        (tmp_path / "checkpoint.pt.tmp").write_bytes(b"half a checkp")
    resumed = trainer.train(None, randomizer, steps, rng(), folder=tmp_path)
    assert bits(resumed) == bits(undisturbed)
    again = trainer.train(None, randomizer, steps, rng(), folder=tmp_path)
    assert bits(again) == bits(undisturbed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "tensorboard"]


KILLED = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {root!r})
    import numpy as np
    from sim2real.randomizers.uniform import Uniform
    from sim2real.training import Sb3Trainer
    from tests.support.point_mass import ENV_ID, SPACE
    from tests.support.small_presets import PPO

    trainer = Sb3Trainer(ENV_ID, {{}}, "PPO", PPO, workers=2)
    print("begin", flush=True)
    lesson = trainer.train(None, Uniform(SPACE), 2560, np.random.default_rng(0), folder=Path({folder!r}))
    lesson.policy.save({folder!r} + "/policy")
"""


@pytest.mark.parametrize("kills", [1, pytest.param(25, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments_changes_no_bit(kills: int, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    moments = random.Random(kills)

    def start(name: str) -> subprocess.Popen[str]:
        script = textwrap.dedent(KILLED.format(root=root, folder=str(tmp_path / name)))
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "begin\n"
        return child

    def finish(name: str) -> None:
        child = start(name)
        child.communicate(timeout=120)
        assert child.returncode == 0

    began = time.monotonic()
    finish("undisturbed")
    duration = time.monotonic() - began
    for _ in range(kills):
        child = start("killed")
        time.sleep(moments.uniform(0.0, duration / 2.0))
        child.kill()
        child.communicate(timeout=60)
    finish("killed")
    for file in ("policy.npz", "policy.json"):
        assert (tmp_path / "killed/policy" / file).read_bytes() == (tmp_path / "undisturbed/policy" / file).read_bytes()


def test_a_block_on_a_rail_is_learned_from_nothing_and_a_warm_start_goes_on_from_there(
    make_trainer: MakeTrainer, uniform: Uniform
) -> None:
    options = {"n_steps": 128, "batch_size": 256, "n_epochs": 8, "gae_lambda": 0.9, "learning_rate": 1e-3}
    trainer = make_trainer(worlds=8, hidden=(32, 32), chunk_steps=8_192, options=options)
    first = trainer.train(None, uniform, 26_000, rng())
    assert first.curve[0].success < 0.3
    assert np.mean([point.success for point in first.curve[-3:]]) > 0.9
    second = trainer.train(first.policy, uniform, 3_000, rng(1))
    assert second.curve[0].success > 0.8


def test_steps_are_rounded_up_to_whole_rollouts_and_reported(make_trainer: MakeTrainer, uniform: Uniform) -> None:
    told: list[tuple[int, int]] = []
    lesson = make_trainer().train(None, uniform, 1100, rng(), progress=lambda *step: told.append(step))
    assert lesson.env_steps == 1280  # five rollouts of 4 x 64
    assert told[-1] == (1280, 1280)
    assert told == sorted(told)
    assert [point.env_steps for point in lesson.curve] == [512, 1024, 1280]
    assert make_trainer("SAC").train(None, uniform, 301, rng()).env_steps == 304


def test_one_number_is_drawn_from_rng_and_global_state_is_given_back(
    make_trainer: MakeTrainer, uniform: Uniform
) -> None:
    torch.set_num_threads(2)
    given, expected = rng(), rng()
    expected.integers(2**63)
    before = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index]  # noqa: NPY002
    make_trainer().train(None, uniform, 256, given)
    after = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index]  # noqa: NPY002
    assert before == after
    assert torch.get_num_threads() == 2
    assert given.random() == expected.random()


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_training_for_no_steps_returns_the_policy_that_came_in(
    make_trainer: MakeTrainer, uniform: Uniform, algorithm: str, tmp_path: Path
) -> None:
    first = make_trainer(algorithm).train(None, uniform, 512, rng()).policy
    again = make_trainer(algorithm).train(first, uniform, 0, rng(1))
    assert isinstance(first, MlpPolicy)
    assert isinstance(again.policy, MlpPolicy)
    assert again.env_steps == 0
    assert {k: v.tobytes() for k, v in again.policy.learner.items()} == {
        k: v.tobytes() for k, v in first.learner.items()
    }
    observation = np.array([0.2, -0.1])
    assert again.policy(observation).tobytes() == first(observation).tobytes()


def test_a_policy_that_does_not_fit_is_refused(make_trainer: MakeTrainer, uniform: Uniform) -> None:
    policy = make_trainer().train(None, uniform, 256, rng()).policy
    assert isinstance(policy, MlpPolicy)
    with pytest.raises(PolicyError, match="SAC can only continue from a policy that SAC trained, but got PPO"):
        make_trainer("SAC").train(policy, uniform, 256, rng())
    with pytest.raises(PolicyError, match=r"policy_net\.0\.weight' has shape \(16, 2\) there and \(8, 2\) here"):
        make_trainer(hidden=(8, 8)).train(policy, uniform, 256, rng())
    with pytest.raises(PolicyError, match="an export without its learner"):
        make_trainer().train(replace(policy, learner={}), uniform, 256, rng())
    with pytest.raises(PolicyError, match="from an MlpPolicy, but got function"):
        make_trainer().train(lambda observation: observation, uniform, 256, rng())


def test_a_randomizer_learns_between_chunks_from_all_finished_episodes(
    make_trainer: MakeTrainer, uniform: Uniform
) -> None:
    lesson = make_trainer().train(None, Learning(uniform.space), 1500, rng())
    assert isinstance(lesson.randomizer, Learning)
    chunks = [sum(p.episodes for p in lesson.curve if lo < p.env_steps <= lo + 512) for lo in (0, 512, 1024)]
    assert list(lesson.randomizer.seen) == chunks
    assert min(chunks) > 0


def test_checkpoints_of_another_training_or_damaged_ones_are_refused(
    make_trainer: MakeTrainer, uniform: Uniform, tmp_path: Path
) -> None:
    make_trainer().train(None, uniform, 512, rng(), folder=tmp_path)
    for trainer, randomizer, steps, seed in [
        (make_trainer(), uniform, 512, 1),
        (make_trainer(), uniform, 600, 0),
        (make_trainer(gamma=0.9), uniform, 512, 0),
        (make_trainer(env={"horizon": 30}), uniform, 512, 0),
        (make_trainer(), Fixed.create(uniform.space), 512, 0),
    ]:
        with pytest.raises(RunFolderError, match="belongs to a training with other arguments"):
            trainer.train(None, randomizer, steps, rng(seed), folder=tmp_path)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[: len(whole) - 1], b"PK\x03\x04 nonsense"):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(RunFolderError, match=r"checkpoint\.pt: is damaged .* remove it"):
            make_trainer().train(None, uniform, 512, rng(), folder=tmp_path)


def test_a_folder_that_cannot_be_written_is_said_by_name(
    make_trainer: MakeTrainer, uniform: Uniform, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match="file"):
        make_trainer().train(None, uniform, 512, rng(), folder=tmp_path / "file" / "checkpoints")


def test_a_planted_pickle_in_a_checkpoint_is_not_run(
    make_trainer: MakeTrainer, uniform: Uniform, tmp_path: Path
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "sprung"),))

    torch.save({"schema": 1, "trap": Trap()}, tmp_path / "checkpoint.pt")
    with pytest.raises(RunFolderError, match="is damaged"):
        make_trainer().train(None, uniform, 512, rng(), folder=tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_more_than_a_few_diverged_worlds_stop_a_training_and_name_the_domain(
    make_trainer: MakeTrainer, uniform: Uniform, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Fixed.create(SPACE.subset(["object.friction"]).with_ranges({"object.friction": (0.25, 0.25)}))
    with pytest.raises(TooManyDivergences, match=r"6 of 6 training episodes diverged.*'object\.friction': 0\.25"):
        make_trainer(env={"diverge_above": 0.2}, workers=2).train(None, broken, 5_000, rng())


def test_a_diverged_world_now_and_then_is_logged_and_the_training_goes_on(
    make_trainer: MakeTrainer, caplog: pytest.LogCaptureFixture
) -> None:
    uniform = Uniform(SPACE.subset(["object.friction"]).with_ranges({"object.friction": (0.02, 0.0605)}))
    with caplog.at_level(logging.WARNING):
        lesson = make_trainer(env={"diverge_above": 0.0585}).train(None, uniform, 3_000, rng())
    diverged = [record for record in caplog.records if "diverged after 1 steps in domain" in record.getMessage()]
    assert len(diverged) >= 1
    assert all(np.isfinite(point.mean_return) for point in lesson.curve)
    assert np.isfinite(lesson.policy(np.array([0.1, 0.0]))).all()


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_a_policy_that_turns_to_nan_stops_the_training(
    make_trainer: MakeTrainer, uniform: Uniform, algorithm: str
) -> None:
    trainer = make_trainer(algorithm)
    options = {**trainer.hyper_parameters.options, "learning_rate": 1e30}
    with pytest.raises(
        TooManyDivergences, match=r"The policy itself diverged after \d+ env steps.*Lower the learning rate"
    ):
        make_trainer(algorithm, options=options).train(None, uniform, 2_000, rng())


def test_a_fault_in_the_environment_names_itself_and_leaves_no_worker(
    make_trainer: MakeTrainer, uniform: Uniform
) -> None:
    with pytest.raises(WorkerError, match="the rail broke"):
        make_trainer(env={"break_above": 0.05}, workers=2).train(None, uniform, 2_000, rng())


def test_tensorboard_gets_the_curve_and_hides_what_a_killed_call_wrote_too_much(
    make_trainer: MakeTrainer, uniform: Uniform, tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    with pytest.raises(KeyboardInterrupt):
        make_trainer().train(None, uniform, 1500, rng(), folder=tmp_path, progress=stop_at(1000))
    time.sleep(1.1)  # files are ordered by the second in which they were made
    lesson = make_trainer().train(None, uniform, 1500, rng(), folder=tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    scalars = events.Scalars("episodes/success")
    assert [event.step for event in scalars] == [point.env_steps for point in lesson.curve]
    np.testing.assert_allclose([event.value for event in scalars], [point.success for point in lesson.curve], atol=1e-6)
    assert "train/loss" in events.Tags()["scalars"]


def test_an_environment_that_does_not_suit_is_refused(uniform: Uniform) -> None:
    nothing = Fixed.create(ParameterSpace())
    with pytest.raises(OptionError, match=r"actions in \[-1, 1\]"):
        Sb3Trainer("gymnasium:CartPole-v1", workers=0).train(None, nothing, 100, rng())  # discrete actions
    with pytest.raises(UnknownNameError, match="a parameter of Pendulum-v1"):
        Sb3Trainer("gymnasium:Pendulum-v1", workers=0).train(None, uniform, 100, rng())
    with pytest.raises(UnknownNameError, match="'DQN' is not an algorithm"):
        Sb3Trainer("PandaPush-v0", algorithm="DQN")
    with pytest.raises(UnknownNameError, match=r"'pusch' is not a preset for PPO\. Did you mean 'push'"):
        find_preset("pusch", "PPO")


def test_asking_for_the_contract_of_training_imports_no_learning_library() -> None:
    check = "import sys, sim2real.training.base, sim2real.policy; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
