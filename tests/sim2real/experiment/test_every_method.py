"""Every method goes through a real round of an experiment: what it needs is there; the runner names none of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim2real
from sim2real.experiment.result import Result
from sim2real.experiment.spec import spec_from
from sim2real.launch import run
from sim2real.randomizers import METHODS, resolve
from tests.support.brief_trainer import BriefTrainer

ENV = "PandaReach-v0"
TINY: dict[str, dict[str, Any]] = {
    "cma_es": {"generations": 3},
    "doraemon": {"episodes": 8},
    "dropo": {"length": 2, "per_episode": 2, "designs": 8, "checks": 2, "samples": 8, "generations": 3},
    "autodr": {"buffer": 2},
    "least_squares": {"designs": 2, "starts": 1, "steps": 1, "count": 32},
    "particles": {"count": 64, "designs": 8, "sweeps": 1},
    "simopt": {"candidates": 4, "iterations": 2},
}
"""Options that make a method cheap; any that is not here runs with its own."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    spec = spec_from(
        {
            "name": "every_method",
            "env": {"id": ENV, "horizon": 5},
            "parameters": {
                "actuator.delay": {"low": 0.0, "high": 0.2},
                "actuator.strength_scale": {"low": 0.5, "high": 1.1},
            },
            "methods": [{"method": method, **TINY.get(method, {})} for method in METHODS],
            "targets": {"laggy": {"type": "hidden", "domain": {"actuator.delay": 0.12}, "log": "sensors"}},
            "rounds": 1,
            "episodes": {"real_per_round": 2, "simulated_per_round": 2, "final": 2},
            "agent": {"warmup_steps": 80, "round_steps": 80},
            "workers": 1,
        }
    )
    trainer = BriefTrainer(ENV, {"horizon": 5})
    return run(spec, output=tmp_path_factory.mktemp("results"), trainer=trainer, report=False)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_goes_through_a_round_and_is_evaluated(result: Result, method: str) -> None:
    found = result.summary["methods"][method]
    assert found["real"]["n"] == found["simulated"]["n"] == 2
    assert found["real_episodes_used"] == (2 if resolve(method).needs else 0)
    (folder,) = (result.folder / "pieces").glob(f"*-laggy-{method}-s0")
    kept = sorted(path.name for path in (folder / "randomizer").glob("round-*.json"))
    assert kept == [f"round-00{update}.json" for update in range(2)]
    last = json.loads((folder / "randomizer" / kept[-1]).read_text())
    assert set(last["description"]["parameters"]) == {"actuator.delay", "actuator.strength_scale"}
    assert np.isfinite(list(last["description"]["diagnostics"].values())).all()


def test_methods_that_need_real_episodes_change_by_them(result: Result) -> None:
    for method in METHODS:
        if not resolve(method).needs:
            continue
        (folder,) = (result.folder / "pieces").glob(f"*-laggy-{method}-s0")
        first, last = (
            json.loads((folder / "randomizer" / f"round-00{update}.json").read_text())["state"] for update in (0, 1)
        )
        assert first != last, method


def test_the_runner_and_its_room_name_no_method_that_learns() -> None:
    room = Path(sim2real.__file__).parent / "experiment"
    learning = set(METHODS) - {"fixed", "uniform", "oracle"}
    for file in ("runner.py", "lab.py", "stages.py", "record.py", "pieces.py", "plan.py"):
        code = (room / file).read_text()
        named = [method for method in learning if f'"{method}"' in code or f"randomizers.{method}" in code]
        assert not named, f"{file} names {named}"
