"""The learning curves in the repository are of presets that exist, and of policies that succeed."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from sim2real.experiment.spec import load_spec
from sim2real.training.presets import names

ROOT = Path(__file__).parent.parent
CURVES = sorted((ROOT / "results" / "curves").glob("*.csv"))


def head(path: Path) -> dict[str, str]:
    """Return the comments at the top of a table."""
    lines = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize("path", CURVES, ids=lambda path: path.stem)
def test_a_curve_is_of_a_preset_and_an_experiment_that_ship(path: Path) -> None:
    preset, algorithm = path.stem.split("-")
    said = head(path)
    found = re.fullmatch(r"(\w+), preset (\w+)", said["agent"])
    assert found is not None
    assert (found[1].lower(), found[2]) == (algorithm, preset)
    assert preset in names(found[1])
    file, *changes = said["experiment"].split(",")[0].split(" --set ")
    spec = load_spec(ROOT / "experiments" / file, changes)
    assert (spec.env.id, spec.agent.algorithm, spec.agent.preset) == (said["env"], found[1], preset)


@pytest.mark.parametrize("path", CURVES, ids=lambda path: path.stem)
def test_a_curve_ends_with_a_policy_that_succeeds(path: Path) -> None:
    curve, said = pd.read_csv(path, comment="#"), head(path)
    assert curve["env_steps"].is_monotonic_increasing
    assert curve["seconds"].is_monotonic_increasing
    assert curve["env_steps"].iloc[-1] == int(said["env_steps"])
    assert curve["success"].iloc[-1] > 0.8
    successes = re.fullmatch(r"(\d+) successes in 100 episodes", said["final"])
    assert successes is not None
    assert int(successes[1]) >= 95
