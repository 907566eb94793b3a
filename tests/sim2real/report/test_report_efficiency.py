"""What real episodes buy, drawn of a run of the point mass with watched episodes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sim2real.launch import run
from sim2real.report import write_report
from sim2real.report.efficiency import success_against_episodes
from sim2real.report.run import Run
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy

DOMAINS = {"slow": {"object.friction": 0.15, "actuator.delay": 0.12}, "racy": {"object.friction": 0.02}}


@pytest.fixture(scope="module")
def watched_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = toy(
        targets={name: {"type": "hidden", "domain": domain} for name, domain in DOMAINS.items()},
        episodes={"real_per_round": 3, "watched_per_round": 5, "simulated_per_round": 3, "final": 10},
        methods=["uniform", "feedback", "oracle"],
        agent={"warmup_steps": 1000, "round_steps": 500},
        rounds=2,
        seeds=[0, 1],
    )
    return run(spec, output=tmp_path_factory.mktemp("watched"), trainer=GainSearch(), report=False).folder


def test_success_stands_against_the_episodes_that_were_learned_from(watched_run: Path) -> None:
    drawing = success_against_episodes(Run(watched_run))
    assert drawing is not None
    feedback = drawing.table[(drawing.table["method"] == "feedback") & (drawing.table["target"] == "slow")]
    assert feedback["episodes"].tolist() == [0, 3, 6]
    assert feedback["n"].tolist() == [10, 10, 20]
    episodes = pd.read_parquet(watched_run / "episodes.parquet")
    seen = episodes[(episodes["phase"] == "watched") & (episodes["method"] == "feedback") & (episodes["round"] == 1)]
    assert feedback["k"].tolist()[1] == seen[seen["target"] == "slow"]["success"].sum()


def test_a_run_of_several_targets_and_seeds_shows_each_target_and_the_interquartile_mean(watched_run: Path) -> None:
    found = json.loads((watched_run / "summary.json").read_text())["methods"]["feedback"]
    rates = sorted(found["targets"][name]["real"]["rate"] for name in DOMAINS)
    mean = found["interquartile_mean"]
    assert mean["n"] == 4
    assert mean["low"] <= mean["value"] <= mean["high"]
    assert rates[0] <= mean["value"] <= rates[1] or rates[0] == rates[1]
    page = write_report(watched_run).read_text()
    assert "interquartile mean" in page
    assert "What real episodes buy" in page
    assert "on racy" in page
