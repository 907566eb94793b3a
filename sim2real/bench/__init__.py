"""How fast the environments are, measured so that the figures hold on a shared machine.

Identical runs differ by 15 % and more, so contestants take short turns in one
run, and the figures to quote are ratios within a turn. One file a benchmark:
``envs`` (steps), ``parts`` (where a step's time goes), ``camera`` (pictures),
``reset`` (resets and memory), ``cores`` (more workers). That of training is ``sim2real.training.bench``.
"""

from __future__ import annotations

from sim2real.bench.camera import CameraBenchmark, camera_speed
from sim2real.bench.envs import PAIRS, EnvSpeed, env_speed
from sim2real.bench.parts import Part, Parts, step_parts
from sim2real.bench.reset import MemoryGrowth, ResetTime, memory_growth, reset_time

__all__ = [
    "PAIRS",
    "CameraBenchmark",
    "EnvSpeed",
    "MemoryGrowth",
    "Part",
    "Parts",
    "ResetTime",
    "camera_speed",
    "env_speed",
    "memory_growth",
    "reset_time",
    "step_parts",
]
