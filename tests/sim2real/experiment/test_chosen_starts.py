"""A run whose method chooses where its real episodes begin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.errors import Interrupted
from sim2real.experiment.codecs import EpisodesCodec, StartsCodec
from sim2real.experiment.result import Result
from sim2real.experiment.spec import ExperimentSpec, spec_from
from sim2real.launch import run
from sim2real.policy import Policy
from sim2real_envs.state import WorldState
from tests.support.brief_trainer import BriefTrainer
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy

CHOOSER = {"method": "particles", "count": 64, "designs": 16, "starts": "informative"}


def _spec() -> ExperimentSpec:
    return toy(methods=["feedback", CHOOSER], rounds=2)


def _piece(result: Result, method: str) -> Path:
    (found,) = (path for path in (result.folder / "pieces").iterdir() if f"-{method}-s0" in path.name)
    return found


def _chosen(result: Result, method: str, round_: int) -> tuple[WorldState, ...] | None:
    return StartsCodec().read(_piece(result, method) / f"stages/round-{round_:03}/starts.json")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(_spec(), output=tmp_path_factory.mktemp("results"), trainer=GainSearch(), report=False)


@pytest.mark.parametrize("round_", [0, 1])
def test_real_episodes_begin_where_the_method_wanted_them_to(result: Result, round_: int) -> None:
    chosen = _chosen(result, "particles", round_)
    assert chosen is not None
    real = EpisodesCodec().read(_piece(result, "particles") / f"stages/round-{round_:03}/real.npz")
    assert len(chosen) == len(real) == 6
    for start, episode in zip(chosen, real, strict=True):
        np.testing.assert_allclose(episode.start.values["goal"], start.values["goal"])
    assert len({tuple(start.values["goal"]) for start in chosen}) == 6


def test_a_method_that_does_not_choose_meets_the_starts_of_all_others(result: Result, tmp_path: Path) -> None:
    alone = run(toy(methods=["feedback"], rounds=2), output=tmp_path, trainer=GainSearch(), report=False)
    for round_ in (0, 1):
        assert _chosen(result, "feedback", round_) is None
        name = f"stages/round-{round_:03}/real.npz"
        beside, before = (EpisodesCodec().read(_piece(each, "feedback") / name) for each in (result, alone))
        assert [episode.outcome for episode in beside] == [episode.outcome for episode in before]


def test_looking_for_starts_counts_as_replay(result: Result) -> None:
    costs = json.loads((_piece(result, "particles") / "costs.json").read_text())
    for round_ in (0, 1):
        looked = costs[f"stages/round-{round_:03}/starts.json"]["replay_steps"]
        assert 0 < looked <= 32 * 24 * 60  # domains, candidates, at most so many steps
    assert "replay_steps" not in costs["stages/round-000/real.npz"]


REACH: dict[str, Any] = {
    "name": "reach",
    "env": {"id": "PandaReach-v0", "horizon": 15},
    "parameters": {"actuator.delay": {"low": 0.0, "high": 0.2}},
    "methods": [{**CHOOSER, "designs": 8, "sweeps": 1, "candidates": 2}],
    "agent": {"warmup_steps": 2048, "round_steps": 2048},
    "targets": {"laggy": {"type": "hidden", "domain": {"actuator.delay": 0.12}}},
    "episodes": {"real_per_round": 3, "simulated_per_round": 3, "final": 4},
    "rounds": 1,
    "workers": 1,
}


class BriefAndStopped(BriefTrainer):
    """Is interrupted when it has a policy to go on from."""

    def train(self, policy: Policy | None, *arguments: Any, **options: Any) -> Any:
        if policy is not None:
            raise KeyboardInterrupt
        return super().train(policy, *arguments, **options)


def test_a_panda_begins_where_the_method_wants_it_to_and_a_stopped_run_goes_on_alike(tmp_path: Path) -> None:
    trainer = BriefTrainer("PandaReach-v0", {"horizon": 15})
    whole = run(spec_from(REACH), output=tmp_path / "whole", trainer=trainer, report=False)
    chosen = _chosen(whole, "particles", 0)
    assert chosen is not None
    real = EpisodesCodec().read(_piece(whole, "particles") / "stages/round-000/real.npz")
    for start, episode in zip(chosen, real, strict=True):
        np.testing.assert_allclose(episode.start.values["goal"], start.values["goal"])
        np.testing.assert_allclose(episode.start.values["joint.position"], start.values["joint.position"], atol=1e-9)
    with pytest.raises(Interrupted):
        run(
            spec_from(REACH),
            output=tmp_path / "parts",
            trainer=BriefAndStopped("PandaReach-v0", {"horizon": 15}),
            report=False,
        )
    resumed = run(spec_from(REACH), output=tmp_path / "parts", trainer=trainer, report=False, resume=True)
    for name in ("stages/round-000/starts.json", "randomizer/round-001.json", "curve.csv"):
        assert (_piece(resumed, "particles") / name).read_bytes() == (_piece(whole, "particles") / name).read_bytes()


class Stopped(GainSearch):
    """Is interrupted at the training of the second round."""

    lessons = 0

    def train(self, *arguments: Any, **options: Any) -> Any:
        self.lessons += 1
        if self.lessons == 5:
            raise KeyboardInterrupt
        return super().train(*arguments, **options)


def test_a_run_that_is_stopped_goes_on_with_the_starts_that_it_chose(result: Result, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(_spec(), output=tmp_path, trainer=Stopped(), report=False)
    resumed = run(_spec(), output=tmp_path, trainer=GainSearch(), report=False, resume=True)
    for round_ in (0, 1):
        name = f"stages/round-{round_:03}/starts.json"
        assert (_piece(resumed, "particles") / name).read_bytes() == (_piece(result, "particles") / name).read_bytes()
    for name in ("randomizer/round-002.json", "curve.csv"):
        assert (_piece(resumed, "particles") / name).read_bytes() == (_piece(result, "particles") / name).read_bytes()
