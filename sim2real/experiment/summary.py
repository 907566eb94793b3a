"""``summary.json``: the results of every piece, and of every method over all seeds and targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sim2real.episodes import Episode
from sim2real.experiment.pieces import Piece
from sim2real.experiment.spec import ExperimentSpec
from sim2real.experiment.streams import generator
from sim2real.experiment.tables import COSTS
from sim2real.gap.metrics import paired_success_gap, success_gap
from sim2real.gap.statistics import interquartile_mean, json_number, stratified_bootstrap, wilson
from sim2real.randomizers.base import Description

Result: TypeAlias = dict[str, Any]
SCHEMA = 1
SIDES = ("real", "simulated", "nominal")
CAUTIOUS = ("not identified", "bounded", "identified")


@dataclass(frozen=True)
class Final:
    """Successes of the last evaluation, one list of starts for all three sides: each (n,)."""

    real: Sequence[bool]
    simulated: Sequence[bool]
    nominal: Sequence[bool]

    @classmethod
    def of(cls, **sides: Sequence[Episode]) -> Final:
        """Return the evaluation of episodes by side."""
        return cls(**{side: [episode.success for episode in episodes] for side, episodes in sides.items()})

    def __add__(self, other: Final) -> Final:
        """Return both evaluations as one."""
        return Final(*([*getattr(self, side), *getattr(other, side)] for side in SIDES))

    def rates(self) -> Result:
        """Return success rates with Wilson's interval, and the gap with Newcombe's and over pairs."""
        rates: Result = {side: wilson(sum(getattr(self, side)), len(getattr(self, side))).to_dict() for side in SIDES}
        gap: Result = dict(success_gap(simulated=self.simulated, real=self.real).to_dict())
        paired = paired_success_gap(simulated=self.simulated, real=self.real)
        gap["paired"] = {name: json_number(getattr(paired, name)) for name in ("value", "low", "high", "mcnemar_p")}
        return {**rates, "gap": gap}


def piece_result(piece: Piece, final: Final | None, identification: Result, spent: Mapping[str, float]) -> Result:
    """Return what ``summary.json`` holds of one piece.

    Args:
        piece: The piece.
        final: Its last evaluation; None where there is no policy.
        identification: What was identified; empty where the method does not identify.
        spent: ``env_steps``, ``replay_steps``, ``real_episodes_used`` and ``seconds``.
    """
    result: Result = {**piece.columns(), **(final.rates() if final else {})}
    result |= {cost: int(spent.get(cost, 0)) for cost in COSTS}
    result["wall_s"] = round(spent.get("seconds", 0.0), 1)
    return result | ({"identification": identification} if identification else {})


def identified(description: Description, *, everything: bool = False) -> Result:
    """Return what was identified of each parameter: nothing by a method without verdicts, unless ``everything``."""
    return {
        name: {key: getattr(marginal, key) for key in ("mean", "low", "high", "contraction", "verdict")}
        for name, marginal in description.parameters.items()
        if everything or marginal.verdict is not None
    }


def summarize(spec: ExperimentSpec, results: Sequence[Result], finals: Sequence[Final | None]) -> Result:
    """Return ``summary.json`` of a run: results of the pieces, and of the methods.

    Over several pieces of a method successes are counted together; costs are the mean of a piece. Of several seeds or
    targets there is the interquartile mean of the pieces' success rates, of several targets the rates on each.
    """
    methods: Result = {}
    for entry in spec.methods:
        rows = [
            (result, final) for result, final in zip(results, finals, strict=True) if result["method"] == entry.label
        ]
        methods[entry.label] = _pooled([result for result, _ in rows], [final for _, final in rows])
        evaluated = [(result, final) for result, final in rows if final is not None]
        if len(evaluated) > 1:
            methods[entry.label] |= _over_pieces(entry.label, evaluated)
    return {
        "schema": SCHEMA,
        "experiment": spec.name,
        "kind": spec.kind,
        "pieces": list(results),
        "methods": methods,
    }


def _pooled(results: Sequence[Result], finals: Sequence[Final | None]) -> Result:
    evaluated = [final for final in finals if final is not None]
    pooled: Result = {"pieces": len(results)}
    if evaluated:
        pooled |= sum(evaluated[1:], start=evaluated[0]).rates()
    pooled |= {cost: _mean_count([result[cost] for result in results]) for cost in COSTS}
    pooled["wall_s"] = round(_mean([result["wall_s"] for result in results]), 1)
    found = [result["identification"] for result in results if "identification" in result]
    return pooled | ({"identification": _pooled_identification(found)} if found else {})


def _over_pieces(method: str, rows: Sequence[tuple[Result, Final]]) -> Result:
    """The interquartile mean of real success, its interval from seeds resampled within targets, and each target."""
    targets = list(dict.fromkeys(str(result["target"]) for result, _ in rows))
    by_target = {name: [(result, final) for result, final in rows if result["target"] == name] for name in targets}
    rates = [[result["real"]["rate"] for result, _ in of_target] for of_target in by_target.values()]
    stream = generator("interquartile mean", method)
    mean = stratified_bootstrap(rates, lambda groups: interquartile_mean(np.concatenate(groups)), stream)
    found: Result = {"interquartile_mean": {"n": len(rows), **mean.to_dict()}}
    if len(targets) > 1:
        finals = {name: [final for _, final in of_target] for name, of_target in by_target.items()}
        found["targets"] = {name: sum(each[1:], start=each[0]).rates() for name, each in finals.items()}
    return found


def _pooled_identification(found: Sequence[Result]) -> Result:
    """Means over pieces, the held-out errors weighted by their number, and the most cautious verdict."""
    names = list(dict.fromkeys(name for one in found for name in one["parameters"]))
    pooled: Result = {
        "parameters": {name: _pooled_marginal([one["parameters"][name] for one in found]) for name in names}
    }
    if all("held_out" in one for one in found):
        weights = [one["held_out"]["n"] for one in found]
        common = set.intersection(*(set(one["held_out"]) for one in found))  # targets may measure different ones
        errors = [name for name in found[0]["held_out"] if name in common - {"n"}]
        pooled["held_out"] = {"n": sum(weights)}
        for name in errors:
            total = sum(one["held_out"][name] * weight for one, weight in zip(found, weights, strict=True))
            pooled["held_out"][name] = total / max(sum(weights), 1)
        pooled["fitted_on"] = _mean_count([one["fitted_on"] for one in found])
        pooled["seconds"] = round(_mean([one["seconds"] for one in found]), 1)
    return pooled


def _pooled_marginal(marginals: Sequence[Result]) -> Result:
    pooled: Result = {key: _mean([m[key] for m in marginals]) for key in ("mean", "low", "high", "contraction")}
    verdicts = Counter(marginal["verdict"] for marginal in marginals)
    return pooled | {"verdict": next((verdict for verdict in CAUTIOUS if verdicts[verdict]), None)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _mean_count(counts: Sequence[int]) -> int | float:
    mean = _mean(counts)
    return int(mean) if mean.is_integer() else round(mean, 1)
