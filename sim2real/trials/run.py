"""Trials from a plan to results, in one call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sim2real.experiment.files import write_json
from sim2real.robots.protocol import RobotLike
from sim2real.trials.log import TrialLog, choose_folder
from sim2real.trials.operator import Operator
from sim2real.trials.plan import Plan
from sim2real.trials.results import Results, results, write_results
from sim2real.trials.rig import TrialRobot
from sim2real.trials.session import Session

PLAN = "plan.json"


@dataclass(frozen=True)
class Done:
    """Trials that are over: their folder, and what they found."""

    folder: Path
    results: Results


def run_trials(
    plan: Plan,
    operator: Operator,
    *,
    output: str | os.PathLike[str] = "results",
    resume: bool | str | os.PathLike[str] = False,
    blind: bool = True,
    robot: RobotLike | None = None,
) -> Done:
    """Do what is left of a plan, and return what was found.

    The results of what is done so far are written also where the session ends early.

    Args:
        plan: From ``load_plan``.
        operator: Who places, watches and judges.
        output: Where results go: ``output/<name>/trials-<time>``.
        resume: True for the newest unfinished trials of that name, or their folder.
        blind: Whether the operator does not see which policy runs.
        robot: The robot, if it is there already; else it is made as the plan says.

    Raises:
        Interrupted: If the operator quits; says how to go on.
        RunFolderError: If the folder cannot be written, or the plan has changed (lists the keys).
        RobotError: If there is no such robot.
        SpecError: If a policy does not fit the robot.
    """
    folder = choose_folder(plan, Path(output), resume if isinstance(resume, bool) else Path(resume))
    trial_robot = TrialRobot(plan, robot)
    try:
        log = TrialLog(folder, plan)
        try:
            write_json(folder / PLAN, plan.to_dict())
            if log.history.left:
                Session(plan, log, trial_robot, operator, blind=blind).run()
        finally:
            found = results(log.history.trials, tuple(plan.policies), plan.total, plan.spec.seed)
            write_results(folder, found, log.history.trials)
            log.close()
    finally:
        trial_robot.close()
    return Done(folder, found)
