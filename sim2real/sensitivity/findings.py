"""What a screening found, as verdicts, as a table, and as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim2real.gap.statistics import LEVEL, Estimate, Rate, json_number, wilson
from sim2real.sensitivity.design import Method
from sim2real.sensitivity.drivers import Driver
from sim2real.sensitivity.indices import Indices
from sim2real.sensitivity.information import expected_left
from sim2real.sensitivity.ridges import Ridge, find_ridges
from sim2real.sensitivity.verdicts import FALSE, SUCCESS, Verdict, counting, p_values, verdicts
from sim2real_envs.outcomes import Outcome
from sim2real_envs.parameters import Array, ParameterSpace

SCHEMA = 1
TRIALS = (5, 15, 50)
"""Numbers of real trials for which plain data says what they leave."""
_Z = 1.959963984540054


@dataclass(frozen=True)
class Findings:
    """What a screening found.

    Args:
        env_id: The environment.
        driver: Who acted.
        method: ``"morris"`` or ``"sobol"``.
        blocks: Trajectories, or base samples.
        episodes: Episodes that were run.
        seed: Of everything that was random.
        smallest: Smaller changes were no effect [scales of the outcomes].
        space: The parameters, with the ranges that were screened.
        outcomes: What was measured.
        successes: Of ``blocks`` starts in the nominal domain.
        indices: The numbers.
        notes: What to know when reading them.
    """

    env_id: str
    driver: Driver
    method: Method
    blocks: int
    episodes: int
    seed: int
    smallest: float
    space: ParameterSpace
    outcomes: tuple[Outcome, ...]
    successes: int
    indices: Indices
    notes: tuple[str, ...] = ()

    @property
    def size_name(self) -> str:
        """What the size of an effect is called: ``mu*`` or ``ST``."""
        return "mu*" if self.method == "morris" else "ST"

    @property
    def other_name(self) -> str:
        """What the second index is called: ``sigma`` or ``S1``."""
        return "sigma" if self.method == "morris" else "S1"

    @cached_property
    def nominal(self) -> Rate | None:
        """The success rate in the nominal domain; None where success is no outcome, as of a rig."""
        known = any(outcome.name == SUCCESS for outcome in self.outcomes)
        return wilson(self.successes, self.blocks) if known else None

    @cached_property
    def p(self) -> Array:
        """The p value of every parameter and outcome that there is no effect, (f - 1, o)."""
        return p_values(self.indices, self.smallest)

    @cached_property
    def counts(self) -> NDArray[np.bool_]:
        """Which effects count, (f - 1, o)."""
        return counting(self.p)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One verdict a parameter, in the order of the space."""
        return verdicts(self.space.names, self.outcomes, self.indices, self.smallest)

    @cached_property
    def ranked(self) -> tuple[Verdict, ...]:
        """The verdicts, what matters most first."""
        best = dict(zip(self.space.names, self.p.min(axis=1), strict=True))
        order = {"randomize": 0, "identify": 1, "undecided": 2, "leave out": 3}
        return tuple(sorted(self.verdicts, key=lambda v: (order[v.word], best[v.parameter], v.parameter)))

    @cached_property
    def ridges(self) -> tuple[Ridge, ...]:
        """The pairs of parameters that cannot be told apart."""
        return find_ridges(self.space.names, self.indices, self._known)

    def left_after(self, trials: int) -> dict[str, Estimate]:
        """Return which share of each parameter's uncertainty so many real trials leave, see ``information.py``."""
        columns = np.stack(expected_left(self.indices, self._known, trials), axis=1).tolist()
        return {name: Estimate(*numbers) for name, numbers in zip(self.space.names, columns, strict=True)}

    @property
    def _known(self) -> list[int]:
        """The parameters with an effect that counts."""
        return [int(row) for row in np.flatnonzero(self.counts.any(axis=1))]

    def table(self) -> pd.DataFrame:
        """Return every index: a row a parameter and outcome, changes in the outcome's unit, with 95 % intervals.

        ``change``: of the outcome over the whole range of the parameter; ``size``: mu* in the same unit, or ST;
        ``floor``: the size of the seed's effect.
        """
        found, rows = self.indices, []
        for j, name in enumerate(self.space):
            for k, outcome in enumerate(self.outcomes):
                unit = outcome.scale
                index_unit = unit if self.method == "morris" else 1.0
                change, half = found.change[j, k] * unit, _Z * found.change_error[j, k] * unit
                size, size_half = found.size[j, k] * index_unit, _Z * found.size_error[j, k] * index_unit
                floor, floor_half = found.size[-1, k] * index_unit, _Z * found.size_error[-1, k] * index_unit
                row = {"parameter": name, "outcome": outcome.name, "unit": outcome.unit, "scale": unit}
                row |= {"n": int(found.n[k]), "counts": bool(self.counts[j, k]), "p": self.p[j, k]}
                row |= {"change": change, "change_low": change - half, "change_high": change + half}
                row |= {"size": size, "size_low": size - size_half, "size_high": size + size_half}
                row |= {"floor": floor, "floor_low": floor - floor_half, "floor_high": floor + floor_half}
                row[self.other_name] = found.other[j, k] * index_unit
                if self.method == "sobol":
                    other_half = _Z * found.other_error[j, k]
                    row |= {"S1_low": found.other[j, k] - other_half, "S1_high": found.other[j, k] + other_half}
                rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON, null for NaN."""
        return {
            "schema": SCHEMA,
            "env": self.env_id,
            "driver": {"kind": self.driver.kind, "name": self.driver.name},
            "method": self.method,
            "blocks": self.blocks,
            "episodes": self.episodes,
            "seed": self.seed,
            "interval": LEVEL,
            "smallest": self.smallest,
            "false_discovery_rate": FALSE,
            "nominal": None if self.nominal is None else self.nominal.to_dict(),
            "ranges": {name: {"low": p.low, "high": p.high, "unit": p.unit} for name, p in self.space.items()},
            "verdicts": [self._verdict(verdict) for verdict in self.ranked],
            "left_after_trials": {
                str(trials): {name: each.to_dict() for name, each in self.left_after(trials).items()}
                for trials in TRIALS
            },
            "ridges": [
                {
                    "first": each.first,
                    "second": each.second,
                    "cosine": each.cosine.to_dict(),
                    "collinearity": json_number(each.collinearity),
                }
                for each in self.ridges
            ],
            "effects": [
                {key: json_number(value) if isinstance(value, float) else value for key, value in row.items()}
                for row in self.table().to_dict("records")
            ],
            "notes": list(self.notes),
        }

    def _verdict(self, verdict: Verdict) -> dict[str, Any]:
        half = _Z * verdict.success_error
        change = {"value": verdict.success, "low": verdict.success - half, "high": verdict.success + half}
        return {
            "parameter": verdict.parameter,
            "verdict": verdict.word,
            "sentence": verdict.sentence,
            "success_change": {key: json_number(value) for key, value in change.items()},
            "identified_from": list(verdict.identified_from),
        }
