"""Train in a randomized simulator, measure on the real side, and let the gap change what the simulator randomizes.

    import sim2real
    result = sim2real.run("experiments/quickstart.yaml", overrides={"agent.round_steps": 50_000})
    result.methods

What stands here is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim2real.episodes import Episode
    from sim2real.errors import Sim2RealError
    from sim2real.evidence import Evidence, Need
    from sim2real.experiment.result import Result
    from sim2real.experiment.spec import ExperimentSpec, load_spec
    from sim2real.exporting import Bundle, export
    from sim2real.launch import run
    from sim2real.policy import MlpPolicy, Policy, for_episode, load_policy
    from sim2real.randomizers import Randomizer
    from sim2real.rollouts import Job, Rollouts
    from sim2real.targets import HiddenTarget, RecordingTarget, RobotTarget
    from sim2real.training.adapt_domain import AdaptDomain
    from sim2real.training.vec_env import Sb3Worlds
    from sim2real_envs.parameters import Domain, Parameter, ParameterSpace

_HOMES = {
    "AdaptDomain": "sim2real.training.adapt_domain",
    "Bundle": "sim2real.exporting",
    "Domain": "sim2real_envs.parameters",
    "Episode": "sim2real.episodes",
    "Evidence": "sim2real.evidence",
    "ExperimentSpec": "sim2real.experiment.spec",
    "HiddenTarget": "sim2real.targets",
    "Job": "sim2real.rollouts",
    "MlpPolicy": "sim2real.policy",
    "Need": "sim2real.evidence",
    "Parameter": "sim2real_envs.parameters",
    "ParameterSpace": "sim2real_envs.parameters",
    "Policy": "sim2real.policy",
    "Randomizer": "sim2real.randomizers",
    "RecordingTarget": "sim2real.targets",
    "Result": "sim2real.experiment.result",
    "RobotTarget": "sim2real.targets",
    "Rollouts": "sim2real.rollouts",
    "Sb3Worlds": "sim2real.training.vec_env",
    "Sim2RealError": "sim2real.errors",
    "export": "sim2real.exporting",
    "for_episode": "sim2real.policy",
    "load_policy": "sim2real.policy",
    "load_spec": "sim2real.experiment.spec",
    "run": "sim2real.launch",
}

__all__ = [
    "AdaptDomain",
    "Bundle",
    "Domain",
    "Episode",
    "Evidence",
    "ExperimentSpec",
    "HiddenTarget",
    "Job",
    "MlpPolicy",
    "Need",
    "Parameter",
    "ParameterSpace",
    "Policy",
    "Randomizer",
    "RecordingTarget",
    "Result",
    "RobotTarget",
    "Rollouts",
    "Sb3Worlds",
    "Sim2RealError",
    "export",
    "for_episode",
    "load_policy",
    "load_spec",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
