"""Adaptive randomization in anybody's Stable-Baselines3 script."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecNormalize

import sim2real
from sim2real import AdaptDomain
from sim2real.errors import InsufficientEvidence
from sim2real.evidence import Evidence
from sim2real.randomizers import resolve
from sim2real.randomizers.base import Description, Draws, Json, Practice, Randomizer
from sim2real.randomizers.uniform import Uniform
from sim2real.testing import RandomizerContract
from sim2real.training.outcomes import outcomes_only
from sim2real_envs.errors import OptionError, ParameterError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace
from tests.support.foreign_worlds import make_cartpole, make_hopper, make_pendulum


@dataclass(frozen=True, eq=False)
class Widening(Randomizer):
    """A user's own method: as wide a share of the ranges, about nominal, as episodes succeeded so far."""

    space: ParameterSpace
    width: float = 0.1
    seen: int = 0
    real: int = 0

    @classmethod
    def create(cls, space: ParameterSpace, **options: Json) -> Self:
        for name in options:
            raise UnknownNameError(name, "an option of widening", ())
        return cls(space)

    def sample(self, rng: np.random.Generator, size: int) -> Draws:
        nominal = np.clip(self.space.to_unit(self.space.to_array(self.space.nominal())), 0.0, 1.0)
        unit = nominal + self.width * (rng.random((size, len(self.space))) - nominal)
        return Draws(self.space.from_unit(unit), np.zeros(size), np.full(size, self.seen))

    def describe(self) -> Description:
        described = Uniform(self.space).describe()
        return Description(described.parameters, described.correlation, {"width": self.width, "seen": float(self.seen)})

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        width = min(1.0, self.width * (1.5 if practice.success.mean() >= 0.5 else 0.9))
        return replace(self, width=width, seen=self.seen + len(practice.success))

    def update_from_evidence(self, evidence: Evidence, rng: np.random.Generator) -> Self:
        return replace(self, real=self.real + len(evidence.real))

    def to_dict(self) -> dict[str, Json]:
        return {"width": self.width, "seen": self.seen, "real": self.real}

    @classmethod
    def from_dict(cls, space: ParameterSpace, data: Mapping[str, Any]) -> Self:
        return cls(space, data["width"], data["seen"], data["real"])


class TestWidening(RandomizerContract):
    def make(self, space: ParameterSpace) -> Randomizer:
        return Widening.create(space)


class Watched(AdaptDomain):
    """Keeps what it was told."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.infos: list[tuple[int, int, dict[str, float], float]] = []
        self.practices: list[Practice] = []

    def _on_step(self) -> bool:
        for world in np.flatnonzero(self.locals["dones"]).tolist():
            info = self.locals["infos"][world]
            self.infos.append((world, info["domain_ticket"], info["domain"], info["domain_return"]))
        return super()._on_step()


class Recording(Widening):
    """Widening that keeps its practices in a list of its own."""

    kept: list[Practice] = []  # noqa: RUF012

    def update_from_training(self, practice: Practice, rng: np.random.Generator) -> Self:
        self.kept.append(practice)
        return super().update_from_training(practice, rng)


def ppo(worlds: VecEnv, seed: int | None = 0, steps: int = 32, **options: Any) -> PPO:
    return PPO("MlpPolicy", worlds, n_steps=steps, batch_size=32, n_epochs=1, seed=seed, device="cpu", **options)


def sac(worlds: VecEnv, seed: int | None = 0) -> SAC:
    return SAC(
        "MlpPolicy", worlds, learning_starts=100, buffer_size=1000, batch_size=16, train_freq=16, gradient_steps=1,
        seed=seed, device="cpu",
    )  # fmt: skip


def space_of(make: Callable[[], Any]) -> ParameterSpace:
    space: ParameterSpace = make().parameter_space
    return space


def test_the_same_seed_gives_the_same_training_in_one_process_and_in_several() -> None:
    runs = []
    for kind in (DummyVecEnv, SubprocVecEnv):
        options = {"start_method": "fork"} if kind is SubprocVecEnv else {}  # quicker than to import torch again
        worlds = make_vec_env(make_pendulum, n_envs=2, vec_env_cls=kind, vec_env_kwargs=options)
        adapt = Watched(Widening.create(space_of(make_pendulum)), every=200, success=-150.0)
        model = ppo(worlds).learn(640, callback=adapt)
        weights = model.policy.state_dict()["action_net.weight"].numpy()
        runs.append((adapt.infos, adapt.randomizer.to_dict(), weights))
        worlds.close()
    assert runs[0][:2] == runs[1][:2]
    np.testing.assert_array_equal(runs[0][2], runs[1][2])
    assert len(runs[0][0]) == 32


@pytest.mark.parametrize("algorithm", [ppo, sac])
def test_every_episode_but_the_first_of_a_world_is_in_a_drawn_domain_and_learned_from_once(algorithm: Any) -> None:
    Recording.kept.clear()
    worlds = DummyVecEnv([make_pendulum] * 3)
    space = space_of(make_pendulum)
    adapt = Watched(
        Recording.create(space), every=10, unit="episodes", success=lambda info: info["domain_return"] > -99
    )
    algorithm(worlds).learn(960, callback=adapt)
    tickets = [ticket for _, ticket, _, _ in adapt.infos]
    assert len(adapt.infos) == 48
    assert tickets[:3] == [-1, -1, -1]
    assert sorted(tickets[3:]) == list(range(45))  # in order, each once
    practices = Recording.kept
    assert [len(each.success) for each in practices] == [12, 12, 12]  # 10 are reached three at a time
    told = [(domain, total) for _, ticket, domain, total in adapt.infos if ticket >= 0][:36]
    values = np.concatenate([each.draws.values for each in practices])
    np.testing.assert_array_equal(values, [space.to_array(domain) for domain, _ in told])
    np.testing.assert_allclose(np.concatenate([each.returns for each in practices]), [total for _, total in told])
    assert (np.concatenate([each.success for each in practices]) == [total > -99 for _, total in told]).all()
    assert sorted(set(np.concatenate([each.draws.tag for each in practices]).tolist())) == [0, 12, 24]
    assert adapt.randomizer.seen == 36  # type: ignore[attr-defined]


def test_a_new_law_is_drawn_from_at_once_and_felt_in_the_episode_after_the_next() -> None:
    Recording.kept.clear()
    worlds = DummyVecEnv([make_pendulum])
    adapt = AdaptDomain(Recording.create(space_of(make_pendulum)), every=4, unit="episodes", success=-1e9)
    ppo(worlds).learn(20 * 14, callback=adapt)
    tags = np.concatenate([each.draws.tag for each in Recording.kept]).tolist()
    assert tags == [0, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8]


def test_ranges_grow_while_episodes_succeed_and_the_log_says_so(tmp_path: Any) -> None:
    from stable_baselines3.common.logger import configure

    worlds = make_vec_env(make_pendulum, n_envs=2)
    model = ppo(worlds)
    model.set_logger(configure(str(tmp_path), ["json", "stdout"]))
    adapt = AdaptDomain(Widening.create(space_of(make_pendulum)), every=100, success=-1e9)
    model.learn(640, callback=adapt)
    model.logger.close()
    rows = [json.loads(line) for line in (tmp_path / "progress.json").read_text().splitlines()]
    widths = [row["adapt/width"] for row in rows]
    assert widths[-1] == 1.0 > widths[0]
    assert {"adapt/pole.mass/mean", "adapt/pole.mass/low", "adapt/pole.mass/high", "adapt/success"} <= set(rows[-1])


def test_two_calls_of_learn_go_on_with_one_stream() -> None:
    worlds = DummyVecEnv([make_pendulum] * 2)
    adapt = Watched(Widening.create(space_of(make_pendulum)), every=100, success=-1e9)
    model = ppo(worlds)
    model.learn(128, callback=adapt)
    seen = adapt.randomizer
    model.learn(128, callback=adapt, reset_num_timesteps=False)
    assert adapt.randomizer.seen > seen.seen  # type: ignore[attr-defined]
    drawn = [tuple(domain.values()) for _, ticket, domain, _ in adapt.infos if ticket >= 0]
    assert len(set(drawn)) == len(drawn)
    restored = Widening.from_dict(seen.space, json.loads(json.dumps(seen.to_dict())))
    assert restored == seen


def test_returns_are_those_of_the_environment_also_under_normalized_rewards() -> None:
    Recording.kept.clear()
    worlds = VecNormalize(DummyVecEnv([make_pendulum] * 2))
    adapt = Watched(Recording.create(space_of(make_pendulum)), every=4, unit="episodes", success=0.0)
    ppo(worlds).learn(256, callback=adapt)
    returns = np.concatenate([each.returns for each in Recording.kept])
    assert (returns < -5.0).all()


def test_real_trials_reach_methods_that_learn_from_them() -> None:
    asked = []

    def try_it(model: Any, randomizer: Randomizer, round: int, rng: np.random.Generator) -> Evidence:
        action, _ = model.predict(np.zeros(3, dtype=np.float32), deterministic=True)
        asked.append((round, action.shape))
        return outcomes_only(round, (rng.random(5) < 0.5).tolist())

    worlds = DummyVecEnv([make_pendulum])
    adapt = AdaptDomain(
        Widening.create(space_of(make_pendulum)), every=100, success=-1e9, evidence=try_it, evidence_every=64
    )
    ppo(worlds).learn(192, callback=adapt)
    assert asked == [(0, (1,)), (1, (1,)), (2, (1,))]
    assert adapt.randomizer.real == 15  # type: ignore[attr-defined]


def test_bayrn_searches_by_real_trials() -> None:
    def try_it(model: Any, randomizer: Randomizer, round: int, rng: np.random.Generator) -> Evidence:
        return outcomes_only(round, (rng.random(6) < 0.5).tolist(), rng.normal(size=6).tolist())

    space = space_of(make_pendulum)
    start = resolve("bayrn").create(space)
    adapt = AdaptDomain(start, success=-1e9, evidence=try_it, evidence_every=64)
    ppo(DummyVecEnv([make_pendulum])).learn(192, callback=adapt)
    assert adapt.randomizer != start
    assert type(start).from_dict(space, json.loads(json.dumps(adapt.randomizer.to_dict()))) == adapt.randomizer


def test_our_shared_memory_worlds_take_foreign_environments_too() -> None:
    worlds = sim2real.Sb3Worlds(make_hopper, worlds=2, workers=0, randomizer=Uniform(space_of(make_hopper)), seed=0)
    worlds.reset()
    for _ in range(60):
        worlds.step(np.ones((2, 3), dtype=np.float32))
    practice = worlds.practice()
    assert len(practice.success) >= 2
    assert len(set(practice.draws.values[:, 0].tolist())) == len(practice.success)
    worlds.close()


def test_evidence_of_outcomes_says_what_it_cannot_do() -> None:
    evidence = outcomes_only(2, [True, False], [3.0, 1.0])
    assert [(episode.success, episode.total_reward) for episode in evidence.real] == [(True, 3.0), (False, 1.0)]
    with pytest.raises(InsufficientEvidence, match="replays real episodes"):
        evidence.replay(np.zeros((1, 1)), [], np.random.default_rng(0))
    with pytest.raises(OptionError, match="2 trials and 1 returns"):
        outcomes_only(0, [True, False], [1.0])


def test_mistakes_are_told_before_anything_is_trained() -> None:
    space = space_of(make_cartpole)
    bare = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])
    wrapped = DummyVecEnv([make_cartpole])
    with pytest.raises(OptionError, match=r"wrap each in sim2real_envs\.wrappers\.RandomizedEnv"):
        ppo(bare).learn(32, callback=AdaptDomain(Uniform(space)))
    with pytest.raises(UnknownNameError, match=r"'torso\.mass' is not a parameter of the training environments"):
        ppo(wrapped).learn(32, callback=AdaptDomain(Uniform(space_of(make_hopper))))
    hopper = make_hopper().parameter_space["torso.mass"]
    wide = ParameterSpace([replace(hopper, name="torso.mass", low=0.0, limits=(0.0, 1e9))])
    with pytest.raises(ParameterError, match="limits"):
        ppo(DummyVecEnv([make_hopper])).learn(32, callback=AdaptDomain(Uniform(wide)))
    with pytest.raises(OptionError, match="Give `success=`"):
        ppo(wrapped).learn(256, callback=AdaptDomain(Uniform(space)))
    for arguments, message in (
        (("doraemon",), "needs a Randomizer, but got 'doraemon'"),
        ((Uniform(space), 0), "every >= 1"),
        ((Uniform(space), 1), "unit"),
    ):
        with pytest.raises(OptionError, match=message):
            AdaptDomain(*arguments, unit="rounds" if message == "unit" else "steps")  # type: ignore[arg-type]


def test_our_own_worlds_are_sent_to_their_own_callback() -> None:
    worlds = sim2real.Sb3Worlds("PandaReach-v0", worlds=1, workers=0, seed=0)
    with pytest.raises(OptionError, match="AdaptRandomizer"):
        ppo(worlds).learn(32, callback=AdaptDomain(Uniform(ParameterSpace())))
    worlds.close()


@pytest.mark.parametrize("method", ["doraemon", "autodr"])
def test_methods_that_learn_from_training_widen_the_ranges_of_a_locomotion_environment(method: str) -> None:
    space = space_of(make_hopper)
    options: dict[str, Any] = {"doraemon": {"episodes": 20}, "autodr": {"buffer": 3}}[method]
    start = resolve(method).create(space, **options)
    adapt = AdaptDomain(start, every=20, unit="episodes", success=1.0)
    ppo(DummyVecEnv([make_hopper] * 2), steps=128).learn(1024, callback=adapt)
    before, after = (each.describe().parameters["torso.mass"] for each in (start, adapt.randomizer))
    assert after.high - after.low > before.high - before.low
