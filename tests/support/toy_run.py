"""A small experiment on the point mass, and a command that runs it, for tests that kill the process.

python -m tests.support.toy_run OUTPUT [WARMUP_STEPS]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sim2real.experiment.spec import ExperimentSpec, spec_from
from sim2real.launch import run
from tests.support import point_mass
from tests.support.gain_search import GainSearch


def toy(**changes: Any) -> ExperimentSpec:
    """Return a small experiment; ``changes`` replace whole keys of it."""
    data: dict[str, Any] = {
        "name": "toy",
        "env": {"id": point_mass.ENV_ID},
        "parameters": {
            "object.friction": {"low": 0.01, "high": 0.25},
            "actuator.delay": {"low": 0.0, "high": 0.2},
        },
        "methods": ["fixed", "uniform", {"method": "particles", "count": 64, "designs": 16}],
        "agent": {"warmup_steps": 3000, "round_steps": 3000},
        "targets": {"rough": {"type": "hidden", "domain": {"object.friction": 0.15, "actuator.delay": 0.12}}},
        "rounds": 1,
        "episodes": {"real_per_round": 6, "simulated_per_round": 8, "final": 20},
        "workers": 1,
    }
    return spec_from({**data, **changes})


if __name__ == "__main__":
    steps = {"agent": {"warmup_steps": int(sys.argv[2]), "round_steps": 3000}} if len(sys.argv) > 2 else {}
    run(toy(**steps), output=Path(sys.argv[1]), resume=True, trainer=GainSearch(), report=False)
