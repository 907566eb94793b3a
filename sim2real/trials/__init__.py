"""Trials of policies on hardware: a plan, a person, a log that survives, and honest rates at the end.

    plan = load_plan("trials.yaml")
    done = run_trials(plan, operator_for(Console(), sys.stdin.fileno()), output="results")
    done.results.rates["particles"]

``plan`` the file · ``order`` randomized blocks · ``placing`` what goes where · ``journal`` and ``log`` what happened ·
``screen`` and ``operator`` the person · ``rig`` the robot · ``session`` the loop · ``results`` and ``drift`` the end
"""

from __future__ import annotations

from sim2real.trials.journal import Journal
from sim2real.trials.log import Trial, TrialLog, choose_folder, read_episode, read_trials
from sim2real.trials.operator import KeyOperator, LineOperator, Operator, operator_for
from sim2real.trials.order import Slot, planned_order
from sim2real.trials.plan import Plan, load_plan, plan_from
from sim2real.trials.results import Results, results
from sim2real.trials.run import Done, run_trials

__all__ = [
    "Done",
    "Journal",
    "KeyOperator",
    "LineOperator",
    "Operator",
    "Plan",
    "Results",
    "Slot",
    "Trial",
    "TrialLog",
    "choose_folder",
    "load_plan",
    "operator_for",
    "plan_from",
    "planned_order",
    "read_episode",
    "read_trials",
    "results",
    "run_trials",
]
