"""The loop on a closed-form world: who learns from what, what is shared, and what is never told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim2real.report
from sim2real.episodes import Episode
from sim2real.errors import TooManyDivergences
from sim2real.experiment.codecs import EpisodesCodec
from sim2real.experiment.result import Result
from sim2real.experiment.streams import Streams, generator
from sim2real.experiment.summary import Final, summarize
from sim2real.launch import run
from tests.support.gain_search import GainSearch
from tests.support.toy_run import toy

RATE = {"k", "n", "rate", "low", "high"}
PARTICLES = {"method": "particles", "count": 128, "trust": "full"}


def piece_folder(result: Result, method: str) -> Path:
    found = [path for path in (result.folder / "pieces").iterdir() if f"-{method}-s0" in path.name]
    assert len(found) == 1
    return found[0]


def stage(result: Result, method: str, name: str) -> tuple[Episode, ...]:
    return EpisodesCodec().read(piece_folder(result, method) / "stages" / f"{name}.npz")


def without_times(found: Any) -> Any:
    """Drop how long it took, which no two runs share."""
    if isinstance(found, dict):
        return {key: without_times(value) for key, value in found.items() if key not in ("wall_s", "seconds")}
    return [without_times(value) for value in found] if isinstance(found, list) else found


def starts(episodes: Sequence[Episode]) -> list[tuple[float, float]]:
    return [(e.start.values["joint.position"][0], e.start.values["goal"][0]) for e in episodes]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    spec = toy(methods=["fixed", "uniform", PARTICLES, "oracle"])
    return run(spec, output=tmp_path_factory.mktemp("results"), trainer=GainSearch(), report=False)


def test_the_loop_lets_a_real_failure_change_what_the_simulator_randomizes(result: Result) -> None:
    fixed, particles = result.summary["methods"]["fixed"], result.summary["methods"]["particles"]
    assert fixed["simulated"]["rate"] >= 0.9, "the unadapted policy must work in its own world"
    assert fixed["real"]["rate"] <= 0.2, "and fail on the target"
    assert particles["real"]["low"] > fixed["real"]["high"]
    friction = particles["identification"]["parameters"]["object.friction"]
    assert friction["low"] <= 0.15 <= friction["high"]
    assert friction["verdict"] == "identified"


def test_the_summary_has_the_documented_form(result: Result) -> None:
    summary = json.loads((result.folder / "summary.json").read_text())
    assert set(summary) == {"schema", "experiment", "kind", "pieces", "methods"}
    assert (summary["schema"], summary["experiment"], summary["kind"]) == (1, "toy", "train")
    for found in (*summary["pieces"], *summary["methods"].values()):
        for side in ("real", "simulated", "nominal"):
            assert set(found[side]) == RATE
        assert set(found["gap"]) == {"value", "low", "high", "paired"}
        assert set(found["gap"]["paired"]) == {"value", "low", "high", "mcnemar_p"}
        assert {"real_episodes_used", "env_steps", "replay_steps", "wall_s"} <= set(found)
    marginal = summary["methods"]["particles"]["identification"]["parameters"]["actuator.delay"]
    assert set(marginal) == {"mean", "low", "high", "contraction", "verdict"}


def test_only_updates_consume_real_episodes_and_replays(result: Result) -> None:
    used = {method: found["real_episodes_used"] for method, found in result.summary["methods"].items()}
    assert used == {"fixed": 0, "uniform": 0, "particles": 6, "oracle": 0}
    replayed = {method: found["replay_steps"] for method, found in result.summary["methods"].items()}
    assert replayed["particles"] > 6 * 16
    assert (replayed["fixed"], replayed["uniform"], replayed["oracle"]) == (0, 0, 0)


def test_every_method_pays_for_the_warm_up_that_was_trained_once(result: Result) -> None:
    warm_ups = list((result.folder / "warmups").iterdir())
    assert len(warm_ups) == 1
    warm_up = json.loads((warm_ups[0] / "stages" / "warm-up" / "lesson" / "lesson.json").read_text())
    curves = result.curves
    for _, curve in curves.groupby("piece"):
        shared = curve[curve.training == "warm-up"]
        assert list(shared.env_steps) == [point["env_steps"] for point in warm_up["curve"]]
        assert set(curve.training) == {"warm-up", "round-000"}
    for piece in result.summary["pieces"]:
        own = json.loads(
            (piece_folder(result, piece["method"]) / "stages" / "round-000" / "lesson" / "lesson.json").read_text()
        )
        assert piece["env_steps"] == warm_up["env_steps"] + own["env_steps"]


def test_the_final_starts_are_the_same_for_every_method(result: Result) -> None:
    first = starts(stage(result, "fixed", "final/real"))
    assert len(set(first)) == 20
    for method in ("uniform", "particles", "oracle"):
        assert starts(stage(result, method, "final/real")) == first


def test_simulated_episodes_begin_where_the_real_ones_were_measured_to(result: Result) -> None:
    real = starts(stage(result, "particles", "final/real"))
    assert starts(stage(result, "particles", "final/simulated")) == real
    assert starts(stage(result, "particles", "final/nominal")) == real
    six = starts(stage(result, "particles", "round-000/real"))
    assert starts(stage(result, "particles", "round-000/simulated")) == [*six, *six[:2]]


def test_each_side_of_the_final_evaluation_runs_in_its_own_worlds(result: Result) -> None:
    nominal = {(e.domain or {})["object.friction"] for e in stage(result, "uniform", "final/nominal")}
    simulated = {(e.domain or {})["object.friction"] for e in stage(result, "uniform", "final/simulated")}
    assert nominal == {0.05}
    assert len(simulated) == 20


def test_the_target_tells_neither_domain_nor_seed(result: Result) -> None:
    for method in ("fixed", "particles"):
        for episode in stage(result, method, "final/real"):
            assert episode.domain is None
            assert episode.seed is None
    rows = result.episodes
    hidden = rows[rows.side == "real"]
    assert hidden["domain.object.friction"].isna().all()
    assert rows[rows.side != "real"]["domain.object.friction"].notna().all()


def test_only_the_report_and_the_oracle_know_the_truth(result: Result) -> None:
    folder = piece_folder(result, "oracle")
    truth = json.loads((folder / "truth.json").read_text())
    assert (truth["object.friction"], truth["actuator.delay"]) == (0.15, 0.12)
    state = json.loads((folder / "randomizer" / "round-000.json").read_text())["state"]
    assert state["domain"] == {"object.friction": 0.15, "actuator.delay": 0.12}


def test_the_oracle_is_told_of_parameters_that_nobody_else_doubts(tmp_path: Path) -> None:
    target = {"type": "hidden", "domain": {"object.friction": 0.1, "sensor.object_position_noise": 0.004}}
    spec = toy(methods=["oracle"], targets={"noisy": target}, agent={"warmup_steps": 300, "round_steps": 300})
    found = run(spec, output=tmp_path, trainer=GainSearch(), report=False)
    domain = json.loads((piece_folder(found, "oracle") / "randomizer" / "round-000.json").read_text())["state"][
        "domain"
    ]
    assert domain == {"object.friction": 0.1, "actuator.delay": 0.0, "sensor.object_position_noise": 0.004}


def test_rounds_say_what_the_measured_policy_had_cost(result: Result) -> None:
    rounds = pd.read_csv(result.folder / "rounds.csv")
    ours = rounds[rounds.method == "particles"].set_index("round")
    assert list(ours.index) == [0, 1]
    assert (ours.real_episodes_used[0], ours.replay_steps[0], ours.real_n[0]) == (0, 0, 6)
    assert (ours.real_episodes_used[1], ours.real_n[1], ours.simulated_n[1]) == (6, 20, 20)
    assert ours.env_steps[0] < ours.env_steps[1] == result.summary["methods"]["particles"]["env_steps"]
    unmeasured = rounds[(rounds.method == "fixed") & (rounds["round"] == 0)].iloc[0]
    assert unmeasured.real_n == 0
    assert np.isnan(unmeasured.real_rate)


def test_episodes_are_a_tidy_table(result: Result) -> None:
    rows = result.episodes
    counts = Counter(zip(rows.method, rows.phase, rows.side, strict=True))
    assert counts["particles", "round", "real"] == 6
    assert counts["particles", "round", "simulated"] == 8
    for method in ("fixed", "uniform", "particles", "oracle"):
        assert [counts[method, "final", side] for side in ("real", "simulated", "nominal")] == [20, 20, 20]
    final = rows[(rows.method == "particles") & (rows.phase == "final") & (rows.side == "real")]
    assert final.success.sum() == result.summary["methods"]["particles"]["real"]["k"]
    assert (final["outcome.success"] == final.success).all()


def test_the_number_of_workers_does_not_change_a_number(result: Result, tmp_path: Path) -> None:
    spec = toy(methods=[PARTICLES], workers=2)
    two = run(spec, output=tmp_path, trainer=GainSearch(), report=False)
    assert without_times(two.summary["methods"]["particles"]) == without_times(result.summary["methods"]["particles"])


def test_a_method_does_not_depend_on_which_others_run(result: Result, tmp_path: Path) -> None:
    alone = run(toy(methods=["uniform"]), output=tmp_path, trainer=GainSearch(), report=False)
    assert without_times(alone.summary["pieces"][0]) == without_times(result.summary["pieces"][1])


def test_another_seed_gives_other_numbers(result: Result, tmp_path: Path) -> None:
    other = run(toy(methods=["uniform"]), output=tmp_path, seed=5, trainer=GainSearch(), report=False)
    assert other.summary["pieces"][0]["seed"] == 5
    assert other.summary["pieces"][0]["env_steps"] != result.summary["pieces"][1]["env_steps"]


def test_no_rounds_are_plain_training(tmp_path: Path) -> None:
    found = run(toy(methods=["fixed"], rounds=0), output=tmp_path, trainer=GainSearch(), report=False)
    assert set(found.curves.training) == {"warm-up"}
    assert found.summary["pieces"][0]["nominal"]["n"] == 20


def test_two_rounds_learn_twice(tmp_path: Path) -> None:
    methods = [{"method": "particles", "count": 64, "designs": 8, "sweeps": 1}]
    found = run(toy(methods=methods, rounds=2), output=tmp_path, trainer=GainSearch(), report=False)
    assert found.summary["pieces"][0]["real_episodes_used"] == 12
    assert list(found.rounds["round"]) == [0, 1, 2]
    folder = piece_folder(found, "particles")
    assert [path.name for path in sorted((folder / "randomizer").iterdir())] == [f"round-00{r}.json" for r in range(3)]


def test_a_few_diverged_worlds_are_kept_with_their_domain(tmp_path: Path) -> None:
    env = {"id": toy().env.id, "diverge_above": 0.235}
    spec = toy(env=env, methods=["uniform"], episodes={"real_per_round": 6, "simulated_per_round": 40, "final": 60})
    found = run(spec, output=tmp_path, trainer=GainSearch({"diverge_above": 0.235}), report=False)
    lost = found.episodes[found.episodes.failure_mode == "diverged"]
    assert len(lost) > 0
    assert (lost["domain.object.friction"] > 0.235).all()
    assert lost["outcome.object_x"].isna().all()


def test_more_than_a_few_diverged_worlds_stop_the_run_and_name_the_domain(tmp_path: Path) -> None:
    env = {"id": toy().env.id, "diverge_above": 0.1}
    with pytest.raises(TooManyDivergences, match=r"simulated episodes diverged.*object\.friction=0\.[12]"):
        run(
            toy(env=env, methods=["uniform"]), output=tmp_path, trainer=GainSearch({"diverge_above": 0.1}), report=False
        )


def test_a_report_that_fails_loses_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> Path:
        raise RuntimeError("no such font")

    class Listener:
        def __init__(self) -> None:
            self.messages: list[str] = []
            self.shares = 0.0

        def start(self, description: str, total: int, *, share: float = 0.0) -> None:
            self.shares += share

        def advance(self, done: int) -> None:
            pass

        def message(self, text: str) -> None:
            self.messages.append(text)

        def finish(self) -> None:
            pass

    monkeypatch.setattr(sim2real.report, "write_report", fail)
    listener = Listener()
    found = run(toy(methods=["fixed"]), output=tmp_path, progress=listener, trainer=GainSearch())
    assert found.summary["methods"]["fixed"]["real"]["n"] == 20
    assert any("No report: no such font" in message for message in listener.messages)
    assert any("fixed · rough · s0 · final: real " in message for message in listener.messages)
    assert listener.shares == pytest.approx(1.0)


def test_results_are_shown_in_a_notebook(result: Result) -> None:
    shown = result._repr_html_()
    assert "particles" in shown
    assert "toy" in shown
    assert result.methods.loc["particles", "real_episodes_used"] == 6
    assert result.policy(piece_folder(result, "uniform").name).action_size == 1


def test_pooling_counts_successes_together_and_averages_costs() -> None:
    spec = toy(methods=["fixed"], seeds=[0, 1])
    costs = {"real_episodes_used": 0, "replay_steps": 0, "wall_s": 1.0}
    pieces = [
        {"method": "fixed", "target": "rough", "real": {"rate": rate}, "env_steps": steps, **costs}
        for steps, rate in ((100, 1.0), (201, 0.0))
    ]
    finals = [Final([True] * 3, [True] * 3, [True] * 3), Final([False] * 3, [True] * 3, [True] * 3)]
    pooled = summarize(spec, pieces, finals)["methods"]["fixed"]
    assert (pooled["real"]["k"], pooled["real"]["n"]) == (3, 6)
    assert pooled["gap"]["value"] == pytest.approx(0.5)
    assert pooled["gap"]["paired"]["mcnemar_p"] == pytest.approx(0.25)  # 3 pairs of one kind: 2 * 0.5^3
    assert (pooled["env_steps"], pooled["pieces"]) == (150.5, 2)


def test_a_stream_depends_on_its_names_alone() -> None:
    assert generator(0, "push").integers(2**62) == generator(0, "push").integers(2**62)
    names: list[tuple[int | str, ...]] = [(0, "push"), (1, "push"), ("0", "push"), (0, "pus", "h"), (0, "push", 0)]
    assert len({generator(*each).integers(2**62) for each in names}) == len(names)
    ours, theirs = Streams(0, "push", "slippery", "fixed"), Streams(0, "push", "slippery", "uniform")
    assert ours.common("final").integers(2**62) == theirs.common("final").integers(2**62)
    assert ours("train").integers(2**62) != theirs("train").integers(2**62)


def test_streams_are_the_same_on_every_machine() -> None:
    assert generator(0, "PandaPush-v0", "warm-up").integers(2**62) == 3550228250879014764
