"""Policies that remember: what they see, that nothing leaks between episodes, their files, their refusals."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

import sim2real_envs
from sim2real.errors import PolicyError
from sim2real.history_policy import HistoryPolicy
from sim2real.policy import MlpPolicy, for_episode, load_policy
from sim2real.recurrent_policy import Lstm, RecurrentPolicy
from sim2real.rollouts import Job, Rollouts, run_episode
from sim2real_envs.wrappers import ActionHistory, ObservationHistory
from tests.support.point_mass import ENV_ID

Remembering: TypeAlias = HistoryPolicy | RecurrentPolicy
Make: TypeAlias = Callable[..., Remembering]


def normal(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape, dtype=np.float32)


def network(seed: int, sizes: tuple[int, ...]) -> MlpPolicy:
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    return MlpPolicy(
        env_id=ENV_ID,
        algorithm="SAC",
        layers=tuple((normal(rng, o, i), normal(rng, o)) for o, i in shapes),
        activation="tanh",
        output="tanh",
        mean=rng.normal(size=sizes[0]),
        variance=rng.uniform(0.1, 2.0, size=sizes[0]),
        learner={"critic": rng.normal(size=(3, 3))},
    )


def with_history(seed: int = 0, history: int = 3) -> HistoryPolicy:
    return HistoryPolicy(network(seed, (3 * history, 16, 1)), history)


def recurrent(seed: int = 0, units: int = 8, **changes: Any) -> RecurrentPolicy:
    rng, behind = np.random.default_rng(seed), network(seed, (units, 16, 1))
    settings: dict[str, Any] = {
        "env_id": ENV_ID,
        "algorithm": "PPO",
        "lstm": Lstm(normal(rng, 4 * units, 3), normal(rng, 4 * units, units), normal(rng, 4 * units)),
        "layers": behind.layers,
        "activation": "tanh",
        "mean": rng.normal(size=3),
        "variance": rng.uniform(0.1, 2.0, size=3),
        "learner": behind.learner,
    }
    return RecurrentPolicy(**(settings | changes))


BOTH = pytest.mark.parametrize("make", [with_history, recurrent])


def acted(policy: Remembering, observations: np.ndarray[Any, Any]) -> list[bytes]:
    act = for_episode(policy)
    return [act(observation).tobytes() for observation in observations]


def test_the_history_is_what_the_wrappers_give() -> None:
    policy = with_history(history=4)
    plain, wrapped = (sim2real_envs.make(ENV_ID) for _ in range(2))
    wrapped = ActionHistory(ObservationHistory(wrapped, 4), 4)
    for seed in (0, 1):
        act = for_episode(policy)
        seen, _ = plain.reset(seed=seed)
        joined, _ = wrapped.reset(seed=seed)
        over = False
        while not over:
            action = act(seen)
            assert action.tobytes() == policy.network(joined).tobytes()
            seen, _, terminated, truncated, _ = plain.step(action.astype(np.float32))
            joined, *_ = wrapped.step(action.astype(np.float32))
            over = terminated or truncated


def test_the_recurrence_is_the_formula_in_the_docstring() -> None:
    policy = recurrent(3)
    act, h, c, last = for_episode(policy), np.zeros(8), np.zeros(8), np.zeros(1)
    for observation in np.random.default_rng(0).normal(size=(30, 2)):
        x = np.concatenate([observation, last])
        x = np.clip((x - policy.mean) / np.sqrt(policy.variance + 1e-8), -10.0, 10.0)
        into, forget, cell, output = np.split(
            policy.lstm.weight_input.astype(np.float64) @ x + policy.lstm.weight_hidden @ h + policy.lstm.bias, 4
        )
        c = c / (1.0 + np.exp(-forget)) + np.tanh(cell) / (1.0 + np.exp(-into))
        h = np.tanh(c) / (1.0 + np.exp(-output))
        (weight, bias), (last_weight, last_bias) = policy.layers
        last = np.clip(last_weight @ np.tanh(weight @ h + bias) + last_bias, -1.0, 1.0)
        np.testing.assert_allclose(act(observation), last, atol=2e-5)


@BOTH
def test_an_action_depends_on_the_episode_so_far_and_not_on_the_one_before(make: Make) -> None:
    policy, observations = make(), np.random.default_rng(1).normal(size=(2, 20, 2)).astype(np.float32)
    first = [acted(policy, episode) for episode in observations]
    acts = [for_episode(policy), for_episode(policy)]  # two episodes side by side
    interleaved = [
        [act(o).tobytes() for act, o in zip(acts, pair, strict=True)] for pair in observations.swapaxes(0, 1)
    ]
    assert [list(column) for column in zip(*interleaved, strict=True)] == first
    assert acted(policy, observations[0, ::-1])[-1] != first[0][0]
    assert acted(policy, observations[0]) == first[0]


@BOTH
def test_episodes_are_the_same_in_any_order_and_for_any_number_of_workers(make: Make) -> None:
    policy, jobs = make(), [Job(seed, {"actuator.delay": 0.08}) for seed in range(6)]

    def ends(workers: int, order: list[int]) -> dict[int, tuple[float, bytes]]:
        with Rollouts(ENV_ID, workers=workers) as rollouts:
            found = rollouts.run(policy, [jobs[number] for number in order])
        return {
            n: (e.total_reward, e.actions.tobytes()) for n, e in zip(order, found, strict=True) if e.actions is not None
        }

    forwards = ends(0, [0, 1, 2, 3, 4, 5])
    assert len(forwards) == 6
    assert ends(0, [5, 3, 1, 0, 2, 4]) == forwards
    assert ends(2, [5, 4, 3, 2, 1, 0]) == forwards


@BOTH
def test_what_comes_back_from_a_folder_or_a_pickle_is_equal_to_the_bit(make: Make, tmp_path: Path) -> None:
    policy, observations = make(5), np.random.default_rng(0).normal(size=(20, 2))
    policy.save(tmp_path / "policy")
    for again in (load_policy(tmp_path / "policy"), pickle.loads(pickle.dumps(policy))):
        assert isinstance(again, type(policy))
        assert acted(again, observations) == acted(policy, observations)
        assert {k: v.tobytes() for k, v in again.arrays().items()} == {
            k: v.tobytes() for k, v in policy.arrays().items()
        }
        assert list(again.learner) == ["critic"]
        for name in ("env_id", "algorithm", "observation_size", "action_size"):
            assert getattr(again, name) == getattr(policy, name)
    assert (policy.observation_size, policy.action_size) == (2, 1)
    assert sorted(path.name for path in (tmp_path / "policy").iterdir()) == ["policy.json", "policy.npz"]


@BOTH
def test_a_policy_that_remembers_does_not_act_without_an_episode(make: Make) -> None:
    with pytest.raises(PolicyError, match=r"remembers the episode so far: ask what `for_episode\(policy\)` returns"):
        make()(np.zeros(2))
    with pytest.raises(PolicyError, match=r"takes observations of shape \(2,\), but got \(3,\)"):
        for_episode(make())(np.zeros(3))


@BOTH
def test_nan_is_passed_on_and_not_remembered_as_an_action(make: Make) -> None:
    act = for_episode(make())
    act(np.zeros(2))
    assert np.isnan(act(np.full(2, np.nan))).all()


def test_a_policy_without_memory_is_its_own_episode() -> None:
    policy = network(0, (2, 4, 1))
    assert for_episode(policy) is policy
    env = sim2real_envs.make(ENV_ID)
    assert run_episode(env, policy, Job(0)).actions is not None


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PolicyError, match="takes 9 numbers, and history=4"):
        HistoryPolicy(network(0, (9, 16, 1)), 4)
    with pytest.raises(PolicyError, match="history=0"):
        HistoryPolicy(network(0, (9, 16, 1)), 0)
    good = recurrent()
    for changes in (
        {"mean": np.zeros(4)},
        {"layers": ()},
        {"layers": network(0, (9, 16, 1)).layers},
        {"lstm": good.lstm._replace(bias=np.zeros(30, np.float32))},
        {"lstm": good.lstm._replace(weight_hidden=np.zeros((30, 8), np.float32))},
    ):
        with pytest.raises(PolicyError, match="must chain from observation and last action on"):
            recurrent(**changes)
    with pytest.raises(PolicyError, match="finite"):
        recurrent(mean=np.full(3, np.nan))
    with pytest.raises(PolicyError, match="'gelu'"):
        recurrent(activation="gelu")


def test_a_head_that_does_not_say_enough_is_a_policy_error(tmp_path: Path) -> None:
    with_history().save(tmp_path)
    head = json.loads((tmp_path / "policy.json").read_text())
    assert (head["memory"], head["history"]) == ("history", 3)
    del head["history"]
    (tmp_path / "policy.json").write_text(json.dumps(head))
    with pytest.raises(PolicyError, match="is not a policy"):
        load_policy(tmp_path)


def test_the_learner_may_be_left_out() -> None:
    observations = np.random.default_rng(0).normal(size=(5, 2))
    assert acted(replace(recurrent(), learner={}), observations) == acted(recurrent(), observations)
