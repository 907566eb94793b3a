"""Training policies that remember: who sees what, the same bits after a kill, NumPy equal to torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

import sim2real_envs
from sim2real.errors import MissingExtraError, PolicyError, RunFolderError
from sim2real.history_policy import HistoryPolicy
from sim2real.policy import MlpPolicy, for_episode
from sim2real.randomizers.fixed import Fixed
from sim2real.randomizers.uniform import Uniform
from sim2real.recurrent_policy import RecurrentPolicy
from sim2real.rollouts import Job, Rollouts
from sim2real.training import Lesson, Memory, Sb3Trainer, make_trainer, models
from sim2real.training.memory import KnownDomain
from sim2real.training.normalizer import Normalizer
from sim2real.training.worlds import DomainSupply, TrainingWorlds
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.vector import VectorWorlds
from sim2real_envs.wrappers import ActionHistory, ObservationHistory
from tests.support.point_mass import ENV_ID, SPACE
from tests.support.small_presets import PRESETS

ASYMMETRIC, RECURRENT = Memory("asymmetric", 3), Memory("recurrent")
SEEN, KNOWN = 3 * (2 + 1), 2  # of the point mass: position and goal, one action; two parameters are uncertain
EACH = pytest.mark.parametrize(
    ("algorithm", "memory"), [("PPO", ASYMMETRIC), ("SAC", ASYMMETRIC), ("PPO", RECURRENT)], ids=str
)
Make = Callable[..., Sb3Trainer]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def trainer(algorithm: str, memory: Memory, *, workers: int = 0, **changes: Any) -> Sb3Trainer:
    known = changes.pop("known", None)
    preset = replace(PRESETS[algorithm], **changes)
    if memory.kind == "recurrent":  # an update of its network takes long
        preset = replace(preset, options={**preset.options, "n_epochs": 1})
    return Sb3Trainer(ENV_ID, {}, algorithm, preset, workers, memory=memory, known=known)


def bits(lesson: Lesson) -> list[Any]:
    policy = lesson.policy
    assert isinstance(policy, HistoryPolicy | RecurrentPolicy)
    return [{name: array.tobytes() for name, array in policy.arrays().items()}, lesson.curve, lesson.env_steps]


def stop_at(step: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= step:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def make_worlds(uniform: Uniform) -> Iterator[Callable[[Memory], Normalizer]]:
    made: list[TrainingWorlds] = []

    def make(memory: Memory) -> Normalizer:
        vector = VectorWorlds(memory.maker(ENV_ID, {}, uniform.space), 4, columns=uniform.space.names)
        made.append(TrainingWorlds(vector))
        made[-1].begin(DomainSupply(uniform, rng(0), rng(1)))
        normalizer = Normalizer(made[-1], gamma=0.95, known=memory.known(uniform.space))
        normalizer.reset()
        for _ in range(50):
            normalizer.step(rng(3).uniform(-1.0, 1.0, (4, 1)).astype(np.float32))
        return normalizer

    yield make
    for worlds in made:
        worlds.close()


# -- who sees what ----------------------------------------------------------------------------------------------------


def test_behind_the_history_stands_the_domain_in_the_unit_cube_of_the_ranges(uniform: Uniform) -> None:
    env = ASYMMETRIC.maker(ENV_ID, {}, uniform.space)()
    history = ActionHistory(ObservationHistory(sim2real_envs.make(ENV_ID), 3), 3)
    options = {"domain": {"object.friction": 0.04, "actuator.delay": 0.04}}
    seen, _ = env.reset(seed=3, options=options)
    plain, _ = history.reset(seed=3, options=options)
    for action in rng().uniform(-1.0, 1.0, (10, 1)).astype(np.float32):
        assert env.observation_space.contains(seen)
        assert seen[:SEEN].tobytes() == plain.tobytes()
        np.testing.assert_allclose(seen[SEEN:], [0.25, 1.0], atol=1e-6)
        seen, plain = env.step(action)[0], history.step(action)[0]


def test_a_parameter_that_a_world_does_not_have_is_in_the_middle(uniform: Uniform) -> None:
    elsewhere = SPACE["object.friction"]
    space = ParameterSpace([replace(elsewhere, name="motor.heat"), *uniform.space.values()])
    seen, _ = KnownDomain(sim2real_envs.make(ENV_ID), space).reset(
        seed=0, options={"domain": {"object.friction": 0.02}}
    )
    np.testing.assert_allclose(seen[2:], [0.5, 0.0, 0.0], atol=1e-6)


def test_ppo_hides_the_domain_from_the_actor_and_shows_it_to_the_critic(
    make_worlds: Callable[[Memory], Normalizer],
) -> None:
    model = models.build("PPO", PRESETS["PPO"], make_worlds(ASYMMETRIC), ASYMMETRIC, KNOWN)
    seen = torch.randn(16, SEEN + KNOWN, requires_grad=True)
    policy = cast(Any, model.policy)
    policy.get_distribution(seen).distribution.mean.sum().backward()
    assert torch.count_nonzero(seen.grad[:, SEEN:]) == 0  # type: ignore[index]
    assert bool((seen.grad[:, :SEEN] != 0).all())  # type: ignore[index]
    (gradient,) = torch.autograd.grad(policy.predict_values(seen).sum(), seen)
    assert bool((gradient != 0).all())
    values, _, _ = policy.evaluate_actions(seen, torch.zeros(16, 1))
    assert torch.equal(values, policy.predict_values(seen))
    assert torch.equal(policy.forward(seen, deterministic=True)[0], policy.get_distribution(seen).mode())


def test_sac_hides_the_domain_from_the_actor_and_shows_it_to_the_critics(
    make_worlds: Callable[[Memory], Normalizer],
) -> None:
    model = models.build("SAC", PRESETS["SAC"], make_worlds(ASYMMETRIC), ASYMMETRIC, KNOWN)
    assert isinstance(model, SAC)
    seen = torch.randn(16, SEEN + KNOWN, requires_grad=True)
    model.actor(seen, deterministic=True).sum().backward()
    assert torch.count_nonzero(seen.grad[:, SEEN:]) == 0  # type: ignore[index]
    assert bool((seen.grad[:, :SEEN] != 0).any(dim=0).all())  # type: ignore[index]
    for critics in (model.critic, model.critic_target):
        for value in critics(seen, torch.zeros(16, 1)):
            (gradient,) = torch.autograd.grad(value.sum(), seen)
            assert bool((gradient != 0).any(dim=0).all())


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_what_is_kept_sees_no_domain_and_acts_as_the_library_predicts(
    make_worlds: Callable[[Memory], Normalizer], algorithm: str
) -> None:
    normalizer = make_worlds(ASYMMETRIC)
    model = models.build(algorithm, PRESETS[algorithm], normalizer, ASYMMETRIC, KNOWN)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(3.0)
    policy = models.to_policy(model, normalizer, ENV_ID, ASYMMETRIC)
    assert isinstance(policy, HistoryPolicy)
    assert (policy.observation_size, policy.network.observation_size) == (2, SEEN)
    seen = rng().normal(size=(100, SEEN + KNOWN)).astype(np.float32)
    expected, _ = model.predict(np.asarray(normalizer.normalize_obs(seen)), deterministic=True)
    np.testing.assert_allclose([policy.network(row[:SEEN]) for row in seen], expected, atol=1e-5)


def test_the_domain_is_normalized_as_what_is_uniform_whatever_was_seen_of_it(
    make_worlds: Callable[[Memory], Normalizer],
) -> None:
    normalizer = make_worlds(ASYMMETRIC)
    arrays = normalizer.arrays()
    assert arrays["observation.mean"][SEEN:].tolist() == [0.5, 0.5]
    assert arrays["observation.variance"][SEEN:].tolist() == [1.0 / 12.0, 1.0 / 12.0]
    assert (arrays["observation.variance"][:SEEN] != 1.0).all()
    normalized = np.asarray(normalizer.normalize_obs(np.zeros((1, SEEN + KNOWN), dtype=np.float32)))
    np.testing.assert_allclose(normalized[0, SEEN:], -np.sqrt(3.0), atol=1e-5)


def test_the_lstm_in_numpy_acts_as_the_library_predicts_over_whole_episodes(
    make_worlds: Callable[[Memory], Normalizer],
) -> None:
    normalizer = make_worlds(RECURRENT)
    torch.manual_seed(1)
    model = cast(Any, models.build("PPO", PRESETS["PPO"], normalizer, RECURRENT))
    policy = models.to_policy(model, normalizer, ENV_ID, RECURRENT)
    env = ActionHistory(sim2real_envs.make(ENV_ID), 1)
    most = 0.0
    for seed in range(3):
        act, state, begins = for_episode(policy), None, np.ones(1, dtype=bool)
        seen, _ = env.reset(seed=seed)
        over = False
        while not over:
            action = act(seen[:2])
            expected, state = model.predict(
                normalizer.normalize_obs(seen[None]), state=state, episode_start=begins, deterministic=True
            )
            np.testing.assert_allclose(action, expected[0], atol=1e-6)
            begins, most = np.zeros(1, dtype=bool), max(most, float(abs(action[0])))
            seen, _, terminated, truncated, _ = env.step(action.astype(np.float32))
            over = terminated or truncated
    assert most > 1e-4


@pytest.mark.parametrize("starts", [(), (0, 14, 21), (5, 14)])  # in the last, an episode starts within a sequence
def test_sequences_at_once_are_what_the_library_makes_step_by_step(starts: tuple[int, ...]) -> None:
    from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

    from sim2real.training.lstm import SequencePolicy

    torch.manual_seed(0)
    lstm, features, begins = torch.nn.LSTM(3, 8), torch.randn(4 * 7, 3), torch.zeros(4 * 7)
    begins[list(starts)] = 1.0
    states = torch.randn(1, 4, 8), torch.randn(1, 4, 8)
    found, ends = SequencePolicy._process_sequence(features, states, begins, lstm)
    expected, expected_ends = RecurrentActorCriticPolicy._process_sequence(features, states, begins, lstm)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0.0)
    torch.testing.assert_close(tuple(ends), tuple(expected_ends), atol=1e-6, rtol=0.0)


# -- training ---------------------------------------------------------------------------------------------------------


@EACH
def test_the_result_does_not_depend_on_the_number_of_workers(uniform: Uniform, algorithm: str, memory: Memory) -> None:
    results = [bits(trainer(algorithm, memory, workers=n).train(None, uniform, 256, rng())) for n in (0, 2)]
    assert results[0] == results[1]
    assert bits(trainer(algorithm, memory).train(None, uniform, 256, rng(1)))[0] != results[0][0]


@EACH
def test_a_training_that_was_interrupted_resumes_to_the_same_bits(
    uniform: Uniform, algorithm: str, memory: Memory, tmp_path: Path
) -> None:
    small = trainer(algorithm, memory, chunk_steps=256)
    undisturbed = small.train(None, uniform, 600, rng())
    for stop in (100, 400):
        with pytest.raises(KeyboardInterrupt):
            small.train(None, uniform, 600, rng(), folder=tmp_path, progress=stop_at(stop))
    resumed = small.train(None, uniform, 600, rng(), folder=tmp_path)
    assert bits(resumed) == bits(undisturbed)


@EACH
def test_a_training_goes_on_from_a_policy_that_was_kept(
    uniform: Uniform, algorithm: str, memory: Memory, tmp_path: Path
) -> None:
    nominal = Fixed.create(uniform.space)
    first = trainer(algorithm, memory).train(None, nominal, 256, rng()).policy
    again = trainer(algorithm, memory).train(first, uniform, 0, rng())
    assert bits(again)[0] == bits(Lesson(first, uniform, 0, ()))[0]
    on = trainer(algorithm, memory).train(first, uniform, 256, rng())
    with Rollouts(ENV_ID, workers=0) as rollouts:
        episodes = rollouts.run(on.policy, [Job(0), Job(1)])
    assert all(episode.actions is not None for episode in episodes)


def test_an_oracle_that_knows_more_goes_on_too(uniform: Uniform) -> None:
    known = trainer("PPO", ASYMMETRIC, known=uniform.space)
    first = known.train(None, Fixed.create(uniform.space), 256, rng()).policy
    more = Fixed.create(SPACE.subset(["sensor.object_position_noise", *uniform.space]))
    assert known.train(first, more, 256, rng()).env_steps == 256
    with pytest.raises(PolicyError, match=r"value_net.*has shape \(16, 11\) there and \(16, 12\) here"):
        trainer("PPO", ASYMMETRIC).train(first, more, 256, rng())


def test_a_policy_of_another_kind_is_refused(uniform: Uniform) -> None:
    policies = {m.kind: trainer("PPO", m).train(None, uniform, 256, rng()).policy for m in (ASYMMETRIC, RECURRENT)}
    with pytest.raises(PolicyError, match="from an MlpPolicy, but got HistoryPolicy"):
        trainer("PPO", Memory()).train(policies["asymmetric"], uniform, 256, rng())
    with pytest.raises(PolicyError, match="from a HistoryPolicy, but got RecurrentPolicy"):
        trainer("PPO", ASYMMETRIC).train(policies["recurrent"], uniform, 256, rng())
    with pytest.raises(PolicyError, match="SAC can only continue from a policy that SAC trained, but got PPO"):
        trainer("SAC", ASYMMETRIC).train(policies["asymmetric"], uniform, 256, rng())
    with pytest.raises(PolicyError, match=r"policy_net\.0\.weight' has shape \(16, 9\) there and \(16, 12\) here"):
        trainer("PPO", Memory("asymmetric", 4)).train(policies["asymmetric"], uniform, 256, rng())


def test_a_checkpoint_of_another_memory_or_other_ranges_is_refused(uniform: Uniform, tmp_path: Path) -> None:
    trainer("PPO", ASYMMETRIC).train(None, uniform, 256, rng(), folder=tmp_path)
    wider = uniform.space.with_ranges({"actuator.delay": (0.0, 0.1)})
    others = [
        trainer("PPO", Memory()),
        trainer("PPO", RECURRENT),
        trainer("PPO", Memory("asymmetric", 2)),
        trainer("PPO", ASYMMETRIC, known=wider),
    ]
    for other in others:
        with pytest.raises(RunFolderError, match="belongs to a training with other arguments"):
            other.train(None, uniform, 256, rng(), folder=tmp_path)


def test_a_plain_network_is_trained_as_ever(uniform: Uniform) -> None:
    plain, named = (Sb3Trainer(ENV_ID, {}, "PPO", PRESETS["PPO"], 0, memory=m) for m in (Memory(), Memory("mlp", 9)))
    first, second = (each.train(None, uniform, 256, rng()).policy for each in (plain, named))
    assert isinstance(first, MlpPolicy)
    assert isinstance(second, MlpPolicy)
    assert {k: v.tobytes() for k, v in first.arrays().items()} == {k: v.tobytes() for k, v in second.arrays().items()}


def test_what_cannot_be_trained_is_said(uniform: Uniform, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="'asymetric' is not a kind of policy"):
        Memory("asymetric")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="got history=0"):
        Memory("asymmetric", 0)
    with pytest.raises(OptionError, match="Only PPO trains a recurrent policy, but got algorithm='SAC'"):
        trainer("SAC", RECURRENT)
    with pytest.raises(OptionError, match="DAgger trains policies without a memory only"):
        make_trainer("DAgger", "PandaReach-v0", {}, preset="reach", memory=ASYMMETRIC)
    pixels = Sb3Trainer("PandaReach-v0", {"observation": "pixels"}, workers=0, preset="reach", memory=ASYMMETRIC)
    with pytest.raises(OptionError, match="flat observation"):
        pixels.train(None, Uniform.create(ParameterSpace()), 64, rng())
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sim2real\[recurrent\]'"):
        trainer("PPO", RECURRENT)


def test_panda_reach_is_trained_and_tried_with_a_memory() -> None:
    space = sim2real_envs.make("PandaReach-v0").unwrapped.parameter_space.subset(["actuator.delay"])  # type: ignore[attr-defined]
    for algorithm, memory in (("PPO", RECURRENT), ("SAC", ASYMMETRIC)):
        small = replace(PRESETS[algorithm], worlds=2)
        lesson = Sb3Trainer("PandaReach-v0", {}, algorithm, small, 0, memory=memory).train(
            None, Uniform(space), 128, rng()
        )
        with Rollouts("PandaReach-v0", workers=0) as rollouts:
            (episode,) = rollouts.run(lesson.policy, [Job(0, {"actuator.delay": 0.1})])
        assert episode.observations is not None


@pytest.mark.slow
def test_who_remembers_copes_with_what_is_hidden() -> None:
    space = SPACE.subset(["object.friction", "actuator.delay"])
    hidden = Uniform(space.with_ranges({"object.friction": (0.02, 0.3), "actuator.delay": (0.0, 0.2)}))
    options = {"n_steps": 128, "batch_size": 256, "n_epochs": 8, "gae_lambda": 0.9, "learning_rate": 1e-3}
    domains = hidden.sample(rng(5), 200).values
    jobs = [Job(seed, space.to_domain(row)) for seed, row in enumerate(domains)]
    successes = {}
    for memory in (Memory(), Memory("asymmetric", 4)):
        taught = trainer("PPO", memory, worlds=8, hidden=(32, 32), chunk_steps=8_192, options=options)
        policy = taught.train(None, hidden, 40_000, rng()).policy
        with Rollouts(ENV_ID, workers=0) as rollouts:
            successes[memory.kind] = sum(episode.success for episode in rollouts.run(policy, jobs))
    assert successes["asymmetric"] > successes["mlp"] + 40  # of 200; some 170 and 95
