"""What trials found: a rate for every policy, differences on the same starts, and whether anything drifted."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2real.experiment.files import write_json, write_text
from sim2real.experiment.streams import generator
from sim2real.gap.metrics import PairedDifference, paired_success_gap
from sim2real.gap.statistics import Difference, Rate, wilson
from sim2real.trials.drift import Drift, drift, halves
from sim2real.trials.log import Trial

SUMMARY, RATES, TRIALS = "summary.json", "rates.csv", "trials.csv"
_CLOCKS = {"trial": "10 trials", "hour": "hour of the day"}
_SHORTEST_H = 0.5  # over less, the time of day cannot be told from the number of the trial


@dataclass(frozen=True)
class Comparison:
    """Two policies on the same starts.

    Args:
        first: Name.
        second: Name.
        blocks: Blocks in which both have a trial that counts.
        difference: First minus second, with Newcombe's paired interval and McNemar's p value.
    """

    first: str
    second: str
    blocks: int
    difference: PairedDifference


@dataclass(frozen=True)
class Results:
    """What trials found.

    Args:
        rates: Policy to its rate, with Wilson's interval.
        failures: Policy to how often it failed how.
        spoiled: Policy to its spoiled trials.
        comparisons: Every pair of policies.
        drifts: ``"trial"`` and ``"hour"`` to how success went with it: per 10 trials, and per hour of the day.
        drifts_of: The same for every policy alone.
        late_minus_early: Policy to the rate of its second half of trials minus that of its first.
        overruled: Trials in which the operator did not say what was proposed.
        corrected: Trials in which safety clipped or refused an action.
        planned: Trials of the plan.
    """

    rates: Mapping[str, Rate]
    failures: Mapping[str, Mapping[str, int]]
    spoiled: Mapping[str, int]
    comparisons: tuple[Comparison, ...]
    drifts: Mapping[str, Drift]
    drifts_of: Mapping[str, Mapping[str, Drift]]
    late_minus_early: Mapping[str, Difference]
    overruled: int
    corrected: int
    planned: int

    @property
    def done(self) -> int:
        """Trials that count."""
        return sum(rate.n for rate in self.rates.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the results as plain JSON."""
        return {
            "schema": 1,
            "planned": self.planned,
            "done": self.done,
            "policies": {
                name: {
                    **rate.to_dict(),
                    "failures": dict(self.failures[name]),
                    "spoiled": self.spoiled[name],
                    "drift": _told(self.drifts_of[name]),
                    "late_minus_early": self.late_minus_early[name].to_dict(),
                }
                for name, rate in self.rates.items()
            },
            "comparisons": [
                {"first": each.first, "second": each.second, "blocks": each.blocks, **each.difference.to_dict()}
                for each in self.comparisons
            ],
            "drift": _told(self.drifts),
            "overruled": self.overruled,
            "corrected_by_safety": self.corrected,
        }


def results(trials: Sequence[Trial], policies: Sequence[str], planned: int, seed: int) -> Results:
    """Return what trials found.

    Args:
        trials: In the order in which they were done, spoiled ones among them.
        policies: Names in the order of the plan.
        planned: Trials of the plan.
        seed: Of the permutations behind the p values of drift.
    """
    valid = [trial for trial in trials if not trial.spoiled]
    of = {name: [trial for trial in valid if trial.slot.policy == name] for name in policies}
    modes = {name: sorted({trial.failure_mode for trial in group if not trial.success}) for name, group in of.items()}
    return Results(
        rates={name: wilson(sum(map(_won, group)), len(group)) for name, group in of.items()},
        failures={
            name: {mode: sum(trial.failure_mode == mode and not trial.success for trial in of[name]) for mode in each}
            for name, each in modes.items()
        },
        spoiled={name: sum(bool(t.spoiled) and t.slot.policy == name for t in trials) for name in policies},
        comparisons=tuple(_compared(first, second, of) for first, second in itertools.combinations(policies, 2)),
        drifts=_drifts(valid, seed),
        drifts_of={name: _drifts(group, seed) for name, group in of.items()},
        late_minus_early={name: halves([_won(trial) for trial in group]) for name, group in of.items()},
        overruled=sum(trial.proposed is not None and trial.proposed != trial.success for trial in valid),
        corrected=sum(trial.corrected > 0 for trial in valid),
        planned=planned,
    )


def write_results(folder: Path, found: Results, trials: Sequence[Trial]) -> tuple[Path, ...]:
    """Write ``summary.json``, ``rates.csv`` (policy, real, trials) and ``trials.csv``, one row a trial."""
    rates = [
        {"policy": name, "real": f"{rate.rate:.6g}", "trials": rate.n} for name, rate in found.rates.items() if rate.n
    ]
    rows = [
        {
            "trial": trial.slot.number,
            "attempt": trial.attempt,
            "block": trial.slot.block,
            "start": trial.slot.start + 1,
            "policy": trial.slot.policy,
            "began": trial.began.isoformat(),
            "success": "" if trial.success is None else int(trial.success),
            "proposed": "" if trial.proposed is None else int(trial.proposed),
            "failure_mode": trial.failure_mode,
            "spoiled": trial.spoiled,
            "steps": trial.steps,
            "corrected": trial.corrected,
            "late": trial.late,
            "episode": trial.episode,
        }
        for trial in trials
    ]
    write_json(folder / SUMMARY, found.to_dict())
    write_text(folder / RATES, _csv(("policy", "real", "trials"), rates))
    write_text(folder / TRIALS, _csv(tuple(rows[0]) if rows else ("trial",), rows))
    return folder / SUMMARY, folder / RATES, folder / TRIALS


def _won(trial: Trial) -> bool:
    return bool(trial.success)


def _compared(first: str, second: str, of: Mapping[str, Sequence[Trial]]) -> Comparison:
    mine, theirs = ({trial.slot.block: _won(trial) for trial in of[name]} for name in (first, second))
    blocks = sorted(mine.keys() & theirs.keys())
    gap = paired_success_gap(simulated=[mine[block] for block in blocks], real=[theirs[block] for block in blocks])
    return Comparison(first, second, len(blocks), gap)


def _drifts(valid: Sequence[Trial], seed: int) -> dict[str, Drift]:
    hours = [each.began.hour + each.began.minute / 60 + each.began.second / 3600 for each in valid]
    if not hours or max(hours) - min(hours) < _SHORTEST_H:
        hours = [0.0] * len(valid)  # a clock that stands still says nothing
    clocks = {"trial": [trial.slot.number / 10 for trial in valid], "hour": hours}
    won, policy = [_won(trial) for trial in valid], [trial.slot.policy for trial in valid]
    return {name: drift(clock, won, policy, generator(seed, "trials", name)) for name, clock in clocks.items()}


def _told(drifts: Mapping[str, Drift]) -> dict[str, Any]:
    return {name: {"per": _CLOCKS[name], **found.to_dict()} for name, found in drifts.items()}


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
