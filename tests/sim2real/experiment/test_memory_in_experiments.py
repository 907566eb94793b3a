"""``agent.policy`` in an experiment file: its laws, and whole runs with policies that remember."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.errors import PolicyError, SpecError
from sim2real.experiment.spec import json_schema, spec_from
from sim2real.exporting.numpy_policy import write_numpy
from sim2real.history_policy import HistoryPolicy
from sim2real.launch import run
from sim2real.policy import for_episode
from sim2real.recurrent_policy import RecurrentPolicy
from sim2real.rollouts import Job, Rollouts
from tests.support.point_mass import ENV_ID
from tests.support.toy_run import toy

STEPS = {"warmup_steps": 64, "round_steps": 64}  # rounded up to one rollout, 2048


def problems(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        toy(**changes)
    return caught.value.problems


def test_a_policy_remembers_nothing_unless_the_file_says_so() -> None:
    agent = toy().to_dict()["agent"]
    assert isinstance(agent, dict)
    assert (agent["policy"], "history" in agent) == ("mlp", False)
    asymmetric = toy(agent={"policy": "asymmetric"})
    assert asymmetric.agent.history == 4
    assert spec_from(asymmetric.to_dict()) == asymmetric
    assert asymmetric.diff(toy(agent={"policy": "asymmetric", "history": 8})) == ("agent.history",)
    for policy in ("mlp", "recurrent"):
        spec = toy(agent={"policy": policy})
        assert spec_from(spec.to_dict()) == spec
    assert "asymmetric" in str(json_schema())


@pytest.mark.parametrize(
    ("agent", "problem"),
    [
        (
            {"policy": "asymetric"},
            "agent.policy: must be one of mlp, asymmetric, recurrent, but got 'asymetric' (text). "
            "Did you mean 'asymmetric'?",
        ),
        ({"history": 3}, "agent.history: goes with `policy: asymmetric` only, but policy is mlp"),
        (
            {"policy": "recurrent", "history": 3},
            "agent.history: goes with `policy: asymmetric` only, but policy is recurrent",
        ),
        ({"policy": "asymmetric", "history": 0}, "agent.history: must be at least 1, but got 0"),
        (
            {"policy": "recurrent", "algorithm": "SAC"},
            "agent.policy: 'recurrent' needs `algorithm: PPO`, but algorithm is SAC",
        ),
        (
            {"policy": "recurrent", "algorithm": "DAgger"},
            "agent.policy: 'recurrent' needs `algorithm: PPO`, but algorithm is DAgger",
        ),
        (
            {"policy": "asymmetric", "algorithm": "DAgger"},
            "agent.policy: 'asymmetric' needs `algorithm: PPO` or SAC, but algorithm is DAgger, which has no critic",
        ),
    ],
)
def test_what_does_not_go_together_is_said(agent: dict[str, Any], problem: str) -> None:
    assert problems(agent=agent) == (problem,)


def test_an_asymmetric_critic_must_be_told_something() -> None:
    assert problems(agent={"policy": "asymmetric"}, parameters={}, methods=["fixed"]) == (
        "parameters: must name at least one parameter, because `policy: asymmetric` has a critic that is told them",
    )


def test_a_run_keeps_actors_with_a_history_that_need_no_domain(tmp_path: Path) -> None:
    truth = {"object.friction": 0.15, "sensor.object_position_noise": 0.005}  # the oracle trains with one more column
    spec = toy(
        agent={"policy": "asymmetric", "history": 2, **STEPS},
        methods=["uniform", "oracle"],
        targets={"rough": {"type": "hidden", "domain": truth}},
        episodes={"real_per_round": 3, "simulated_per_round": 3, "final": 4},
    )
    result = run(spec, output=tmp_path, report=False)
    for piece in sorted((result.folder / "pieces").iterdir()):
        policy = result.policy(piece.name)
        assert isinstance(policy, HistoryPolicy)
        assert (policy.history, policy.observation_size, policy.network.observation_size) == (2, 2, 6)
        assert policy.learner["parameter.mlp_extractor.value_net.0.weight"].shape[1] == 6 + 2
        with Rollouts(ENV_ID, workers=0) as rollouts:
            first, second = (rollouts.run(policy, [Job(0)])[0].total_reward for _ in range(2))
        assert first == second
        with pytest.raises(PolicyError, match="A HistoryPolicy remembers the episode so far and cannot be exported"):
            write_numpy(policy, tmp_path / "exported")


@pytest.mark.slow
def test_a_run_keeps_recurrent_policies(tmp_path: Path) -> None:
    spec = toy(
        agent={"policy": "recurrent", **STEPS},
        methods=["uniform"],
        episodes={"real_per_round": 3, "simulated_per_round": 3, "final": 4},
    )
    result = run(spec, output=tmp_path, report=False)
    (piece,) = (result.folder / "pieces").iterdir()
    policy = result.policy(piece.name)
    assert isinstance(policy, RecurrentPolicy)
    assert np.isfinite(for_episode(policy)(np.zeros(2))).all()
