"""Run folders in the exact layout, with outcomes drawn from a closed-form world: success falls with the distance of
what a policy was trained on from the domain it is tried in."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from sim2real.gap.metrics import paired_success_gap, success_gap
from sim2real.gap.statistics import Rate, wilson
from sim2real.randomizers.particles import Particles
from sim2real_envs.parameters import Parameter, ParameterSpace

SPACE: dict[str, dict[str, Any]] = {
    "object.friction": {"low": 0.05, "high": 1.0, "nominal": 0.5, "unit": "-", "log": False},
    "actuator.delay": {"low": 0.0, "high": 0.15, "nominal": 0.0, "unit": "s", "log": False},
    "object.mass": {"low": 0.05, "high": 0.8, "nominal": 0.1, "unit": "kg", "log": True},
}
TRUTH = {"object.friction": 0.1, "actuator.delay": 0.08, "object.mass": 0.3}
METHODS = ("fixed", "uniform", "particles", "oracle")
QUALITY = {"fixed": 0.42, "uniform": 0.66, "particles": 0.88, "oracle": 0.94}
ROUNDS = 2
FAILURES = ("timeout", "out_of_reach", "collision")
CUBE_SPACE: dict[str, dict[str, Any]] = {
    "object.friction": {"low": 0.05, "high": 0.6, "nominal": 0.5, "unit": "-", "log": False},
    "object.restitution": {"low": 0.0, "high": 0.25, "nominal": 0.0, "unit": "-", "log": False},
    "object.mass": {"low": 0.2, "high": 0.6, "nominal": 0.37, "unit": "kg", "log": False},
    "recording.scale": {"low": 0.95, "high": 1.05, "nominal": 1.0, "unit": "-", "log": False},
}


def to_unit(spec: dict[str, Any], value: float) -> float:
    if spec["log"]:
        return math.log(value / spec["low"]) / math.log(spec["high"] / spec["low"])
    return float((value - spec["low"]) / (spec["high"] - spec["low"]))


def from_unit(spec: dict[str, Any], unit: np.ndarray) -> np.ndarray:
    if spec["log"]:
        return np.asarray(spec["low"] * (spec["high"] / spec["low"]) ** unit)
    return np.asarray(spec["low"] + unit * (spec["high"] - spec["low"]))


def draws(method: str, round_: int, rng: np.random.Generator, size: int = 400) -> np.ndarray:
    """Unit-cube draws (size, n) of a method after ``round_`` updates."""
    nominal = np.array([to_unit(spec, spec["nominal"]) for spec in SPACE.values()])
    truth = np.array([to_unit(spec, TRUTH[name]) for name, spec in SPACE.items()])
    if method == "fixed":
        return np.tile(nominal, (size, 1))
    if method == "oracle":
        return np.tile(truth, (size, 1))
    if method == "uniform":  # the same in every round
        return np.stack([np.roll(np.linspace(0, 1, size), 7 * column) for column in range(len(SPACE))], axis=1)
    if round_ == 0:
        return rng.uniform(size=(size, len(SPACE)))
    width = np.array([0.25, 0.2, 0.45]) / round_
    return np.clip(truth + rng.normal(size=(size, len(SPACE))) * width, 0, 1)


def description(space: dict[str, dict[str, Any]], unit: np.ndarray, identifies: bool) -> dict[str, Any]:
    parameters = {}
    for column, (name, spec) in enumerate(space.items()):
        values, contraction = from_unit(spec, unit[:, column]), 1 - 12 * float(unit[:, column].var())
        low, high = np.quantile(values, [0.05, 0.95])
        verdict = "identified" if contraction >= 0.75 else "bounded" if contraction >= 0.2 else "not identified"
        parameters[name] = {
            "mean": float(values.mean()),
            "low": float(low),
            "high": float(high),
            "quantiles": [float(q) for q in np.quantile(values, np.linspace(0, 1, 21))],
            "contraction": contraction,
            "verdict": verdict if identifies else None,
        }
    spread = unit.std(axis=0).min() > 0
    correlation = np.corrcoef(unit.T) if spread else np.eye(unit.shape[1])
    return {
        "parameters": parameters,
        "correlation": correlation.tolist(),
        "diagnostics": {"effective_sample_size": 181.0, "predictive_coverage": 0.93} if identifies else {},
        "messages": [],
    }


def write_json(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, allow_nan=False))


def write_randomizer(
    folder: Path, method: str, round_: int, space: dict[str, dict[str, Any]], unit: np.ndarray
) -> None:
    identifies = method == "particles" and round_ > 0
    data = {"method": method, "round": round_, "state": state_of(method, space, unit), "space": space}
    data["description"] = description(space, unit, identifies)
    write_json(folder / "randomizer" / f"round-{round_:03d}.json", data)


def state_of(method: str, space: dict[str, dict[str, Any]], unit: np.ndarray) -> dict[str, Any]:
    if method != "particles":
        return {}
    parameters = [
        Parameter(name, p["nominal"], p["low"], p["high"], (p["low"], p["high"]), p["unit"], p["log"])
        for name, p in space.items()
    ]
    return dict(dataclasses.replace(Particles.create(ParameterSpace(parameters)), unit=unit).to_dict())


def curve(training: str, steps: int, start: float, end: float, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    for step in range(4000, steps + 1, 4000):
        success = start + (end - start) * (1 - math.exp(-4 * step / steps))
        rate = rng.binomial(60, min(max(success, 0.0), 1.0)) / 60
        row = {"training": training, "env_steps": step, "episodes": 60, "success": rate, "mean_return": 20 * rate - 4}
        yield row


def episodes(
    method: str, seed: int, round_: int, side: str, phase: str, n: int, rate: float, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    for index in range(n):
        success = bool(rng.random() < rate)
        mode = "none" if success else str(rng.choice(FAILURES, p=[0.7, 0.2, 0.1]))
        steps = int(rng.integers(20, 60)) if success else 80
        yield {
            **{"env": "PandaPush-v0", "target": "slippery", "method": method, "seed": seed, "round": round_},
            **{"side": side, "phase": phase, "episode": index, "label": "", "success": success},
            **{"failure_mode": mode, "steps": steps, "total_reward": 20.0 * success - 0.1 * steps},
            "outcome.success": float(success),
            "outcome.object_x": 0.5 + rng.normal(0, 0.01 if success else 0.1),
            **{f"domain.{name}": math.nan if side == "real" else spec["nominal"] for name, spec in SPACE.items()},
        }


def rate_of(rows: Sequence[dict[str, Any]]) -> Rate:
    return wilson(sum(row["success"] for row in rows), len(rows))


def gap_of(simulated: Sequence[dict[str, Any]], real: Sequence[dict[str, Any]]) -> dict[str, Any]:
    sides = {"simulated": [r["success"] for r in simulated], "real": [r["success"] for r in real]}
    gap: dict[str, Any] = success_gap(**sides).to_dict()
    if len(simulated) != len(real):
        return {**gap, "paired": None}
    pair = paired_success_gap(**sides)
    return {**gap, "paired": {key: getattr(pair, key) for key in ("value", "low", "high", "mcnemar_p")}}


def summarize(rows: Sequence[dict[str, Any]], **costs: float) -> dict[str, Any]:
    sides = {side: [r for r in rows if r["side"] == side] for side in ("real", "simulated", "nominal")}
    summary: dict[str, Any] = {side: rate_of(chosen).to_dict() for side, chosen in sides.items()}
    return summary | {"gap": gap_of(sides["simulated"], sides["real"]), **costs}


def round_row(method: str, seed: int, r: int, real: Sequence[Any], simulated: Sequence[Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"env": "PandaPush-v0", "target": "slippery", "method": method, "seed": seed, "round": r}
    for side, chosen in (("real", real), ("simulated", simulated)):
        row |= {f"{side}_{key}": value for key, value in rate_of(chosen).to_dict().items()}
    gap = gap_of(simulated, real)
    row |= {f"gap_{key}": gap[key] for key in ("value", "low", "high")}
    used = 15 * r if method == "particles" else 0
    return row | {"real_episodes_used": used, "env_steps": 150_000 + 100_000 * r, "replay_steps": 9000 * r}


def piece_of(
    folder: Path, method: str, seed: int, rng: np.random.Generator
) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Write one piece; return its rows of the round table, its episodes and its summary."""
    quality, rounds, log = QUALITY[method], [], []
    points = list(curve("warm-up", 150_000, 0.0, 0.97, np.random.default_rng(seed)))  # shared by the methods
    for r in range(ROUNDS):
        rate = 0.42 + (quality - 0.42) * r / ROUNDS
        real = list(episodes(method, seed, r, "real", "round", 15 if method == "particles" else 0, rate, rng))
        simulated = list(episodes(method, seed, r, "simulated", "round", 50, 0.95, rng))
        log += real + simulated
        rounds.append(round_row(method, seed, r, real, simulated))
        points += curve(f"round-{r:03d}", 100_000, 0.7, 0.95, rng)
    for r in range(ROUNDS + 1):
        write_randomizer(folder, method, r, SPACE, draws(method, r, rng))
    final = [
        *episodes(method, seed, ROUNDS, "real", "final", 100, quality, rng),
        *episodes(method, seed, ROUNDS, "simulated", "final", 100, 0.96, rng),
        *episodes(method, seed, ROUNDS, "nominal", "final", 100, 0.97 if method == "fixed" else 0.9, rng),
    ]
    rounds.append(round_row(method, seed, ROUNDS, final[:100], final[100:200]))
    pd.DataFrame(points).to_csv(folder / "curve.csv", index=False)
    write_json(folder / "truth.json", {**TRUTH, "table.friction": 0.5})
    used = 30 if method == "particles" else 0
    summary = summarize(final, real_episodes_used=used, env_steps=350_000, replay_steps=18_000, wall_s=140.0)
    if method == "particles":
        summary["identification"] = {"parameters": last_description(folder), "fitted_on": 30, "seconds": 12.0}
    key = {"env": "PandaPush-v0", "target": "slippery", "method": method, "seed": seed}
    write_json(folder / "done.json", {"result": {**key, **summary}, "rounds": rounds, "final": None})
    return rounds, log + final, {**key, **summary}


def last_description(folder: Path) -> dict[str, Any]:
    data = json.loads(max((folder / "randomizer").iterdir()).read_text())
    keep = ("mean", "low", "high", "contraction", "verdict")
    return {name: {key: marginal[key] for key in keep} for name, marginal in data["description"]["parameters"].items()}


def write_manifest(folder: Path) -> None:
    manifest = {
        "started": "2026-11-20T09:00:00+00:00",
        "command": ["sim2real", "run", "experiment.yaml"],
        "versions": {"python": "3.11.2", "sim2real": "0.1.0", "numpy": "2.4.0", "torch": "2.13.0", "pybullet": "3.2.7"},
        "git": {"commit": "0123456789abcdef", "changed": []},
        "machine": {"system": "Linux", "processors": 2},
        "resumed": [],
    }
    write_json(folder / "manifest.json", manifest)


@pytest.fixture(scope="session")
def finished_train_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of kind train, to read: four methods, two seeds, two rounds."""
    return write_train_run(tmp_path_factory.mktemp("results") / "quickstart")


@pytest.fixture
def train_run(finished_train_run: Path, tmp_path: Path) -> Path:
    """The same, to change."""
    return Path(shutil.copytree(finished_train_run, tmp_path / "quickstart"))


def write_train_run(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    spec = {
        "name": "quickstart",
        "kind": "train",
        "seeds": [0, 1],
        "env": {"id": "PandaPush-v0", "observation": "state", "control": "ee_delta"},
        "parameters": {name: {"low": spec["low"], "high": spec["high"]} for name, spec in SPACE.items()},
        "methods": ["fixed", "uniform", {"method": "particles", "count": 128}, "oracle"],
        "agent": {"algorithm": "PPO", "preset": "push", "warmup_steps": 150_000, "round_steps": 100_000},
        "targets": {"slippery": {"type": "hidden", "domain": TRUTH, "log": "sensors"}},
        "rounds": ROUNDS,
        "episodes": {"real_per_round": 15, "simulated_per_round": 50, "final": 100},
        "workers": 2,
    }
    folder.mkdir(parents=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    write_manifest(folder)
    rounds: list[Any] = []
    log: list[Any] = []
    pieces: list[Any] = []
    for seed in (0, 1):
        for method in METHODS:
            piece = folder / "pieces" / f"PandaPush-v0-slippery-{method}-s{seed}"
            piece.mkdir(parents=True)
            its_rounds, its_log, summary = piece_of(piece, method, seed, rng)
            rounds, log = rounds + its_rounds, log + its_log
            pieces.append(summary)
    pd.DataFrame(rounds).to_csv(folder / "rounds.csv", index=False)
    pd.DataFrame(log).to_parquet(folder / "episodes.parquet")
    final = [row for row in log if row["phase"] == "final"]
    methods = {
        m: summarize([r for r in final if r["method"] == m], real_episodes_used=30 if m == "particles" else 0)
        | {"pieces": 2, "env_steps": 350_000, "replay_steps": 18_000, "wall_s": 140.0}
        for m in METHODS
    }
    summary = {"schema": 1, "experiment": "quickstart", "kind": "train", "pieces": pieces, "methods": methods}
    write_json(folder / "summary.json", summary)
    return folder


def toss(rng: np.random.Generator, times: np.ndarray, friction: float, noise: float) -> np.ndarray:
    """Positions (t, 3) of a thing that falls, then slides to rest under Coulomb friction."""
    height, velocity, heading = 0.2, 1.4, 0.6
    fall = math.sqrt(2 * height / 9.81)
    z = np.where(times < fall, 0.052 + height - 0.5 * 9.81 * times**2, 0.052)
    slide = np.minimum(np.maximum(times - fall, 0.0), velocity / (friction * 9.81))
    along = velocity * np.minimum(times, fall) + velocity * slide - 0.5 * friction * 9.81 * slide**2
    path = np.stack([along * math.cos(heading), along * math.sin(heading), z], axis=1)
    return np.asarray(path + rng.normal(0, noise, path.shape).cumsum(axis=0))


@pytest.fixture(scope="session")
def finished_identify_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of kind identify, to read: tosses of a cube, one method."""
    return write_identify_run(tmp_path_factory.mktemp("results") / "cube_toss")


@pytest.fixture
def identify_run(finished_identify_run: Path, tmp_path: Path) -> Path:
    """The same, to change."""
    return Path(shutil.copytree(finished_identify_run, tmp_path / "cube_toss"))


def write_identify_run(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    spec = {
        "name": "cube_toss",
        "kind": "identify",
        "seeds": [0],
        "env": {"id": "cube_toss"},
        "parameters": {name: {"low": s["low"], "high": s["high"]} for name, s in CUBE_SPACE.items()},
        "methods": ["particles"],
        "targets": {"tosses": {"type": "recording", "data": "cube_toss", "fit": 30, "split_seed": 0}},
        "workers": 2,
    }
    piece = folder / "pieces" / "cube_toss-tosses-particles-s0"
    piece.mkdir(parents=True)
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    write_manifest(folder)
    write_randomizer(piece, "particles", 0, CUBE_SPACE, rng.uniform(size=(400, 4)))
    posterior = np.column_stack(
        [rng.normal(0.25, 0.02, 400), rng.uniform(size=400), rng.uniform(size=400), rng.normal(0.3, 0.05, 400)]
    )
    posterior[:, 0] += 0.1 * (posterior[:, 1] - 0.5)
    write_randomizer(piece, "particles", 1, CUBE_SPACE, np.clip(posterior, 0, 1))
    times = np.arange(0, 1.2, 0.02)
    recorded, predicted, stock = np.full((3, 12, len(times), 3), np.nan)
    for index in range(12):
        length = int(rng.integers(40, len(times)))
        friction = rng.normal(0.186, 0.01)
        recorded[index, :length] = toss(rng, times[:length], friction, 0.0008)
        predicted[index, :length] = toss(rng, times[:length], 0.186, 0.0)
        stock[index, :length] = toss(rng, times[:length], 0.5, 0.0)
    labels = np.array([f"toss-{index:03d}" for index in range(12)])
    np.savez(
        piece / "predictions.npz",
        times=times,
        recorded=recorded,
        predicted=predicted,
        stock=stock,
        columns=np.array(["x [m]", "y [m]", "z [m]"]),
        labels=labels,
    )
    identification = {
        "parameters": last_description(piece),
        "held_out": {
            **{"n": 426, "position_error_mm": 13.9, "rotation_error_deg": 18.2},
            **{"position_error_low_mm": 13.1, "position_error_high_mm": 14.7},
            **{"stock_position_error_mm": 92.3, "stock_rotation_error_deg": 33.1},
        },
        "fitted_on": 30,
        "seconds": 41.0,
    }
    entry = {
        "real_episodes_used": 30,
        "env_steps": 0,
        "replay_steps": 0,
        "wall_s": 50.0,
        "identification": identification,
    }
    key = {"env": "cube_toss", "target": "tosses", "method": "particles", "seed": 0}
    summary = {"schema": 1, "experiment": "cube_toss", "kind": "identify", "pieces": [{**key, **entry}]}
    write_json(folder / "summary.json", {**summary, "methods": {"particles": entry}})
    write_json(piece / "done.json", {"result": {**key, **entry}, "rounds": [], "final": None})
    log = [
        {
            **{"env": "cube_toss", "target": "tosses", "method": "particles", "seed": 0, "round": 1, "side": "real"},
            **{"phase": "held_out", "episode": index, "label": label, "success": False, "failure_mode": "none"},
            **{"steps": 50, "total_reward": 0.0, "outcome.position_error": float(rng.gamma(4, 0.0035))},
        }
        for index, label in enumerate(labels)
    ]
    pd.DataFrame(log).to_parquet(folder / "episodes.parquet")
    return folder
