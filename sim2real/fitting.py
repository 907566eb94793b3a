"""Joint friction, gains, delay and the like from a robot's own log: no policy, no training.

A log of joint commands and measured joint positions is cut into windows, which the rig ``arm`` replays open loop; some
are fitted and the others predicted. It runs as an experiment of ``kind: identify``, so that there is a run folder with
a report, which can be run again from its ``spec.yaml``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import sim2real_envs
from sim2real import launch
from sim2real.errors import InsufficientEvidence, RecordingError
from sim2real.experiment.progress import Progress
from sim2real.experiment.result import Result
from sim2real.experiment.spec import ExperimentSpec, spec_from
from sim2real.exporting.domain import IdentifiedDomain, identified_domain, write_domain
from sim2real.recordings import Recording, joint_log
from sim2real.recordings.excitation import excitation_warnings
from sim2real.recordings.log import Log, read_log, write_log
from sim2real.report.run import Run
from sim2real_envs import rigs
from sim2real_envs.arms import ARMS
from sim2real_envs.errors import OptionError, UnknownNameError
from sim2real_envs.parameters import ParameterSpace
from sim2real_envs.registration import full_id

PARAMETERS = (
    "joint.friction",
    "joint.damping",
    "joint.armature",
    "actuator.delay",
    "actuator.stiffness_scale",
    "actuator.damping_scale",
)
"""What is identified by default."""
OTHER_GAINS = 1.3
"""Gains that differ by more than this factor from the arm's own lie outside of their default range."""


@dataclass(frozen=True)
class HeldOut:
    """Error of the joint angles on windows that were not fitted [mrad], with a 95 % bootstrap interval after."""

    windows: int
    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True)
class Fitted:
    """What a log said.

    Args:
        result: The run.
        domain: What was identified.
        held_out: Errors before, at nominal parameters, and after.
        fitted_on: How many windows were fitted.
        origin: What was recorded, as the log has it.
        warnings: Sentences that the user should read.
    """

    result: Result
    domain: IdentifiedDomain
    held_out: HeldOut
    fitted_on: int
    origin: str
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "folder": str(self.result.folder),
            "origin": self.origin,
            "fitted_on": self.fitted_on,
            "held_out": vars(self.held_out),
            "parameters": _marginals(self.domain),
            "domain": self.domain.values(),
            "warnings": list(self.warnings),
        }


def fit_logs(
    logs: Sequence[Path],
    env_id: str,
    *,
    parameters: Mapping[str, tuple[float, float] | None] | None = None,
    method: str = "least_squares",
    window: float = joint_log.WINDOW,
    held_out: float = 0.3,
    seed: int = 0,
    output: Path = Path("results"),
    workers: int = 2,
    progress: Progress | None = None,
    report: bool = True,
) -> Fitted:
    """Identify the arm of ``env_id`` from logs of it.

    Args:
        logs: Each with ``joint.command`` and ``joint.position``.
        env_id: An environment with that arm, such as ``"PandaPush-v0"``: its joint law and its parameters.
        parameters: Names, and the range where it is not the default one; None for ``PARAMETERS``.
        method: ``"least_squares"``, or another that identifies.
        window: Length of the windows [s].
        held_out: Share of the episodes, or of stretches of few episodes, to predict.
        seed: Which are held out, and the method's own.
        output: Where run folders go.
        workers: Processes that replay.
        progress: Watches the run.
        report: Whether to draw the report.

    Raises:
        RecordingError: If a log cannot be read, lacks a signal, or logs differ in rate or joints.
        UnknownNameError: If environment, method or a parameter do not exist.
        OptionError: If ``0 < held_out < 1`` does not hold, or the environment has another number of joints.
        InsufficientEvidence: If there is too little to hold something out.
        SpecError: If a range cannot be.
    """
    if not 0.0 < held_out < 1.0:
        raise OptionError(f"`0 < held_out < 1` must hold, but got held_out={held_out}.")
    data, arm = _merged([read_log(path) for path in logs], logs), arm_of(env_id)
    joints, period = data.signals[joint_log.POSITION].size, joint_log.control_period(data.rate)
    if joints != ARMS[arm].size:
        raise OptionError(f"{env_id} has an arm of {ARMS[arm].size} joints, but the log has {joints}.")
    recordings = joint_log.windows(data, window, str(logs[0]))
    groups = len({recording.group for recording in recordings})
    if groups < 2:
        raise InsufficientEvidence(
            f"At least two windows are needed, one to fit and one to predict, but {logs[0]} gives {groups}. "
            "Log more, or use a shorter window."
        )
    fitted = min(max(round((1.0 - held_out) * groups), 1), groups - 1)
    path, name = Path(logs[0]).resolve(), f"fit-{Path(logs[0]).stem}"
    if len(logs) > 1:
        path = (Path(output) / name / "logs.parquet").resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_log(path, data)
    options: dict[str, Any] = {"signals": [joint_log.POSITION]} if method == "least_squares" else {}
    spec = spec_from(
        {
            "name": "".join(c if c.isalnum() or c in "._-" else "_" for c in name),
            "kind": "identify",
            "seeds": [seed],
            "env": {"id": joint_log.RIG, "arm": arm, "period": period},
            "parameters": _ranges(arm, period, parameters),
            "methods": [{"method": method, **options}],
            "targets": {
                "log": {
                    "type": "recording",
                    "data": str(path),
                    "fit": fitted,
                    "split_seed": seed,
                    "window": window,
                }
            },
            "workers": workers,
        }
    )
    return _run(spec, data, arm, recordings, output, progress, report)


def arm_of(env_id: str) -> str:
    """Return the name of the arm of an environment.

    Raises:
        UnknownNameError: If there is no such environment, or it has no arm of this package.
    """
    module, _, name = full_id(env_id).rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        found = gymnasium.spec(name).kwargs.get("arm")
    except (ImportError, gymnasium.error.Error):
        found = None
    if found not in ARMS:
        raise UnknownNameError(env_id, "an environment with an arm", sim2real_envs.ENV_IDS)
    return str(found)


def _merged(logs: Sequence[Log], paths: Sequence[Path]) -> Log:
    """Return all episodes in one log, numbered anew where there are several logs."""
    first = logs[0]
    for log, path in zip(logs, paths, strict=True):
        for name in (joint_log.POSITION, joint_log.COMMAND):
            if name not in log.signals:
                raise RecordingError(
                    f"{path}: a fit needs {joint_log.COMMAND!r} and {joint_log.POSITION!r}, but {name!r} is not "
                    f"among its signals {', '.join(log.signals)}."
                )
        if (log.rate, log.robot) != (first.rate, first.robot):
            raise RecordingError(
                f"Logs that are fitted together must be of one robot at one rate, but {path} is of "
                f"{log.robot or 'no named robot'} at {log.rate:g} Hz, and {paths[0]} of "
                f"{first.robot or 'no named robot'} at {first.rate:g} Hz."
            )
    if len(logs) == 1:
        return first
    shared = {name: signal for name, signal in first.signals.items() if all(name in log.signals for log in logs)}
    episodes = [episode for log in logs for episode in log.episodes]
    renumbered = tuple(
        replace(episode, number=number, values={name: episode[name] for name in shared})
        for number, episode in enumerate(episodes)
    )
    return replace(first, signals=shared, episodes=renumbered)


def _ranges(
    arm: str, period: float, parameters: Mapping[str, tuple[float, float] | None] | None
) -> dict[str, dict[str, float]]:
    """Return the ranges of the uncertain parameters as an experiment file has them."""
    rig = rigs.make(joint_log.RIG, arm=arm, period=period)
    space: ParameterSpace = rig.parameters
    rig.close()
    wanted = dict.fromkeys(PARAMETERS) if parameters is None else parameters
    ranges = {name: (space[name].low, space[name].high) if span is None else span for name, span in wanted.items()}
    return {name: {"low": low, "high": high} for name, (low, high) in ranges.items()}


def _run(
    spec: ExperimentSpec,
    data: Log,
    arm: str,
    recordings: Sequence[Recording],
    output: Path,
    progress: Progress | None,
    report: bool,
) -> Fitted:
    warnings = list(excitation_warnings(recordings))
    if data.robot and data.robot != arm:
        warnings.insert(0, f"The log is of {data.robot!r}, but {arm!r} is fitted to it.")
    if data.gains is not None:
        ratio = data.gains.stiffness / np.array([joint.stiffness for joint in ARMS[arm].joints])
        if not ((ratio > 1.0 / OTHER_GAINS) & (ratio < OTHER_GAINS)).all():
            warnings.append(
                f"The log's controller has {ratio.min():.2g} to {ratio.max():.2g} times the stiffness of the arm's, "
                "and 'actuator.stiffness_scale' is relative to that: give it a range that holds both."
            )
    result = launch.run(spec, output=output, progress=progress, report=report)
    run = Run(result.folder)
    piece = run.pieces[0]
    domain = identified_domain(run, piece)
    write_domain(domain, run, piece, result.folder)
    found = result.summary["pieces"][0]["identification"]
    errors = found["held_out"]
    unknown = [name for name in domain.snapshot.space if domain.is_nominal(name)]
    if unknown:
        warnings.append(
            f"The log cannot tell {', '.join(unknown)}, so nominal values are kept. Log motions that depend on them."
        )
    return Fitted(
        result,
        domain,
        HeldOut(
            windows=int(errors["n"]),
            before=errors["stock_joint_angle_error_mrad"],
            after=errors["joint_angle_error_mrad"],
            low=errors["joint_angle_error_low_mrad"],
            high=errors["joint_angle_error_high_mrad"],
        ),
        int(found["fitted_on"]),
        data.origin,
        (*warnings, *domain.snapshot.description.get("messages", ())),
    )


def _marginals(domain: IdentifiedDomain) -> dict[str, Any]:
    keys = ("mean", "low", "high", "contraction", "verdict")
    return {
        name: {key: marginal[key] for key in keys}
        for name, marginal in domain.snapshot.description["parameters"].items()
    }
