"""A finished run folder, written by hand: one piece, with the policy and the posterior that a test asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.experiment.codecs import RandomizerCodec
from sim2real.experiment.files import write_json, write_text
from sim2real.experiment.spec import ExperimentSpec, spec_from
from sim2real.policy import KeptPolicy
from sim2real.randomizers import Randomizer
from sim2real.randomizers.particles import Particles, ParticlesOptions

RANGES = {
    "actuator.delay": {"low": 0.0, "high": 0.2},
    "joint.friction": {"low": 0.01, "high": 5.0},
    "joint.mass_scale": {"low": 0.8, "high": 1.2},
    "object.friction": {"low": 0.05, "high": 1.0},
}


def spec_of(env: Mapping[str, Any], parameters: Mapping[str, Any], method: str = "particles") -> ExperimentSpec:
    return spec_from(
        {
            "name": "made",
            "env": dict(env),
            "parameters": dict(parameters),
            "methods": [method],
            "targets": {"rough": {"type": "hidden", "domain": {}}},
        }
    )


def posterior(spec: ExperimentSpec, spread: Mapping[str, float], seed: int = 0) -> Particles:
    """Return particles around 0.4 of each range, as wide as ``spread`` says; 1 is as wide as the prior."""
    space, rng = spec.space(), np.random.default_rng(seed)
    columns = [0.4 + (rng.random(200) - 0.4) * spread.get(name, 0.1) for name in space]
    return Particles(space, ParticlesOptions(), np.stack(columns, axis=1))


def write_run(
    folder: Path, spec: ExperimentSpec, randomizer: Randomizer, policy: KeptPolicy | None, *, round_index: int = 1
) -> Path:
    """Write the run; return the folder of its piece."""
    method = spec.methods[0].label
    piece = folder / "pieces" / f"{spec.env.id.replace(':', '_')}-rough-{method}-s0"
    write_text(folder / "spec.yaml", spec.to_yaml())
    write_json(folder / "manifest.json", {"versions": {"sim2real": "0"}, "git": {"commit": "c0ffee"}})
    (piece / "randomizer").mkdir(parents=True)
    codec = RandomizerCodec(type(randomizer), randomizer.space, method, round_index)
    codec.write(piece / "randomizer" / f"round-{round_index:03}.json", randomizer)
    if policy is not None:
        policy.save(piece / "policy")
    write_json(piece / "done.json", {"result": {"method": method}, "rounds": [], "final": None})
    return piece
